"""`umi tools`: every tool with where it runs and what the policy says; broken servers beside the others."""

import json
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from umi_edge.cli import umi
from umi_edge.tools.sample_home import make_sample_home
from umi_shared.errors import ConfigError, ToolError

SERVER = Path(__file__).parent.parent / "tools" / "mcp_server.py"
MODULE = '''
from umi_edge.tools import tool

@tool(name="door.open", destructive=True)
def door_open(floor: int, notes: list[str] | None = None) -> str:
    """Open a door. It cannot be closed again.

    Args:
        floor: Which floor.
    """
    return "open"

not_a_tool = 1
'''
BROKEN_MODULE = "raise RuntimeError('Project Neptune')"


@pytest.fixture
def home(tmp_path) -> Path:
    make_sample_home(tmp_path / "home", date(2026, 11, 23))
    return tmp_path / "home"


@pytest.fixture
def modules(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "door_tools_of_a_test.py").write_text(MODULE)
    (folder / "broken_tools_of_a_test.py").write_text(BROKEN_MODULE)
    monkeypatch.syspath_prepend(str(folder))


def config(folder: Path, **settings: object) -> str:
    path = folder / "config.yaml"
    path.write_text(json.dumps(settings))
    return str(path)


def folders(home: Path) -> dict[str, str]:
    return {name: str(home / name) for name in ("contacts", "calendar", "mail", "outbox", "notes")}


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(umi, ["tools", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def test_the_list_says_where_each_tool_runs_and_when_it_asks(tmp_path, home, modules):
    path = config(tmp_path, home=folders(home), tools=["door_tools_of_a_test:door_open"])
    result = run("--config", path)
    assert result.return_value == 0
    row = next(line for line in result.output.splitlines() if line.startswith("door.open"))
    assert "Open a door." in row
    assert "cannot be closed" not in row
    assert "this device" in row
    assert row.split()[-2:] == ["always", "python"]
    assert "contacts.search" in result.output

    found = json.loads(run("--config", path, "--json").output)
    tools = {tool["name"]: tool for tool in found["tools"]}
    assert tools["contacts.search"]["runs"] == "device"
    assert tools["contacts.search"]["asks"] == "never"
    assert tools["mail.search"]["results_are"] == "untrusted"
    assert found["broken"] == []


def test_what_is_in_each_folder_is_told_and_what_is_not_read(tmp_path, home):
    (home / "notes" / "bad.md").write_bytes(b"\xff\x00")
    path = config(tmp_path, home=folders(home))
    lines = run("--config", path).output.splitlines()
    assert "– contacts: 12 contacts" in lines
    [notes] = [line for line in lines if line.startswith("! notes: ")]
    assert notes.endswith(" notes; 1 skipped: bad.md: it is no text")
    homes = {one["store"]: one for one in json.loads(run("--config", path, "--json").output)["homes"]}
    assert homes["contacts"] == {"store": "contacts", "counts": {"contacts": 12}, "skipped": []}
    assert homes["notes"]["skipped"] == [{"where": "bad.md", "why": "it is no text", "fix": ""}]


def test_only_tools_whose_folders_are_named_are_offered(tmp_path, home):
    path = config(tmp_path, home={"contacts": str(home / "contacts")}, operators=False)
    names = [tool["name"] for tool in json.loads(run("--config", path, "--json").output)["tools"]]
    assert names
    assert all(name.startswith("contacts.") for name in names)


def test_the_operators_are_listed_where_they_are_switched_on(tmp_path, home):
    operators = ["value.answer", "value.pick", "value.select", "value.compute", "value.compose"]
    path = config(tmp_path, home={"contacts": str(home / "contacts")}, operators=True)
    found = {tool["name"]: tool for tool in json.loads(run("--config", path, "--json").output)["tools"]}
    assert [name for name in found if name.startswith("value.")] == operators
    assert {found[name]["runs"] for name in operators} == {"device"}
    assert "value.compose" in run("--config", path).output
    assert "template" in run("value.compose", "--config", path).output
    path = config(tmp_path, home={"contacts": str(home / "contacts")}, operators=False)
    assert "value." not in run("--config", path, "--json").output


def test_without_any_tool_the_way_to_have_some_is_shown(tmp_path):
    path = config(tmp_path)
    assert "home:" in run("--config", path).output
    assert "config.yaml" in run("--config", path).output


POLICY = """\
version: 1
defaults: {results: handle}
tools:
  contacts.search:
    arguments:
      name: scan
    results:
      "$..email": {locality: handle, type: email}
      "$..skipped": cloud
  mail.send:
    arguments:
      to: {locality: handle, type: email, requires: trusted, accepts: handle}
"""


@pytest.fixture
def policy(tmp_path) -> str:
    (tmp_path / "mine.yaml").write_text(POLICY)
    return "mine.yaml"


def test_one_tool_is_shown_with_the_rule_of_each_argument_and_result(tmp_path, home, policy):
    path = config(tmp_path, home=folders(home), policy=policy)
    tool = json.loads(run("contacts.search", "--config", path, "--json").output)
    (name,) = (argument for argument in tool["arguments"] if argument["path"] == "name")
    assert name["locality"] == "scan"
    assert name["rule"].startswith("mine.yaml:6 ")
    results = {row["path"]: row for row in tool["results"]}
    assert results["$..email"]["locality"] == "handle"
    assert results["$..email"]["terms"] == ["type email"]
    assert results["$..skipped"]["locality"] == "cloud"
    assert results["all else"]["locality"] == "handle"
    text = run("contacts.search", "--config", path).output
    assert "nobody (handle)" in text
    assert '"properties"' in text


def test_terms_of_an_argument_are_the_policys(tmp_path, home, policy):
    path = config(tmp_path, home=folders(home), policy=policy)
    tool = json.loads(run("mail.send", "--config", path, "--json").output)
    (to,) = (argument for argument in tool["arguments"] if argument["path"].startswith("to"))
    assert {"type email", "requires trusted", "accepts handle"} <= set(to["terms"])


def test_the_users_own_policy_counts(tmp_path, home):
    policy = tmp_path / "mine.yaml"
    policy.write_text("version: 1\ntools:\n  contacts.*: {runs: third-party, confirm: always}\n")
    path = config(tmp_path, home=folders(home), policy="mine.yaml")
    tool = json.loads(run("contacts.search", "--config", path, "--json").output)
    assert (tool["runs"], tool["asks"]) == ("third-party", "always")
    assert tool["rule"].startswith("mine.yaml:3")


def test_a_wrong_name_gets_the_closest_ones(tmp_path, home):
    path = config(tmp_path, home=folders(home))
    with pytest.raises(ToolError, match=r"no tool named 'contacts\.serch'") as caught:
        run("contacts.serch", "--config", path)
    assert "contacts.search" in caught.value.fix


def test_a_broken_server_is_listed_beside_the_others(tmp_path, home):
    servers = {
        "good": {"command": sys.executable, "args": [str(SERVER)]},
        "gone": {"command": str(tmp_path / "no-such-program"), "args": ["--key=sk-secret"]},
        "off": {"command": "x", "disabled": True},
        "odd": {"command": "x", "url": "y"},
    }
    path = config(tmp_path, home=folders(home), mcpServers=servers)
    result = run("--config", path)
    assert result.return_value == 4
    assert "✗ mcp:gone: the MCP server gone did not start" in result.output
    assert "✗ mcp:odd: the MCP server odd needs a command or a url" in result.output
    assert "– mcp:off: disabled" in result.output
    assert result.output.count("Fix: ") == 2
    row = next(line for line in result.output.splitlines() if line.startswith("good.add"))
    assert "Add two numbers." in row
    assert "third party" in row
    assert "mcp:good" in row
    assert "contacts.search" in result.output
    assert "sk-secret" not in result.output

    found = json.loads(run("--config", path, "--json").output)
    assert {broken["source"] for broken in found["broken"]} == {"mcp:gone", "mcp:odd"}
    with pytest.raises(ToolError, match="MCP server gone did not start"):
        run("gone.thing", "--config", path)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("door_tools_of_a_test:not_a_tool", "is not a tool"),
        ("door_tools_of_a_test:nothing", "no tool is found"),
        ("no_such_module_of_a_test:x", "no tool is found"),
        ("no-colon", "no tool is found"),
        ("broken_tools_of_a_test:x", "cannot be imported: RuntimeError"),
    ],
)
def test_a_python_tool_that_cannot_be_had_is_named(tmp_path, modules, spec, said):
    result = run("--config", config(tmp_path, tools=[spec]))
    assert result.return_value == 4
    assert f"✗ python:{spec}" in result.output
    assert said in result.output
    assert "Neptune" not in result.output


def test_two_tools_of_one_name_are_an_error(tmp_path, home, modules):
    (tmp_path / "modules" / "other_tools_of_a_test.py").write_text(MODULE)
    path = config(tmp_path, tools=["door_tools_of_a_test:door_open", "other_tools_of_a_test:door_open"])
    with pytest.raises(ToolError, match="two tools are named"):
        run("--config", path)


def test_what_a_server_writes_cannot_steer_the_terminal(tmp_path, modules):
    module = tmp_path / "modules" / "loud_tools_of_a_test.py"
    module.write_text(MODULE.replace("Open a door", r"[red]Open\x1b[31m a door"))
    output = run("--config", config(tmp_path, tools=["loud_tools_of_a_test:door_open"])).output
    assert "\x1b" not in output
    assert "[red]Open" in output


def test_a_configuration_that_is_named_and_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="there is no configuration at"):
        run("--config", str(tmp_path / "none.yaml"))
