"""`stored_as` for people: `explain` shows it, `check` warns of what it cannot mean, `init` says what is not said."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from umi_edge.commands.policy import command
from umi_edge.policy import load_policy
from umi_edge.policy.loader import default_policy_text
from umi_edge.policy_tools.starter import starter_policy
from umi_edge.policy_tools.stored_arguments import store_warnings
from umi_edge.policy_tools.subjects import declared_tools
from umi_edge.tools import Hints, Tool

CRM = """
version: 1
tools:
  crm.put:
    stored_as:
      text: {tool: crm.list, path: "$[*].text"}
      tag: nowhere
      %s
  crm.list:
    results: {"$[*].text": handle, "$[*].title": {locality: handle, show: domain}}
"""


def _run(*arguments: str) -> str:
    ran = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    return ran.output


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "p.yaml"
    path.write_text(CRM % 'title: {tool: crm.list, path: "$[*].title"}')
    return str(path)


def test_explain_shows_where_an_argument_is_read_back_and_what_holds_there(file: str) -> None:
    out = _run("explain", file, "--tool", "crm.put")
    assert "what $.text is given is read back as crm.list: $[*].text (handle) (p.yaml:6" in out
    assert "show domain) (p.yaml:8" in out
    assert "what $.tag is given is read back nowhere (p.yaml:7" in out
    one = _run("explain", file, "--tool", "crm.put", "--argument", "tag")
    assert "$.tag is given" in one
    assert "$.text is given" not in one
    (store,) = json.loads(_run("explain", file, "--tool", "crm.put", "--argument", "text", "--json"))[
        "stored_as"
    ]
    assert store["read_back"] == [{"place": "crm.list: $[*].text", "clearance": "handle"}]


def test_explain_knows_what_the_built_in_tools_say(tmp_path: Path) -> None:
    path = tmp_path / "default.yaml"
    path.write_text(default_policy_text())
    out = _run("explain", str(path), "--tool", "calendar.create", "--argument", "title")
    told = "calendar.list: $.events[*].title (scan); calendar.search: $.events[*].title (scan); search.everywhere: "
    assert f"what $.title is given is read back as {told}" in out
    assert "read back" not in _run("explain", str(path), "--tool", "calendar.list")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('title: {tool: crm.list, path: "$[*].titel"}', "no rule of crm.list spells `titel`"),
        ('title: {tool: crm.list, path: "$[*].title"}', ""),
        ('title: {tool: crm.list, path: "$"}', ""),
        ('title: {tool: calendar.list, path: "$.events[*].titel"}', "calendar.list gives nothing there"),
        ('title: {tool: calendar.list, path: "$.events[*].title"}', ""),
    ],
)
def test_check_warns_of_a_place_that_is_not_there(tmp_path: Path, line: str, says: str) -> None:
    text = CRM % line + "  calendar.list: {card: scan}\n"
    warnings = [(one.line, one.message) for one in store_warnings(load_policy(text, "p.yaml"))]
    assert [number for number, _ in warnings] == ([8] if says else [])
    path = tmp_path / "p.yaml"
    path.write_text(text)
    assert (f"{path}:8: `stored_as` of crm.put names" in _run("check", str(path))) is bool(says)
    assert all(says in message for _, message in warnings)


def test_check_refuses_a_tool_that_the_policy_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(CRM % 'title: {tool: crm.lst, path: "$"}')
    report = json.loads(_run("check", str(path), "--json"))
    assert (report["ok"], report["problems"][0]["line"]) == (False, 8)
    assert "no rules for `crm.lst`" in report["problems"][0]["message"]
    assert "crm.list" in report["problems"][0]["fix"]


def _tool(name: str, source: str = "mcp:crm", result: Any = None, **more: Any) -> Tool:
    async def run(arguments: Mapping[str, Any]) -> None:
        return None

    schema = {"type": "object", "properties": {"title": {"type": "string"}, "day": {"type": "string"}}}
    return Tool(
        name=name, description="", input_schema=schema, run=run, source=source, output_schema=result, **more
    )


LISTED = {"type": "array", "items": {"type": "object", "properties": {"title": {"type": "string"}}}}


def test_init_says_what_is_not_said_and_suggests_where_it_can_tell() -> None:
    text = starter_policy(
        [_tool("crm.put"), _tool("crm.list", result=LISTED), _tool("other.put", "mcp:other")]
    )
    put, listed, other = text.split("[mcp:")[1:]
    for part in (put, listed, other):
        assert "Nothing says where what it is given is read back, so you are asked" in part
    guess = '# stored_as: {title: [{tool: crm.list, path: "$[*].title"}]}   # if that is all'
    assert guess in put
    assert "# stored_as: nowhere" in other
    # The suggestion is a comment, since nobody can know that it is all; without its mark it is a policy.
    assert load_policy(text).tool("crm.put").stored_as == ()
    (line,) = [line for line in put.splitlines() if guess in line]
    taken = text.replace(line, line.replace("# stored_as", "stored_as"))
    assert [str(one) for one in load_policy(taken).tool("crm.put").stored_as[0].places] == [
        "crm.list: $[*].title"
    ]


def test_init_says_nothing_of_tools_that_declare_it_themselves_or_write_nothing() -> None:
    reads = _tool("mine.find", "python", hints=Hints(read_only=True))
    assert "stored_as" not in starter_policy([*declared_tools(), reads])
    assert "stored_as" in starter_policy([_tool("mine.find", hints=Hints(read_only=True))])  # a server's word


@pytest.mark.parametrize("name", ["a\nb: cloud", "x" * 300, "]}", "é # y"])
def test_what_a_server_calls_its_arguments_stays_in_a_comment(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"}}}
    items = {"type": "array", "items": schema}

    async def run(arguments: Mapping[str, Any]) -> None:
        return None

    tool = Tool(
        name="crm.put", description="", input_schema=schema, run=run, source="mcp:crm", output_schema=items
    )
    loaded = yaml.safe_load(starter_policy([tool]))
    assert "stored_as" not in loaded["tools"]["crm.put"]
