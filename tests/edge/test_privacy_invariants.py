"""What no code of the edge may do, read from the code itself: I1 and I8 as rules that a change cannot slip past."""

import ast
import copy
import dataclasses
import importlib
import pkgutil
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import umi_cloud
import umi_edge
import umi_shared
from umi_edge.labelling.release import release
from umi_edge.labelling.text import DEVICE
from umi_shared import wire
from umi_shared.labels import PLANNER
from umi_shared.released import Disclosure, Released
from umi_shared.transcript import Instruction, View

PACKAGES = (umi_edge, umi_cloud, umi_shared)


def sources(*packages: object) -> Iterator[tuple[str, ast.Module]]:
    """Every module of the packages, parsed."""
    for package in packages:
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*.py")):
            yield f"{folder.name}/{file.relative_to(folder).as_posix()}", ast.parse(file.read_text("utf-8"))


# I1: release() is the one way out.


def names_in(tree: ast.Module) -> set[str]:
    """Every name that a module imports, reads, or takes as an attribute."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=module, names=names):
                found |= {f"{module}.{alias.name}" for alias in names} | {alias.name for alias in names}
            case ast.Attribute(attr=name) | ast.Name(id=name):
                found.add(name)
    return found


def test_only_release_mints():
    """Neither by name nor by way of the module, whose other names are types."""
    taken = {"umi_shared.released.mint", "umi_shared.released", "umi_shared.released._SEAL", "_SEAL"}
    minters = {file for file, tree in sources(*PACKAGES) if taken & (names_in(tree) | imported(tree))}
    assert minters == {"umi_edge/labelling/release.py", "umi_shared/released.py"}
    for file, tree in sources(*PACKAGES):
        assert "released" not in {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            for alias in node.names if node.module == "umi_shared"
        }, file  # fmt: skip


def test_only_the_wire_layer_and_the_way_out_see_the_messages():
    """A module that can build a request could fill it with anything."""
    seers = {file for file, tree in sources(umi_edge) if "umi_proto.v1.agent_pb2" in names_in(tree)}
    assert seers <= {
        "umi_edge/egress/cloud_client.py",
        "umi_edge/ledger/outbound.py",
        "umi_edge/terminal/preview.py",
    }


@pytest.mark.parametrize("function", [wire.plan_request, wire.summarize_request])
def test_the_wire_takes_released_views_and_nothing_else(function):
    assert typing.get_type_hints(function)["view"] == Released[View]
    view = View(catalogue=(), entries=(Instruction(("secret",)),))

    class Lookalike:
        payload, sink, disclosures = view, PLANNER, ()

    for wrong in (view, Lookalike(), None, "secret"):
        with pytest.raises(TypeError):
            function("r1", wrong)


def test_a_released_value_cannot_be_made_or_changed_elsewhere():
    view = View(catalogue=(), entries=())
    released = release((), (), PLANNER)
    for make in (
        lambda: Released(view, PLANNER, ()),
        lambda: Released(view, PLANNER, (), object()),
        lambda: dataclasses.replace(released, payload=view),
        lambda: type("Loose", (Released,), {})(view, PLANNER, ()),
        lambda: setattr(released, "payload", view),
    ):
        with pytest.raises((TypeError, dataclasses.FrozenInstanceError)):
            make()
    assert copy.copy(released).payload is released.payload


def test_a_view_for_the_device_is_for_no_message():
    """It holds values; `Cloud` refuses it by its sink."""
    assert release((), (), DEVICE).sink not in (PLANNER, "summarizer")


# I8: nothing prints.

MAY_PRINT = re.compile(
    r"umi_edge/(commands/.*|cli|terminal/.*|runtime/(conversation|demo|planner)|doors/(daemon|line|terminal_answerer|visitor|visits|remote_terminal)|session/report)\.py"
)
"""What talks to the user at their terminal."""
OTHERWISE = {
    "umi_edge/tools/mcp/servers.py": {"logging", "getLogger"},  # turns a library's loggers off
    "umi_edge/tools/mcp/stdio.py": {"stdout", "stderr"},  # a child's pipes
    "umi_edge/connection/local_cloud.py": {"stdout", "stderr"},  # a child's pipes
    "umi_edge/diagnosis/probe.py": {"echo"},  # a child of `umi doctor`: what it found, as JSON
}
PRINTERS = {
    "print",
    "logging",
    "getLogger",
    "warnings",
    "stdout",
    "stderr",
    "echo",
    "print_exc",
    "Console",
    "syslog",
}


def test_nothing_in_the_edge_logs_or_prints_but_what_talks_to_the_user():
    for file, tree in sources(umi_edge):
        if not MAY_PRINT.fullmatch(file):
            assert PRINTERS & (names_in(tree) | imported(tree)) <= OTHERWISE.get(file, set()), file


def imported(tree: ast.Module) -> set[str]:
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


def test_nothing_evaluates_code_or_unpickles():
    banned = {"eval", "exec", "pickle", "marshal", "shelve", "compile_command"}
    for file, tree in sources(umi_edge, umi_shared):
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | imported(tree)
        assert not banned & used, file


# I8: no repr shows a value.

CONFIGURATION = (
    "umi_edge.runtime.config",
    "umi_edge.connection.connection",
    "umi_edge.runtime.demo",
    "umi_edge.diagnosis",
    "umi_edge.connection.enroll",
    "umi_edge.runtime.installed_tools",
    "umi_edge.ledger",
    "umi_edge.connection.local_cloud",
    "umi_edge.policy",
    "umi_edge.session.recording",
    "umi_edge.connection.reachability",
    "umi_edge.terminal.tool_overview",
    "umi_edge.tuning",
    "umi_edge.tools.mcp",
    "umi_shared.adapter_folder",
    "umi_shared.enrolment_token",
    "umi_shared.hugging_face",
    "umi_shared.models",
    "umi_shared.packaged_model",
    "umi_shared.problems",
    "umi_shared.settings",
)
"""Their dataclasses hold what the user or the operator configured; secrets in it have tests of their own."""
PUBLIC = {
    # The program's words, names of the catalogue, words of the policy, ids, digests, types, rules.
    "ScriptedCaller": {"script"},  # a test's own
    "Reply": {"text"},  # a test's own
    "ArgumentWriter": {"tool", "names"},
    "JsonWriter": {"tool", "root_type", "known_keys"},
    "AlphaUmiDialect": {"name"},
    "Action": {"tool", "result"},
    "Language": {"name"},
    "Answered": {"undone"},
    "Asked": {"tool"},
    "Call": {"tool"},
    "CallWritten": {"tool"},
    "ChatDecisionReader": {"tools"},
    "ChatDialect": {"name"},
    "ChatPrompt": {"messages"},
    "Disclosure": {"rule"},
    "Client": {"name", "tools", "rule_id"},
    "_Change": {"tool"},
    "Cloud": {"session", "peer"},
    "ConsentRequest": {"tool", "reasons"},
    "Conversation": {"where"},
    "Decision": {"tool"},
    "Decoded": {"alphabet"},
    "Declassifications": {"_charged"},
    "Fact": {"show"},
    "FilesConfig": {"roots"},
    "Folder": {"suffix", "suffixes"},
    "Generation": {"stop", "session", "adapter"},
    "GrowingIndex": {"automaton"},
    "Handle": {"type"},
    "HandleRule": {"type"},
    "HomeConfig": {"files"},
    "JsonSchema": {"schema"},
    "Kept": {"origin"},
    "Label": {"bars", "readers"},
    "Limits": {"least", "most"},
    "LabelledArguments": {"text"},
    "LabelledEntry": {"text"},
    "Labeller": {"sources"},
    "Lark": {"grammar"},
    "LiveView": {"_told"},
    "Message": {"role"},
    "Observation": {"tool", "failure"},
    "Observed": {"tool", "failure"},
    "Offered": {"name", "annotations"},
    "Outbound": {"peer", "request_id", "sink", "sha256"},
    "OutputText": {"stop"},
    "Plan": {"tool"},
    "Planned": {"tool"},
    "Refused": {"tool", "kind", "reasons"},
    "Regex": {"pattern"},
    "Released": {"disclosures", "sink"},
    "PrivateSpan": {"type", "rule"},
    "Program": {"client", "key", "places", "more"},
    "Provenance": {"said"},
    "Request": {"request_id"},
    "RolePrompt": {"stop"},
    "Progressed": {"tool"},
    "Questioned": {"tool", "reply"},
    "SessionCallHost": {"tool"},
    "ServerQuestion": {"server", "fields"},
    "QuestionField": {"kind"},
    "PolicyPack": {"name", "about", "written_from", "runs", "reads", "writes", "marks", "why"},
    "Sent": {"sink", "sha256"},
    "Session": {"withheld", "unapproved", "cards", "record", "new_id"},
    "GazetteerSource": {"rule_id", "type", "tool"},
    "LostSource": {"tool", "types"},
    "SmtpConfig": {"user", "sender", "host"},
    "Span": {"masked", "rule"},
    "Step": {"punctuation", "conversation", "door"},
    "Happened": {"kind", "by", "sink", "tool"},
    "Seen": {"reader"},
    "SeenValue": {"handle"},
    "Seat": {"colours"},
    "_Visit": {"id"},
    "Waiting": {"id", "door", "conversation"},
    "Decided": {"id", "by"},
    "Questions": {"conversation", "door"},
    "TerminalAnswerer": {"name", "where", "conversation"},
    "_Answerer": {"name", "where", "conversation"},
    "Stopped": {"reason"},
    "StringField": {"name"},
    "Tool": {"name", "input_schema", "description", "source", "output_schema"},
    "ToldCatalogue": {"withheld", "unapproved", "cards"},
    "ToolSession": {"withheld", "unapproved", "cards", "new_id"},
    "ToolSource": {"name", "tools", "prefix"},
    "Withheld": {"tool", "because"},
    "Unapproved": {"tool", "source", "changed"},
    "CardToApprove": {"tool", "source"},
    "_Planner": {"where"},
    "ToolCard": {"name", "input_schema", "description"},
    "UmiDialect": {"name"},
    "View": {"catalogue"},
    "WayOut": {"peer"},
    "WrittenCall": {"tool"},
    "_Writer": {"tool", "handles", "rule_of"},
}
"""What a repr may show of each dataclass. A field is here only if it can hold no private value."""
UMIS_OWN_WORDS = {
    "umi_edge.session.device_answer.words.ListWords",
    "umi_edge.session.device_answer.answer._Kind",
    "umi_edge.session.item_look_up.ItemLookUp",
    "umi_edge.session.look_up_words.LookUpWords",
    "umi_edge.session.several_meant._Words",
    "umi_edge.values.word_lists._Fault",
}
"""Written in the code or in umi's word lists, or what is wrong with one: no field ever holds anything else."""
TEXT = re.compile(r"\b(str|bytes|Any|tuple|list|dict|Mapping|frozenset|set|Iterable|Collection|object)\b")


