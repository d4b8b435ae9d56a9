"""Proofs: a claim holds for every value that a schema admits, or there is a counterexample."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umi_edge.commands.policy import command
from umi_edge.policy import default_policy, load_policy
from umi_edge.policy.cases import cases
from umi_edge.policy.claim import Claim, claim_of
from umi_edge.policy.loader import default_policy_text
from umi_edge.policy.schema_structure import ANYTHING, KINDS, Structure
from umi_edge.policy_tools.example import example
from umi_edge.policy_tools.proof import Theorem, prove
from umi_edge.policy_tools.subjects import declared_tools, named_tools
from umi_edge.policy_tools.witness import Sighting, Witness
from umi_edge.tools import Hints, Tool
from umi_shared.errors import LimitError, PolicyError
from umi_shared.labels import PLANNER, Locality

PEOPLE = {
    "type": "object",
    "properties": {
        "people": {
            "type": "array",
            "items": {"$ref": "#/$defs/person"},
        }
    },
    "additionalProperties": False,
    "$defs": {
        "person": {
            "type": "object",
            "properties": {
                "mail": {"type": "string", "format": "email"},
                "age": {"type": "integer"},
                "boss": {"$ref": "#/$defs/person"},
            },
            "required": ["mail"],
            "additionalProperties": False,
        }
    },
}


def _tool(name: str, *, result: Mapping[str, Any] | None = None, **more: Any) -> Tool:
    async def run(arguments: Mapping[str, Any]) -> None:
        return None

    schema = more.pop("schema", {"type": "object", "properties": {"q": {"type": "string"}}})
    source = more.pop("source", "mcp:x")
    return Tool(
        name=name, description="", input_schema=schema, run=run, source=source, output_schema=result, **more
    )


def _policy(text: str) -> Any:
    return load_policy(f"version: 1\n{text}", "p.yaml")


def _claim(text: str, tools: list[Tool], claim: Claim, **more: Any) -> Theorem:
    return prove(_policy(text), tools, [claim], **more).theorems[0]


RULES = """
tools:
  hr.find:
    results:
      "$.people[*].mail": handle
      "$.people[*].age": cloud
