"""The built-in tools as they really are: their declared results, and a default policy that knows every field."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import jsonschema
import pytest

from umi_edge.policy import default_policy
from umi_edge.policy.cases import cases
from umi_edge.policy.paths import path_of
from umi_edge.policy.schema_structure import Structure
from umi_edge.tools import Catalogue, RunLimits, Succeeded, Tool, run_tool
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home
from umi_edge.values.json_walk import walk

TODAY = date(2026, 6, 1)
LIMITS = RunLimits(call_seconds=20, result_bytes=1 << 20)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    home = make_sample_home(tmp_path_factory.mktemp("home"), TODAY)
    for folder, name in ((home.contacts, "bad.vcf"), (home.calendar, "bad.ics"), (home.notes, "bad.md")):
        (folder / name).write_bytes(b"\xff\x00")  # so that `skipped` shows
    now = datetime.combine(TODAY, time(9), UTC)
    return Catalogue(builtin_tools(replace(home, more=True, now=lambda: now)))


async def _result(tool: Tool, arguments: Mapping[str, Any]) -> Any:
    outcome = await run_tool(tool, arguments, LIMITS)
    assert isinstance(outcome, Succeeded), outcome
    return outcome.value


async def _calls(tools: Catalogue) -> dict[str, Any]:
    """A result of every built-in tool, those that need an id after those that give one."""
    found = {
        "contacts.search": await _result(tools["contacts.search"], {"name": "Martin"}),
        "contacts.list": await _result(tools["contacts.list"], {}),
        "contacts.add": await _result(tools["contacts.add"], {"name": "Somebody New"}),
        "calendar.list": await _result(tools["calendar.list"], {"date": "2026-06-01"}),
        "mail.search": await _result(tools["mail.search"], {"query": "the"}),
        "mail.send": await _result(
            tools["mail.send"], {"to": "a@example.org", "subject": "Hello", "body": "Hi"}
        ),
        "notes.search": await _result(tools["notes.search"], {"query": "boiler"}),
        "notes.create": await _result(tools["notes.create"], {"title": "New", "text": "x"}),
        "files.search": await _result(tools["files.search"], {"query": "boiler"}),
        "search.everywhere": await _result(tools["search.everywhere"], {"query": "boiler"}),
        "search.answer": await _result(tools["search.answer"], {"question": "the boiler's pressure?"}),
    }
    event = {"title": "Lunch", "date": "2026-06-02", "time": "12:00", "guests": ["a@example.org"]}
    found["calendar.create"] = await _result(tools["calendar.create"], event)
    identity = found["calendar.create"]["id"]
    found["calendar.cancel"] = await _result(tools["calendar.cancel"], {"id": identity})
    found["calendar.search"] = await _result(tools["calendar.search"], {"query": "dentist"})
    found["calendar.free"] = await _result(tools["calendar.free"], {"date": "2026-06-01"})
    found["calendar.repeat"] = await _result(
        tools["calendar.repeat"], {"title": "Fair", "date": "2026-06-02"}
    )
    moved = {"id": found["calendar.repeat"]["id"], "date": "2026-06-03"}
    found["calendar.update"] = await _result(tools["calendar.update"], moved)
    found["calendar.add_todo"] = await _result(tools["calendar.add_todo"], {"title": "Call"})
    found["calendar.todos"] = await _result(tools["calendar.todos"], {})
    done = {"id": found["calendar.add_todo"]["id"]}
    found["calendar.finish_todo"] = await _result(tools["calendar.finish_todo"], done)
    person = found["contacts.search"]["matches"][0]["id"]
    found["contacts.change"] = await _result(tools["contacts.change"], {"id": person, "role": "plumber"})
    mail = found["mail.search"]["messages"][0]
    answer = {"id": mail["id"], "to": mail["from"], "body": "Yes."}
    found["mail.reply"] = await _result(tools["mail.reply"], answer)
    onward = {"id": mail["id"], "subject": mail["subject"], "to": "a@example.org"}
    found["mail.forward"] = await _result(tools["mail.forward"], onward)
    added = {"title": "New", "text": "x"}
    found["notes.append"] = await _result(tools["notes.append"], added)
    found["notes.edit"] = await _result(tools["notes.edit"], {"title": "New", "old": "x\n\nx", "new": "y"})
    letter = found["mail.search"]["messages"][0]["id"]
    found["mail.read"] = await _result(tools["mail.read"], {"id": letter})
    note = found["notes.search"]["notes"][0]["id"]
    found["notes.read"] = await _result(tools["notes.read"], {"id": note})
    file = found["files.search"]["files"][0]["path"]
    found["files.read"] = await _result(tools["files.read"], {"path": file})
    return found


async def test_results_are_what_the_tools_declare_and_every_leaf_has_a_rule_of_its_own(
    tools: Catalogue,
) -> None:
    results = await _calls(tools)
    assert set(results) == {tool.name for tool in tools}  # a new tool fails here until it is run, too
    for name, value in results.items():
        schema = tools[name].output_schema
        assert schema is not None, name
        jsonschema.Draft202012Validator(schema).validate(value)
        assignment = default_policy().results(name, value)
        for step in walk(value):
            if not step.punctuation:
                rules = [rule for rule in _rules(assignment, step.location) if rule.clearance]
                assert rules, f"{name}: no rule for {path_of(step.location)}"


def _rules(assignment: Any, location: tuple[str | int, ...]) -> list[Any]:
    """The rules of the leaf; of the list that it is an item of, where that is a list of texts."""
    around = location if not location or isinstance(location[-1], str) else location[:-1]
    return [rule for place in {location, around} for rule in assignment.node(place).exact]


def test_every_field_that_is_declared_has_a_rule_of_its_own(tools: Catalogue) -> None:
    # What the sample home happens not to hold counts as well.
    for tool in tools:
        for side, schema in (("results", tool.output_schema), ("arguments", tool.input_schema)):
            assert schema is not None
            for case in cases(default_policy().table(tool.name, side), Structure(schema)):
                if case.is_leaf and not isinstance(case.location[-1], int):
                    assert any(rule.clearance for rule in case.exact), f"{tool.name} {path_of(case.location)}"


def test_no_rule_of_the_default_policy_is_about_nothing(tools: Catalogue) -> None:
    for tool in tools:
        for side, schema in (("results", tool.output_schema), ("arguments", tool.input_schema)):
            assert schema is not None
            table = default_policy().table(tool.name, side)
            used = {rule.rule_id for case in cases(table, Structure(schema)) for rule in case.exact}
            assert {rule.rule_id for rule in table.rules} == used


@pytest.mark.parametrize("schema", [{"type": 7}, {"$ref": "https://example.org/s"}, [], "x", None])
def test_a_result_schema_that_is_none_is_not_believed(schema: Any) -> None:
    async def run(arguments: Mapping[str, Any]) -> None:
        return None

    given = {
        "name": "a.b",
        "description": "",
        "input_schema": {"type": "object"},
        "run": run,
        "source": "mcp:a",
    }
    assert Tool(**given, output_schema=schema).output_schema is None
    good = {"type": "array"}
    kept = Tool(**given, output_schema=good).output_schema
    assert kept == good
    assert kept is not good


async def test_a_servers_own_schema_of_its_results_is_read() -> None:
    from mcp.types import Tool as McpTool

    from umi_edge.tools.mcp.limits import McpLimits
    from umi_edge.tools.mcp.servers import _output_schema

    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    listed = McpTool(name="x", input_schema={"type": "object"}, output_schema=schema)
    assert _output_schema(listed, McpLimits()) == schema
    assert _output_schema(listed, McpLimits(schema_bytes=10)) is None