def dataclasses_of(*packages: object) -> Iterator[type]:
    for package in packages:
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if found.name.startswith(CONFIGURATION):
                continue
            module = importlib.import_module(found.name)
            for one in vars(module).values():
                if isinstance(one, type) and dataclasses.is_dataclass(one) and one.__module__ == found.name:
                    yield one


def shown_by(one: type) -> set[str]:
    """The fields with room for text that the repr shows."""
    instance = object.__new__(one)
    for field in dataclasses.fields(one):
        object.__setattr__(instance, field.name, f"canary of {field.name}!")
    text = repr(instance)
    return {
        field.name
        for field in dataclasses.fields(one)
        if f"canary of {field.name}!" in text and TEXT.search(str(field.type))
    }


@pytest.mark.parametrize("one", list(dataclasses_of(umi_edge, umi_shared)), ids=lambda one: one.__qualname__)
def test_a_repr_shows_no_field_that_may_hold_a_value(one):
    """A new field with room for text fails here until it is hidden, or classified as public."""
    name = one.__qualname__
    if f"{one.__module__}.{name}" not in UMIS_OWN_WORDS:
        assert shown_by(one) <= PUBLIC.get(name, set())


def test_a_clearance_tells_where_and_how_much_and_never_what():
    assert [field.name for field in dataclasses.fields(Disclosure)] == ["entry", "rule", "clear_bytes"]