"""


def test_what_a_schema_admits_stays() -> None:
    found = _claim(RULES, [_tool("hr.find", result=PEOPLE)], claim_of("hr.*: $..mail"))
    assert found.holds
    assert found.cases >= 2


def test_a_rule_that_lets_it_out_is_named_with_a_smallest_value() -> None:
    rules = RULES + '      "$..boss": cloud\n'
    found = _claim(rules, [_tool("hr.find", result=PEOPLE)], claim_of("hr.find: $..mail"))
    first = found.counterexamples[0]
    assert not found.holds
    assert (first.path, first.sink) == ("$.people[0].boss.mail", "planner")
    assert first.rule_id.startswith("p.yaml:8 tools.hr.find.results $..boss")
    jsonschema.Draft202012Validator(PEOPLE).validate(first.example)
    assert first.example["people"][0]["boss"]["mail"]


def test_a_wildcard_is_named_as_one_and_not_by_a_name_that_some_rule_spells() -> None:
    rules = 'tools: {a.b: {results: {"$.x[*].y": cloud, "$.c.*.w": cloud}}}'
    for path, shown in (("$.x[*].y", "$.x[*].y"), ("$.c.*.w", "$.c[*].w"), ("$.x.c.y", "$.x.c.y")):
        found = _claim(rules, [_tool("a.b")], claim_of(f"a.b: {path}"))
        assert {one.path for one in found.counterexamples} == {shown}


def test_only_the_sinks_that_read_it_are_named() -> None:
    rules = 'tools: {hr.find: {results: {"$..mail": summarizer}}}'
    found = _claim(rules, [_tool("hr.find", result=PEOPLE)], claim_of("hr.find: $..mail"))
    assert [one.sink for one in found.counterexamples] == ["summarizer"]


def test_scanned_text_is_not_proven_to_stay() -> None:
    rules = 'tools: {hr.find: {results: {"$..mail": scan}}}'
    found = _claim(rules, [_tool("hr.find", result=PEOPLE)], claim_of("hr.find: $..mail"))
    assert "no detector finds" in found.counterexamples[0].message


def test_a_filter_may_match_and_may_not() -> None:
    rules = 'tools: {hr.find: {results: {"$..mail": handle, "$.people[?@.age > 3]": cloud}}}'
    tool = _tool("hr.find", result=PEOPLE)
    assert _claim(rules, [tool], claim_of("hr.find: $..mail")).holds
    found = _claim(rules, [tool], claim_of("hr.find: $..age"))
    assert found.counterexamples[0].path == "$.people[0].age"


@pytest.mark.parametrize("path", ["$.people[-1].mail", "$.people[3].mail", "$.people[2:9:3].mail"])
def test_places_of_a_list_are_told_apart(path: str) -> None:
    rules = f'tools: {{hr.find: {{defaults: {{results: cloud}}, results: {{"{path}": handle}}}}}}'
    tool = _tool("hr.find", result=PEOPLE)
    assert not _claim(rules, [tool], claim_of("hr.find: $.people[*].mail")).holds
    same = _claim(rules, [tool], claim_of(f"hr.find: {path}"))
    assert same.holds is ("-1" not in path)  # the last one may also be another one


def test_a_claim_about_nothing_is_not_proven() -> None:
    found = _claim(RULES, [_tool("hr.find", result=PEOPLE)], claim_of("hr.find: $..salary"))
    assert not found.holds
    assert found.cases == 0


def test_of_a_server_that_may_lie_less_is_proven() -> None:
    tool, claim = _tool("hr.find", result=PEOPLE), claim_of("hr.find: $..secret")
    rules = 'tools: {hr.find: {results: {"$.people": cloud}}}'
    assert _claim(rules, [tool], claim_of("hr.find: $.other"), any_results=True).holds
    assert _claim(rules, [tool], claim, any_results=True).counterexamples
    narrow = 'tools: {hr.find: {results: {"$..mail": handle}}}'
    assert _claim(narrow, [_tool("hr.find")], claim_of("hr.find: $..mail")).holds
    wide = 'tools: {hr.find: {results: {"$..age": cloud}}}'
    assert not _claim(wide, [_tool("hr.find")], claim_of("hr.find: $..mail")).holds  # $.mail.age
    assert any("keeps to the result schema" in one.text for one in prove(_policy(RULES), [tool]).assumptions)


def test_a_container_that_is_kept_whole_keeps_all_that_is_in_it() -> None:
    rules = 'tools: {hr.find: {results: {"$.people": {locality: cloud, shape: hidden}, "$..mail": cloud}}}'
    found = _claim(rules, [_tool("hr.find", result=PEOPLE)], claim_of("hr.find: $..mail"))
    assert found.holds


def test_a_type_is_known_by_rule_format_and_name() -> None:
    tool = _tool("hr.find", result=PEOPLE)
    assert not _claim(
        'tools: {hr.find: {results: {"$..mail": cloud}}}', [tool], Claim(type="email", rule_id="f")
    ).holds
    typed = 'tools: {hr.find: {results: {"$..age": {locality: cloud, type: secret}}}}'
    assert not _claim(typed, [tool], Claim(type="secret", rule_id="f")).holds
    assert not _claim(
        'tools: {hr.find: {results: {"$..age": cloud}}}', [tool], Claim(type="age", rule_id="f")
    ).holds


def test_members_that_share_a_schema_are_told_apart_by_their_names() -> None:
    text = {"type": "string"}
    schema = {"type": "object", "properties": {"a": text, "phone": text}, "additionalProperties": False}
    tool = _tool("hr.find", result=schema)
    open_rules = "tools: {hr.find: {defaults: {results: cloud}}}"
    found = _claim(open_rules, [tool], Claim(type="phone", rule_id="f"))
    assert {one.path for one in found.counterexamples} == {"$.phone"}


def test_a_type_is_looked_for_in_the_instruction() -> None:
    tool = _tool("hr.find", result=PEOPLE)
    claim = Claim(type="email", rule_id="f")
    assert _claim(RULES, [tool], claim).holds
    for rules, why in (
        ("defaults: {instruction: cloud}\n" + RULES, "as it is"),
        ("detect: [{type: ip, pattern: builtin}]\n" + RULES, "no detector"),
    ):
        (found,) = _claim(rules, [tool], claim).counterexamples
        assert found.path == "instruction"
        assert why in found.message


WEB = """
tools:
  hr.find: {results: {"$..mail": {locality: handle, type: email}}}
  web.search: {runs: third-party, stored_as: nowhere, confirm: never, arguments: {q: %s}}
