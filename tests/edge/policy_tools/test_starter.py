"""`umi policy init`: every field has its line, everything stays, and what a stranger wrote does no harm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from umi_edge.commands.policy import command
from umi_edge.policy import load_policy
from umi_edge.policy.cases import cases
from umi_edge.policy.paths import path_of
from umi_edge.policy.schema_structure import ANYTHING, Structure
from umi_edge.policy_tools.proof import prove
from umi_edge.policy_tools.starter import starter_policy
from umi_edge.policy_tools.subjects import declared_tools
from umi_edge.tools import Hints, Tool
from umi_shared.errors import ConfigError, ToolError


def _tool(name: str = "srv.do", **more: Any) -> Tool:
    async def run(arguments: Mapping[str, Any]) -> None:
        return None

    given: dict[str, Any] = {"description": "", "input_schema": {"type": "object"}, "source": "mcp:srv"}
    return Tool(name=name, run=run, **(given | more))


def test_everything_stays_whatever_the_tools_return() -> None:
    tools = (*declared_tools(), _tool())
    policy = load_policy(starter_policy(tools), "starter.yaml")
    for tool in tools:
        for side in ("arguments", "results"):
            for case in cases(policy.table(tool.name, side), ANYTHING):
                assert case.resolution.locality == "handle", (tool.name, path_of(case.location))
    assert prove(policy, tools).holds


def test_every_declared_field_has_a_line_of_its_own() -> None:
    policy = load_policy(starter_policy(declared_tools()), "starter.yaml")
    for tool in declared_tools():
        for side, schema in (("arguments", tool.input_schema), ("results", tool.output_schema)):
            assert schema is not None
            for case in cases(policy.table(tool.name, side), Structure(schema)):
                if case.is_leaf:
                    assert case.exact, (tool.name, side, path_of(case.location))
    assert '"$.matches[*].phone": {locality: handle, type: phone}' in starter_policy(declared_tools())


def test_what_a_tool_says_of_itself_decides_how_careful_the_policy_is() -> None:
    text = starter_policy(
        [
            _tool("srv.read", hints=Hints(read_only=True)),
            _tool("srv.drop", hints=Hints(destructive=True, open_world=True)),
            _tool("py.calc", source="python"),
            _tool("py.post", source="python", hints=Hints(open_world=True)),
        ]
    )
    policy = load_policy(text)
    found = {
        name: (entry.runs.value, entry.confirm.value, entry.integrity.value)
        for name, entry in policy.tools.items()
    }
    assert found == {
        "srv.read": ("third-party", "always", "untrusted"),
        "srv.drop": ("third-party", "always", "untrusted"),
        "py.calc": ("device", "destructive", "untrusted"),
        "py.post": ("third-party", "always", "untrusted"),
    }
    assert "does not declare what it returns" in text


HOSTILE = st.text(max_size=30) | st.sampled_from(
    [
        "x\n  evil: {runs: device}",
        "a: b",
        "# x",
        "'",
        '"',
        "\\",
        "null",
        "$..x",
        "*",
        "on",
        "\x85x",
        "\ud800",
        "{}",
        "\u2028y",
    ]
)


@given(HOSTILE, HOSTILE, HOSTILE)
@settings(max_examples=150, deadline=None)
def test_what_strangers_wrote_stays_in_comments_and_keys(description: str, argument: str, field: str) -> None:
    schema = {"type": "object", "properties": {argument: {"type": "string", "description": description}}}
    tool = _tool(
        description=description,
        input_schema=schema,
        output_schema={"type": "object", "properties": {field: {}}},
    )
    policy = load_policy(starter_policy([tool]))
    assert list(policy.tools) == ["srv.do"]
    assert policy.tools["srv.do"].runs == "third-party"
    assert len(policy.tools["srv.do"].arguments) <= 1
    assert {rule.clearance.locality for rule in policy.tools["srv.do"].arguments if rule.clearance} <= {
        "handle"
    }


def test_a_schema_that_refers_to_itself_is_cut() -> None:
    node: dict[str, Any] = {
        "type": "object",
        "properties": {name: {"$ref": "#"} for name in "abcdefgh"} | {"v": {"type": "string"}},
    }
    text = starter_policy([_tool(output_schema=node)])
    assert len(text.splitlines()) < 200
    load_policy(text)


def test_without_tools_there_is_nothing_to_write() -> None:
    with pytest.raises(ToolError, match="no tools"):
        starter_policy([])


def test_the_command_writes_a_file_that_checks_and_replaces_none(tmp_path: Path) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)

    config, out = tmp_path / "config.yaml", tmp_path / "starter.yaml"
    config.write_text(
        "home: {notes: notes}\nmcp: {gone: {command: no-such-program-here}}\n", encoding="utf-8"
    )
    result = run("init", "--config", str(config), "-o", str(out))
    assert result.return_value == ToolError.exit_code
    assert "left out: mcp:gone" in result.output
    assert "What no rule mentions stays" in run("check", str(out)).output
    assert set(load_policy(out.read_text()).tools) >= {"notes.search", "notes.read", "notes.create"}
    with pytest.raises(ConfigError, match="already"):
        run("init", "--config", str(config), "-o", str(out))
    run("init", "--config", str(config), "-o", str(out), "--force")
