"""`umi mcp add` starts a server, says what it offers, and writes it down; `umi mcp remove` takes it out."""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from tests.edge.tools.oauth_mcp_server import Guarded, guarded
from umi_edge.cli import umi
from umi_edge.commands._mcp_entries import add_servers
from umi_edge.labelling.approved_cards import ApprovedCards
from umi_shared.errors import ConfigError, ToolError

SERVER = str(Path(__file__).parents[1] / "tools" / "raw_mcp_server.py")
CONFIG = """\
# Mine.
mcpServers:
  old: {command: nothing, disabled: true}  # off

# Where it is.
ledger: ledger.jsonl
policy: policy.yaml
"""
POLICY = "version: 1\nname: mine\ntools:\n  raw.read: {confirm: never}\n"


@pytest.fixture
def config(tmp_path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def says(folder: Path, *names: str) -> str:
    path = folder / "says.json"
    tools = [{"name": name, "description": name, "inputSchema": {"type": "object"}} for name in names]
    path.write_text(json.dumps({"tools": tools, "calls": {}}))
    return str(path)


def umi_mcp(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(umi, ["mcp", *arguments], env={"UMI_CONFIG": str(config)})


def test_a_command_is_started_said_and_written_beside_what_was_there(config, tmp_path):
    result = umi_mcp(
        config,
        "add",
        "raw",
        "--env",
        "KEY=${HOME}",
        "--",
        sys.executable,
        SERVER,
        says(tmp_path, "read", "write"),
    )
    assert result.exit_code == 0, result.output
    assert "It offers 2 tools: raw.read, raw.write." in result.output
    assert "says nothing of 1 of its tools: what they give stays on this device" in result.output
    text = config.read_text()
    assert YAML(typ="safe").load(text)["mcpServers"]["raw"] == {
        "command": sys.executable,
        "args": [SERVER, str(tmp_path / "says.json")],
        "env": {"KEY": "${HOME}"},
    }
    assert set(CONFIG.splitlines()) < set(text.splitlines())
    again = umi_mcp(config, "add", "raw", "--", "x")
    assert isinstance(again.exception, ConfigError)
    assert "`umi mcp remove raw` first" in again.exception.fix
    assert umi_mcp(config, "remove", "raw").exit_code == 0
    assert config.read_text() == CONFIG


def test_a_server_that_does_not_start_is_not_added(config):
    result = umi_mcp(config, "add", "raw", "--", sys.executable, "-c", "raise SystemExit(3)")
    assert isinstance(result.exception, ToolError)
    assert config.read_text() == CONFIG


def test_the_starting_policy_of_a_server_that_umi_knows_is_named(config, tmp_path):
    known = tmp_path / "mcp_server_time"
    known.symlink_to(SERVER)
    result = umi_mcp(config, "add", "my clock", "--", sys.executable, str(known), says(tmp_path, "read"))
    assert "`umi policy packs time --server 'my clock'`" in result.output


@pytest.fixture
def remote(monkeypatch) -> Iterator[Guarded]:
    monkeypatch.setattr("umi_edge.tools.mcp.logins._keyring", lambda: None)
    with guarded() as server:
        yield server


def test_a_server_that_wants_a_login_is_added_and_one_that_is_removed_is_logged_out(config, remote, tmp_path):
    result = umi_mcp(config, "add", "far", f"{remote.url}/mcp", "--header", "X-Team: umi")
    assert result.exit_code == 0, result.output
    assert "`umi mcp login far`" in result.output
    entry = YAML(typ="safe").load(config.read_text())["mcpServers"]["far"]
    assert entry["headers"] == {"X-Team": "umi"}
    logins = import_module("umi_edge.tools.mcp.logins").Logins(tmp_path / "mcp" / "logins")
    (server,) = import_module("umi_edge.tools.mcp").McpServers.parse({"mcpServers": {"far": entry}}).servers
    logins._login(server).write({"tokens": {"access_token": "t"}})
    ApprovedCards({"mcp:far": {"far.x": "1"}, "mcp:old": {}}).write(tmp_path / "approved_cards.json")
    assert umi_mcp(config, "remove", "far").exit_code == 0
    assert not logins.is_kept(server)
    assert ApprovedCards.read(tmp_path / "approved_cards.json").pins == {"mcp:old": {}}
    assert config.read_text() == CONFIG


@pytest.mark.parametrize(
    "arguments",
    [
        ("x", "https://example.org", "more"),
        ("x", "https://example.org", "--env", "A=b"),
        ("x", "command", "--header", "A: b"),
        ("x", "command", "--env", "A"),
        ("x",),
    ],
)
def test_what_does_not_go_together_is_refused(config, arguments):
    assert umi_mcp(config, "add", *arguments).exit_code == 2
    assert config.read_text() == CONFIG


def test_what_is_not_there_cannot_be_removed(config):
    assert isinstance(umi_mcp(config, "remove", "x").exception, ConfigError)


def test_a_link_and_the_ends_of_lines_stay(tmp_path):
    """A configuration that lies elsewhere, such as among dotfiles, and was written on Windows."""
    file, link = tmp_path / "dotfiles" / "umi.yaml", tmp_path / "umi.yaml"
    file.parent.mkdir()
    file.write_bytes(b"mcpServers:\r\n  b: {command: x}\r\n# mine\r\n")
    link.symlink_to(file)
    add_servers(link, {"n": {"command": "y"}})
    assert link.is_symlink()
    written = file.read_bytes()
    assert b"# mine\r\n" in written
    assert b"command: y" in written
    assert written.count(b"\n") == written.count(b"\r\n")