"""


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("cloud", True),
        ("{accepts: cloud}", True),
        ("{accepts: handle}", False),
        ("{accepts: handle, confirm: true}", True),
        ("{accepts: handle, type: phone}", True),
        ("{accepts: handle, type: text}", False),
        ("{accepts: handle, requires: trusted}", True),
        ("{accepts: cloud, on_violation: ask}", True),
        ("{accepts: cloud, on_violation: redact}", True),
    ],
)
def test_third_parties_take_no_handle_of_it_unasked(rule: str, holds: bool) -> None:
    tools = [_tool("hr.find", result=PEOPLE), _tool("web.search", hints=Hints(open_world=True))]
    found = _claim(WEB % rule, tools, claim_of("hr.find: $..mail"))
    assert found.holds is holds
    for one in found.counterexamples:
        assert (one.sink, one.path) == ("tool:web.search", "$.q")
        assert one.example == {"q": "<email:1>"}


def test_the_policy_states_its_own_claims() -> None:
    policy = _policy(RULES + 'keep:\n  - {tool: hr.find, path: "$..mail"}\n  - {type: email}\n')
    found = prove(policy, [_tool("hr.find", result=PEOPLE)])
    assert found.holds
    assert [theorem.rule_id for theorem in found.theorems[:2]] == ["p.yaml:9 keep[0]", "p.yaml:10 keep[1]"]


def test_a_claim_that_is_none_is_refused() -> None:
    with pytest.raises(PolicyError, match="not a claim"):
        _policy("keep: [{tool: a.b}]")
    with pytest.raises(PolicyError, match="not a JSONPath"):
        _policy('keep: [{tool: a.b, path: "x"}]')
    with pytest.raises(PolicyError):
        claim_of("$..email")


def test_the_default_policy_is_proven_for_the_builtin_tools() -> None:
    found = prove(default_policy(), declared_tools())
    assert found.holds, [one for theorem in found.theorems for one in theorem.counterexamples]
    assert sum(theorem.cases for theorem in found.theorems) > 80


def test_an_engine_that_leaks_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from umi_edge.labelling.text import Span

    monkeypatch.setattr(Span, "seen_by", lambda self, sink: (self.clear,))
    found = prove(default_policy(), declared_tools()[:2])
    assert not found.holds
    assert "a fault of umi" in found.theorems[-2].counterexamples[0].message


def test_the_witness_tells_what_is_hidden_from_what_stays() -> None:
    policy = _policy('tools: {t.x: {results: {"$.a": hidden, "$.b": planner}}}')
    witness = Witness(policy)
    tool = _tool("t.x")
    assert witness.result(tool, {"a": "Qzxvkmark"}, ("a",), "Qzxvkmark") == []
    assert witness.result(tool, {"b": "Qzxvkmark"}, ("b",), "Qzxvkmark") == []
    assert witness.result(tool, {"b": "Qzxvkmark", "a": "Qzxvkmark"}, ("a",), "Qzxvkmark")[:1] == [
        Sighting(PLANNER, as_handle=False)
    ]


def test_too_many_filters_on_one_node_are_refused() -> None:
    rules = ", ".join(f'"$[?@.a == {n}]": cloud' for n in range(9))
    with pytest.raises(LimitError, match="filters"):
        prove(_policy(f"tools: {{t.x: {{results: {{{rules}}}}}}}"), [_tool("t.x")])


def test_about_no_tool_nothing_is_proven() -> None:
    assert not prove(default_policy(), []).holds


def test_a_tool_that_is_listed_and_not_installed_may_return_anything() -> None:
    tools = {tool.name: tool for tool in named_tools(_policy(RULES), [])}
    assert tools["hr.find"].output_schema is None
    assert tools["hr.find"].source.startswith("mcp:")


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.sampled_from(["text", 1]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
SEGMENTS = st.sampled_from([".a", ".b", "..a", "[*]", "[0]", "[1]", "[-1]", "[1:4:2]", "[?@.b]", "..*"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=3).map(lambda parts: "$" + "".join(parts))
WORDS = st.sampled_from(["cloud", "planner", "handle", "hidden"])


@given(VALUES, st.dictionaries(PATHS, WORDS, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_place_of_every_value_is_among_the_cases(value: Any, rules: dict[str, str]) -> None:
    body = ", ".join(f'"{path}": {word}' for path, word in rules.items())
    policy = _policy(f"tools: {{t.x: {{results: {{{body}}}}}}}")
    walked = {
        (case.resolution.locality, case.resolution.rule_id)
        for case in cases(policy.table("t.x", "results"), ANYTHING)
    }
    assignment = policy.results("t.x", value)
    for location in _locations(value):
        found = assignment.at(location)
        assert (found.locality, found.rule_id) in walked


def _locations(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, child in inner for place in _locations(child, (*at, key)))]


CLOSED = {"additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"const": 1}}, **CLOSED}]},
         {(), ("a",)}),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {"const": 1}}, **CLOSED}], "type": "object"},
         {(), ("b",)}),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": False}, {(), (0,), (1,)}),
        ({"type": "array", "items": {"$ref": "#"}}, {(), }),
        ({"$ref": "#"}, {(), ("zz",)}),
        ({"$ref": "#nowhere", "type": "object"}, {(), ("zz",)}),
        (False, set()),
    ],
)  # fmt: skip
def test_a_shape_is_walked_through_its_combinators(schema: Any, paths: set[Any]) -> None:
    table = _policy("tools: {t.x: {results: {'$.zz': cloud}}}").table("t.x", "results")
    found = {case.location: case.kinds for case in cases(table, Structure(schema)) if case.kinds}
    assert paths <= set(found)
    assert {place for place in found if place[:1] not in {("zz",), ("other",), (0,)}} <= paths
    if schema == {"$ref": "#"}:
        assert found[()] == set(KINDS)


def test_a_schema_that_is_nested_without_end_admits_anything() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(2000):
        schema = {"allOf": [schema]}
    assert Structure(schema).alternatives()[0].kinds == set(KINDS)


def test_an_example_reaches_as_deep_as_its_place() -> None:
    location = tuple("abcdefghijklmnop") * 2
    value: Any = example(ANYTHING, location, "leaf")
    for name in location:
        value = value[name]
    assert value == "leaf"


def test_every_locality_has_a_meaning_here() -> None:
    from umi_edge.policy_tools.enforcement import _ADMITS

    assert set(_ADMITS) == set(Locality)


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)


def test_the_command_says_what_is_proven_and_what_is_not(tmp_path: Path) -> None:
    file, config = tmp_path / "default.yaml", tmp_path / "config.yaml"
    file.write_text(default_policy_text(), encoding="utf-8")
    config.write_text("", encoding="utf-8")
    result = _run("prove", str(file), "--config", str(config))
    assert result.return_value == 0
    assert "proven: mail.read: $.body stays on this device (default.yaml:" in result.output
    assert "assumed, and not proven:" in result.output
    result = _run("prove", str(file), "--config", str(config), "--keep", "mail.*: $..date", "--json")
    report = json.loads(result.output)
    assert result.return_value == 1
    (wrong,) = [theorem for theorem in report["theorems"] if not theorem["proven"]]
    assert {one["sink"] for one in wrong["counterexamples"]} == {"planner", "summarizer"}
    assert all("default.yaml:" in one["rule"] for one in wrong["counterexamples"])


TEXTS = {
    "type": "object",
    "properties": {
        "client": {"type": "string"},
        "note": {"type": "string"},
        "day": {"type": "string", "format": "date"},
        "kind": {"enum": ["a"]},
    },
    "additionalProperties": False,
}
CLIENTS = """
detect_also: [{type: client, values: [Moreau, Zweig]}]
keep: [{type: client}]
tools:
  a.b: {results: {"$.client": handle, "$.note": %s, "$.day": cloud, "$.kind": cloud}}
