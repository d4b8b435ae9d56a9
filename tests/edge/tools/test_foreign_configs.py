"""MCP servers as other programs write them: read, taken over, and what is left is said."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from umi_edge.cli import umi
from umi_edge.tools.mcp import HttpServer, McpServers, StdioServer
from umi_edge.tools.mcp.foreign_configs import foreign_paths, read_foreign
from umi_shared.errors import ConfigError

SECRET = "sk-zqcanary"


def one(entry: dict) -> StdioServer | HttpServer:
    (server,) = McpServers.parse({"mcpServers": {"a": entry}}).servers
    return server


@pytest.mark.parametrize("word", ["url", "serverUrl", "httpUrl"])
@pytest.mark.parametrize("kind", [{}, {"type": "http"}, {"type": "streamable-http"}, {"type": "remote"}])
def test_every_word_for_the_address_of_a_server_is_known(word, kind):
    server = one({word: "https://example.org/mcp", **kind})
    assert isinstance(server, HttpServer)
    assert server.url == "https://example.org/mcp"


def test_commands_are_taken_in_every_form_with_booleans_and_numbers():
    server = one(
        {"command": ["npx", "-y"], "args": [3, True], "env": {"A": True, "B": 3, "C": None}, "type": "local"}
    )
    assert isinstance(server, StdioServer)
    assert (server.command, server.args) == ("npx", ("-y", "3", "true"))
    assert server.env == {"A": "true", "B": "3"}


@pytest.mark.parametrize("off", [{"disabled": True}, {"enabled": False}])
def test_a_server_that_is_switched_off_is_not_there(off):
    assert McpServers.parse({"mcpServers": {"a": {"command": "x", **off}}}).servers == ()


def test_variables_and_inputs_of_editors_are_filled():
    server = one(
        {"command": "x", "env": {"A": "${env:KEY}", "B": "${input:github-token}", "C": "${env:NO:-d}"}}
    )
    filled = server.expanded({"KEY": "k", "UMI_INPUT_GITHUB_TOKEN": "t"})
    assert isinstance(filled, StdioServer)
    assert filled.env == {"A": "k", "B": "t", "C": "d"}
    with pytest.raises(ConfigError, match="needs the input github-token") as caught:
        server.expanded({"KEY": "k"})
    assert "UMI_INPUT_GITHUB_TOKEN" in caught.value.fix


SERVER = {"command": "npx", "args": ["-y", "server"], "env": {"KEY": SECRET}}
PROGRAMS = {
    "Claude Desktop": {"mcpServers": {"a": SERVER}, "theme": "dark"},
    "VS Code": {"servers": {"a": {"type": "stdio", **SERVER}}, "inputs": []},
    "VS Code's settings": {"mcp": {"servers": {"a": SERVER}}, "editor.fontSize": 12},
    "Cursor": {"mcpServers": {"a": SERVER}},
    "Zed": {"context_servers": {"a": {"source": "custom", **SERVER}}},
    "Zed, older": {
        "context_servers": {
            "a": {"command": {"path": "npx", "args": ["-y", "server"], "env": {"KEY": SECRET}}}
        }
    },
}


@pytest.mark.parametrize("data", PROGRAMS.values(), ids=PROGRAMS)
def test_each_program_s_servers_are_read(tmp_path, data):
    path = tmp_path / "settings.json"
    path.write_text("// mine\n" + json.dumps(data).replace("}}", "},/* last */}", 1))
    found = read_foreign(path)
    assert found is not None
    server = one(dict(found.servers["a"]))
    assert isinstance(server, StdioServer)
    assert (server.command, server.args, server.env) == ("npx", ("-y", "server"), {"KEY": SECRET})
    assert SECRET not in repr(found)


def test_comments_are_not_looked_for_in_strings(tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text('{"mcpServers": {"a": {"url": "https://example.org/,}/mcp", /* no */ },}}')
    found = read_foreign(path)
    assert found is not None
    assert found.servers["a"]["url"] == "https://example.org/,}/mcp"


def test_a_file_without_servers_has_none_and_one_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"theme": "dark"}')
    assert read_foreign(path) is None
    path.write_text("{" * 10)
    with pytest.raises(ConfigError, match=r"settings\.json cannot be read as JSON"):
        read_foreign(path)


def test_the_usual_places_are_looked_at(tmp_path):
    paths = foreign_paths(tmp_path, tmp_path / ".config", Path("here"))
    assert tmp_path / ".config/Claude/claude_desktop_config.json" in paths
    assert tmp_path / "Library/Application Support/Code/User/mcp.json" in paths
    assert tmp_path / ".cursor/mcp.json" in paths
    assert Path("here/.vscode/mcp.json") in paths
    assert tmp_path / ".config/zed/settings.json" in paths


def test_import_says_what_it_takes_and_leaves_and_keeps_the_rest_of_the_configuration(tmp_path, monkeypatch):
    monkeypatch.delenv("UMI_CONFIG", raising=False)
    config = tmp_path / "config.yaml"
    config.write_text("# mine\noperators: true  # yes\nmcpServers:\n  b: {command: own}  # own\n")
    foreign = tmp_path / "mcp.json"
    entries = {
        "a": SERVER,
        "b": SERVER,
        "c": {"url": "https://x", "type": "sse"},
        "d": {**SERVER, "disabled": True},
    }
    foreign.write_text(json.dumps({"mcpServers": entries}))
    CliRunner().invoke(umi, ["mcp", "import", str(foreign), "--config", str(config)], input="n\n")
    assert "own" in config.read_text()
    assert "server" not in config.read_text()
    result = CliRunner().invoke(umi, ["mcp", "import", str(foreign), "--config", str(config), "--yes"])
    assert result.exit_code == 0
    assert "✓ a" in result.output
    assert "b: there is one of this name already" in result.output
    assert "c: the MCP server c uses the old SSE transport" in result.output
    assert "d: it is switched off there" in result.output
    assert SECRET not in result.output
    text = config.read_text()
    assert text.startswith("# mine\noperators: true  # yes\n")
    assert "# own" in text
    written = YAML(typ="safe").load(text)["mcpServers"]
    assert written == {"b": {"command": "own"}, "a": SERVER}


def test_where_nothing_is_new_nothing_is_written(tmp_path):
    foreign = tmp_path / "mcp.json"
    foreign.write_text('{"mcpServers": {}}')
    config = tmp_path / "config.yaml"
    config.write_text("operators: true\n")
    result = CliRunner().invoke(umi, ["mcp", "import", str(foreign), "--config", str(config)])
    assert "nothing to take over" in result.output
    assert config.read_text() == "operators: true\n"
