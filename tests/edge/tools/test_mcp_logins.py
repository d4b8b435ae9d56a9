"""A remote MCP server that wants a login says so, gets one in the browser, and keeps it."""

import asyncio
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from tests.edge.tools.oauth_mcp_server import Guarded, guarded
from umi_edge.cli import umi
from umi_edge.tools.mcp import McpServers, open_mcp
from umi_edge.tools.mcp import logins as logins_module
from umi_edge.tools.mcp.redirect import open_redirect
from umi_edge.tools.mcp.servers import log_in
from umi_edge.tools.runner import RunLimits, Succeeded, run_tool
from umi_shared.errors import ConfigError, ToolError


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch):
    monkeypatch.setattr(logins_module, "_keyring", lambda: None)


@pytest.fixture
def server() -> Iterator[Guarded]:
    with guarded() as server:
        yield server


def servers(server: Guarded, **more: object) -> McpServers:
    return McpServers.parse({"mcpServers": {"far": {"url": f"{server.url}/mcp", **more}}})


def browse(url: str) -> None:
    """A browser in which the user is logged in already."""
    urlopen(url).read()


async def problem(server: Guarded, folder: Path) -> tuple[str, str]:
    async with open_mcp(servers(server), {}, log_folder=folder) as (source,):
        assert source.problem is not None
        return source.problem.message, source.problem.fix


async def test_a_server_that_wants_a_login_says_how_to_log_in(server, tmp_path):
    message, fix = await problem(server, tmp_path)
    assert "this server needs a login" in message
    assert "`umi mcp login far`" in fix
    assert server.issued == 0


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"status": 403}, "does not let this login in"),
        ({"status": 404}, "nothing at its url"),
        ({"status": 500}, "it refused (status 500)"),
        ({"page": "<html>zqcanary"}, "a web page"),
    ],
)
async def test_what_is_no_mcp_server_is_said_to_be_none(server, tmp_path, answers, says):
    server.answers = answers
    message, _ = await problem(server, tmp_path)
    assert says in message
    assert "zqcanary" not in message


async def test_a_login_is_kept_for_this_user_and_used_from_then_on(server, tmp_path):
    (far,) = servers(server).servers
    assert await log_in(far, {}, tmp_path, browse) == 1
    (kept,) = (tmp_path / "logins").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "zqaccess-1" in kept.read_text()
    async with open_mcp(servers(server), {}, log_folder=tmp_path) as (source,):
        assert source.problem is None
        assert "zqaccess" not in repr(source)
        outcome = await run_tool(source.tools[0], {}, RunLimits(call_seconds=20))
        assert isinstance(outcome, Succeeded)
    assert server.issued == 1


async def test_a_login_that_has_run_out_is_renewed_without_asking(server, tmp_path):
    (far,) = servers(server).servers
    await log_in(far, {}, tmp_path, browse)
    (kept,) = (tmp_path / "logins").iterdir()
    data = json.loads(kept.read_text())
    data["expires"] = 1
    kept.write_text(json.dumps(data))
    server.valid = set()
    async with open_mcp(servers(server), {}, log_folder=tmp_path) as (source,):
        assert source.problem is None
    assert server.refreshes == 1
    assert "zqaccess-2" in kept.read_text()


async def test_a_login_that_can_not_be_renewed_says_so(server, tmp_path):
    (far,) = servers(server).servers
    await log_in(far, {}, tmp_path, browse)
    server.valid = set()
    message, fix = await problem(server, tmp_path)
    assert "its login is no longer valid" in message
    assert "`umi mcp login far`" in fix


async def test_a_login_goes_to_no_other_address(server, tmp_path):
    (far,) = servers(server).servers
    await log_in(far, {}, tmp_path, browse)
    with guarded() as other:
        message, _ = await problem(other, tmp_path)
        assert "needs a login" in message


async def test_a_login_page_without_https_is_never_asked(server, tmp_path):
    (far,) = servers(server).servers
    real, server.url = server.url, "http://login.example.org"
    asked: list[str] = []
    try:
        with pytest.raises(ToolError):
            await log_in(far, {}, tmp_path, asked.append)
    finally:
        server.url = real
    assert asked == []


async def test_the_page_that_the_browser_comes_back_to_takes_nothing_else():
    async with open_redirect(lambda _: None) as redirect:
        assert redirect.uri.startswith("http://127.0.0.1:")
        assert not redirect.take("/favicon.ico")
        assert not redirect.take("/callback?other=1")
        port = int(redirect.uri.split(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /callback?code=a&state=b HTTP/1.1\r\n\r\n")
        assert b"200 OK" in await reader.read()
        writer.close()
        result = await redirect.answer()
        assert (result.code, result.state) == ("a", "b")


def test_the_commands_log_in_and_out(server, tmp_path, monkeypatch):
    monkeypatch.setattr("webbrowser.open", browse)
    config = tmp_path / "config.yaml"
    entry = {"url": f"{server.url}/mcp"}
    settings = {"ledger": str(tmp_path / "state" / "ledger.jsonl"), "mcpServers": {"far": entry}}
    config.write_text(json.dumps(settings))
    result = CliRunner().invoke(umi, ["mcp", "login", "far", "--config", str(config)])
    assert "You are logged in to far, which offers 1 tools" in result.output
    assert "zqaccess" not in result.output
    (kept,) = (tmp_path / "state" / "mcp" / "logins").iterdir()
    assert "far." in CliRunner().invoke(umi, ["tools", "--config", str(config)]).output
    CliRunner().invoke(umi, ["mcp", "logout", "far", "--config", str(config)])
    assert "zqaccess" not in kept.read_text()


OWN = {
    "grantType": "client_credentials",
    "clientId": "a",
    "clientSecret": "b",
    "issuer": "https://login.example.org",
}


@pytest.mark.parametrize("left", [*OWN, None])
def test_a_programs_own_login_names_its_login_server_and_has_all_of_its_parts(left):
    oauth = {word: value for word, value in OWN.items() if word != left}
    server = McpServers.parse(
        {"mcpServers": {"far": {"url": "https://mcp.example.org", "oauth": oauth}}}
    ).servers[0]
    if left in (None, "grantType"):
        assert server.expanded({}).by_machine == (left is None)
    else:
        with pytest.raises(ConfigError, match="lacks a part of its own login"):
            server.expanded({})


def test_another_way_to_log_in_is_refused():
    entry = {"url": "https://mcp.example.org", "oauth": {"grantType": "password"}}
    with pytest.raises(ConfigError, match="grantType"):
        McpServers.parse({"mcpServers": {"far": entry}}).servers[0].expanded({})


def test_a_programs_secret_goes_to_the_login_server_of_the_configuration_only(server, tmp_path):
    oauth = OWN | {"clientSecret": "zq-secret"}

    async def start() -> str:
        async with open_mcp(servers(server, oauth=oauth), {}, log_folder=tmp_path) as (source,):
            assert source.problem is not None
            return source.problem.message

    assert "did not start" in asyncio.run(start())
    assert server.issued == 0