"""


@pytest.mark.parametrize(
    ("word", "sinks"),
    [
        ("cloud", ["planner", "summarizer"]),
        ("planner", ["planner"]),
        ("summarizer", ["summarizer"]),
        ("scan", []),
        ("handle", []),
    ],
)
def test_a_type_that_detectors_look_for_is_kept_only_where_they_look(word: str, sinks: list[str]) -> None:
    found = prove(_policy(CLIENTS % word), [_tool("a.b", result=TEXTS)]).theorems[0]
    assert [(one.path, one.sink) for one in found.counterexamples] == [("$.note", sink) for sink in sinks]
    assert all("unscanned" in one.message and "Moreau" not in one.message for one in found.counterexamples)
    assert found.holds is (not sinks)


@pytest.mark.parametrize(
    "lets_out", ["results: {'$.note': planner}", "errors: cloud", "results: {'$.note': cloud}"]
)
def test_a_type_is_proven_to_stay_where_texts_leave_unscanned_only_if_it_never_leaves(lets_out):
    text = (
        "version: 1\nname: x\ndetect: [{type: client, values: [Moreau]}]\nkeep: [{type: client}]\n"
        f"defaults: {{instruction: cloud}}\ntools: {{'x.*': {{confirm: always, {lets_out}}}}}\n"
    )
    tool = _tool("x.get", result={"type": "object", "properties": {"note": {"type": "string"}, "client": {}}})
    (plain, *_), (never, *_) = (
        prove(load_policy(one), [tool]).theorems for one in (text, f"{text}never: [{{type: client}}]\n")
    )
    assert (plain.holds, never.holds) == (False, True)
