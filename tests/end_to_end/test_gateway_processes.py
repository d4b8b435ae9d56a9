"""`umi mcp serve` as other programs start it: over a pipe and at a port, with the SDK's client and real tools."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from umi_edge.ledger import read_ledger
from umi_edge.tools.sample_home import make_sample_home

pytestmark = pytest.mark.timeout(120)
BOTH = pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
ADDRESS = "alice.moreau@example.org"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    home = make_sample_home(tmp_path / "home", date(2026, 6, 1))
    file = tmp_path / "config.yaml"
    folders = {name: str(getattr(home, name)) for name in ("contacts", "calendar", "mail", "notes", "outbox")}
    file.write_text(
        json.dumps({"home": folders, "ledger": str(tmp_path / "ledger.jsonl"), "operators": False})
    )
    return file


def umi(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "umi_edge", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


@BOTH
async def test_a_program_starts_it_and_its_user_sees_values_in_a_terminal_only(config, mode, tmp_path):
    command = ["-m", "umi_edge", "mcp", "serve", "--client", "claude", "--config", str(config)]
    log = (tmp_path / "stderr").open("w+")
    server = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
    async with Client(stdio_client(server, errlog=log), mode=mode) as client:
        assert "contacts_search" in {tool.name for tool in (await client.list_tools()).tools}
        found = await client.call_tool("contacts_search", {"name": "Alice Moreau"})
        structured = found.structured_content
        [alice] = structured["result"]["matches"]
        session = {"umi_session": structured["umi_session"]} if mode != "legacy" else {}
        shown = await client.call_tool("umi_reveal", {"handles": [alice["email"]], **session})
        assert "umi mcp reveal" in shown.content[0].text
        seen = await asyncio.to_thread(umi, "mcp", "reveal", alice["email"], "--config", str(config))
        assert ADDRESS in seen.stdout
        assert "claude" in seen.stdout
        sent = await client.call_tool(
            "mail_send", {"to": alice["email"], "subject": "Late", "body": "I am late.", **session}
        )
        assert sent.is_error
        assert "declined" in sent.content[0].text
        said = found.model_dump_json() + shown.model_dump_json() + sent.model_dump_json()
        assert "moreau" not in said.lower()
    log.seek(0)
    assert "moreau" not in log.read().lower()
    log.close()
    entries = [one for one in read_ledger(tmp_path / "ledger.jsonl") if one["kind"] == "sent"]
    assert {one["sink"] for one in entries} == {"client:claude"}
    gone = umi("mcp", "reveal", alice["email"], "--config", str(config))
    assert gone.returncode == 2
    assert umi("ledger", "verify", "--config", str(config)).returncode == 0
    number = str(entries[1]["number"])
    one = umi("ledger", "show", "--message", number, "--config", str(config)).stdout
    assert alice["email"] in one
    assert "client:claude" in one


def test_a_line_that_is_no_message_is_answered_and_the_end_of_the_pipe_ends_it(config):
    lines = [f"{{{ADDRESS}", "", json.dumps({"jsonrpc": "2.0", "id": 8, "method": [ADDRESS]})]
    lines.append(json.dumps({"jsonrpc": "2.0", "id": 9, "method": "ping"}))
    command = [
        sys.executable,
        "-m",
        "umi_edge",
        "mcp",
        "serve",
        "--client",
        "claude",
        "--config",
        str(config),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as served:
        served.stdin.write("\n".join([*lines, ""]))
        served.stdin.flush()
        answers = [json.loads(served.stdout.readline()) for _ in range(3)]
        rest, said = served.communicate(timeout=60)
    assert [(one["id"], one.get("error", {}).get("code")) for one in answers] == [
        (None, -32700),
        (8, -32600),
        (9, None),
    ]
    assert served.returncode == 0
    assert ADDRESS not in json.dumps(answers) + rest + said


@asynccontextmanager
async def served(config: Path, *more: str) -> AsyncIterator[tuple[str, str]]:
    """A gateway at a port, and its key."""
    command = ["-m", "umi_edge", "mcp", "serve", "--http", "--port", "0", "--client", "lm-studio", *more]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        "--config",
        str(config),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        said = ""
        while "MCP at " not in said:
            line = (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
            assert line, f"it ended: {said}"
            said += line
        key = (await asyncio.to_thread(umi, "serve", "--show-key", "--config", str(config))).stdout.strip()
        yield said.partition("MCP at ")[2].split()[0], key
    finally:
        process.terminate()
        await process.wait()


@BOTH
async def test_at_a_port_with_the_key(config, mode):
    async with served(config) as (address, key):
        async with httpx.AsyncClient() as http:
            for headers in ({}, {"authorization": "Bearer wrong"}):
                refused = await http.post(address, json={}, headers=headers)
                assert refused.status_code == 401
            for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
                refused = await http.post(
                    address, json={}, headers={"authorization": f"Bearer {key}", **headers}
                )
                assert refused.status_code == 403
        async with (
            _client(key) as http,
            Client(streamable_http_client(address, http_client=http), mode=mode) as client,
        ):
            found = await client.call_tool("contacts_search", {"name": "Alice Moreau"})
            [alice] = found.structured_content["result"]["matches"]
            assert alice["email"].startswith("<email:")
            seen = await asyncio.to_thread(
                umi, "mcp", "reveal", alice["email"], "--json", "--config", str(config)
            )
            assert json.loads(seen.stdout)["value"] == ADDRESS


def _client(key: str) -> Any:
    import httpx2  # what the SDK's transport takes

    return httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=30)


async def test_bad_input_at_the_port_is_refused_and_others_are_served(config):
    async with served(config) as (address, key), _client(key) as http:
        json_only = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        big = await http.post(address, content=b"x" * (5 << 20), headers=json_only)
        assert big.status_code == 413
        for body in (b"", b"{", b"[]", b"null", b'{"jsonrpc":"2.0","id":1,"method":"no/such"}'):
            answer = await http.post(address, content=body, headers=json_only)
            assert 400 <= answer.status_code < 500, body
        gone = await http.delete(address, headers={"mcp-session-id": "no-such-session"})
        assert gone.status_code in (400, 404)
        async with (
            _client(key) as other,
            Client(streamable_http_client(address, http_client=other), mode="legacy") as client,
        ):
            assert (await client.list_tools()).tools


@pytest.fixture
def policy(config: Path) -> Path:
    """The file of a policy that lets every tool be called."""
    file = config.with_name("policy.yaml")
    file.write_text("version: 1\n")
    config.write_text(json.dumps({**json.loads(config.read_text()), "policy": str(file)}))
    return file


async def test_a_program_that_is_served_alone_is_served_under_the_policy_of_now(config, policy, tmp_path):
    command = ["-m", "umi_edge", "mcp", "serve", "--client", "claude", "--config", str(config)]
    server = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
    with (tmp_path / "stderr").open("w") as log:
        async with Client(stdio_client(server, errlog=log), mode="legacy") as client:
            assert not (await client.call_tool("contacts_search", {"name": "Alice Moreau"})).is_error
            policy.write_text("version: 1\nclients: {claude: {tools: [calendar.*]}}\n")
            with pytest.raises(MCPError, match="no tool of that name"):
                await client.call_tool("contacts_search", {"name": "Alice Moreau"})
            policy.write_text("version: 1\ntools: [")
            with pytest.raises(MCPError, match="serves nobody here now") as refused:
                await client.call_tool("calendar_search", {})
            assert str(tmp_path) not in str(refused.value)
            policy.write_text("version: 1\n")
            assert not (await client.call_tool("contacts_search", {"name": "Alice Moreau"})).is_error
    assert "policy.yaml:" in (tmp_path / "stderr").read_text()


async def test_at_a_port_nobody_is_served_under_a_policy_that_has_changed(config, policy):
    async with served(config) as (address, key), _client(key) as http:
        headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        body = b'{"jsonrpc":"2.0","id":1,"method":"no/such"}'
        assert 400 <= (await http.post(address, content=body, headers=headers)).status_code < 500
        policy.write_text("version: 1\n# changed\n")
        refused = await http.post(address, content=body, headers=headers)
        assert refused.status_code == 503
        assert "has changed" in refused.json()["error"]["message"]
        nobody = await http.post(address, content=body, headers={**headers, "authorization": "Bearer wrong"})
        assert nobody.status_code == 401
