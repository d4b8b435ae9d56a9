"""A server that was started before is not waited for: what it offered is used while it starts."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from umi_edge.tools.mcp import McpServers, open_mcp, open_servers, running_server
from umi_edge.tools.runner import Failed, FailureKind, RunLimits, Succeeded, run_tool

SERVER = str(Path(__file__).with_name("raw_mcp_server.py"))
ENV = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
SLOW = "import sys, time, runpy; time.sleep(float(sys.argv[2])); runpy.run_path(sys.argv[3], run_name='__main__')"


def says(folder: Path, *names: str) -> str:
    answer = {"result": {"content": [{"type": "text", "text": "called"}]}}
    tools = [{"name": name, "description": name, "inputSchema": {"type": "object"}} for name in names]
    path = folder / "says.json"
    path.write_text(json.dumps({"tools": tools, "calls": dict.fromkeys(names, answer)}))
    return str(path)


def server(path: str, *, seconds: float = 0, **more: Any) -> McpServers:
    # The seconds come from the environment, so that the configuration stays the same.
    entry = {"command": sys.executable, "args": ["-c", SLOW, path, "${SECONDS}", SERVER], **more}
    return McpServers.parse({"mcpServers": {"raw": entry}})


def opened(folder: Path, servers: McpServers, seconds: float = 0) -> Any:
    return open_mcp(servers, {**ENV, "SECONDS": str(seconds)}, last_offers=folder / "offers")


async def test_the_second_time_nobody_waits_and_a_call_does(tmp_path):
    servers = server(says(tmp_path, "a"))
    async with opened(tmp_path, servers) as (source,):
        first = [tool.name for tool in source.tools]
    began = time.monotonic()
    async with opened(tmp_path, servers, seconds=3) as (source,):
        assert time.monotonic() - began < 2
        assert [tool.name for tool in source.tools] == first == ["raw.a"]
        outcome = await run_tool(source.tools[0], {}, RunLimits(call_seconds=30))
        assert isinstance(outcome, Succeeded)
        assert time.monotonic() - began > 3


async def test_what_it_offers_now_is_there_the_next_time(tmp_path):
    servers = server(says(tmp_path, "a"))
    async with opened(tmp_path, servers):
        pass
    says(tmp_path, "a", "b")
    async with opened(tmp_path, servers) as (source,):
        assert [tool.name for tool in source.tools] == ["raw.a"]
        async with asyncio.timeout(20):
            kept = next((tmp_path / "offers").iterdir())
            while '"b"' not in kept.read_text():  # noqa: ASYNC110 -- another task writes it
                await asyncio.sleep(0.05)
    async with opened(tmp_path, servers) as (source,):
        assert [tool.name for tool in source.tools] == ["raw.a", "raw.b"]


async def test_a_server_that_is_required_or_configured_anew_is_waited_for(tmp_path):
    path = says(tmp_path, "a")
    async with opened(tmp_path, server(path)):
        pass
    says(tmp_path, "a", "b")
    async with opened(tmp_path, server(path, required=True)) as (source,):
        assert len(source.tools) == 2
    async with opened(tmp_path, server(path, env={"NEW": "1"})) as (source,):
        assert len(source.tools) == 2


async def test_a_server_that_no_longer_starts_fails_its_calls_and_is_named_the_next_time(tmp_path):
    path = says(tmp_path, "a")
    servers = server(path)
    async with opened(tmp_path, servers):
        pass
    (tmp_path / "says.json").unlink()
    async with opened(tmp_path, servers) as (source,):
        outcome = await run_tool(source.tools[0], {}, RunLimits(call_seconds=30))
        assert isinstance(outcome, Failed)
        assert outcome.kind is FailureKind.UNAVAILABLE
        async with asyncio.timeout(20):
            (kept,) = (tmp_path / "offers").iterdir()
            while "failed" not in kept.read_text():  # noqa: ASYNC110 -- another task writes it
                await asyncio.sleep(0.05)
    async with opened(tmp_path, servers) as (source,):
        assert source.problem is not None


async def test_a_damaged_offer_is_none(tmp_path):
    servers = server(says(tmp_path, "a"))
    async with opened(tmp_path, servers):
        pass
    (kept,) = (tmp_path / "offers").iterdir()
    for text in ("{", "[]", '{"configured": 3}', kept.read_text().replace('"name"', '"nom"')):
        kept.write_text(text)
        async with opened(tmp_path, servers) as (source,):
            assert [tool.name for tool in source.tools] == ["raw.a"]


async def test_a_server_that_did_not_start_holds_no_session_up_the_next_time_and_is_there_once_it_is(
    tmp_path, monkeypatch
):
    servers = server(str(tmp_path / "says.json"))
    async with opened(tmp_path, servers) as (source,):
        assert source.problem is not None
    says(tmp_path, "a")
    monkeypatch.setattr(running_server, "_SOON_SECONDS", 0.1)
    async with open_servers(servers, {**ENV, "SECONDS": "2"}, last_offers=tmp_path / "offers") as running:
        (source,) = await running.sources()
        assert source.problem is not None
        assert "did not start the last time" in source.problem.message
        async with asyncio.timeout(60):
            while not running.take_up():  # noqa: ASYNC110 -- it starts behind
                await asyncio.sleep(0.05)
        (source,) = await running.sources()
        assert [tool.name for tool in source.tools] == ["raw.a"]
    async with opened(tmp_path, servers, seconds=2) as (source,):
        assert source.problem is None


async def test_one_that_is_mended_is_there_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(running_server, "_SOON_SECONDS", 60)
    servers = server(str(tmp_path / "says.json"))
    async with opened(tmp_path, servers) as (source,):
        assert source.problem is not None
    async with opened(tmp_path, servers) as (source,):
        assert source.problem is not None
        assert "see" in source.problem.fix or "run its command" in source.problem.fix
    says(tmp_path, "a")
    async with opened(tmp_path, servers) as (source,):
        assert [tool.name for tool in source.tools] == ["raw.a"]


def with_a_new_one(path: str, **more: Any) -> McpServers:
    """The server of before, and one that is new and slow."""
    before = {"command": sys.executable, "args": ["-c", SLOW, path, "0", SERVER]}
    new = {"command": sys.executable, "args": ["-c", SLOW, path, "${SECONDS}", SERVER], **more}
    return McpServers.parse({"mcpServers": {"raw": before, "new": new}})


async def test_a_new_server_beside_known_ones_is_not_waited_for_and_comes_to_the_next_session(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(running_server, "_FIRST_SECONDS", 0.1)
    servers, offers = with_a_new_one(says(tmp_path, "a")), tmp_path / "offers"
    async with open_mcp(McpServers(servers.servers[:1]), ENV, last_offers=offers):
        pass
    env = {**ENV, "SECONDS": "2"}
    async with open_servers(servers, env, last_offers=offers, needed=()) as running:
        known, new = await running.sources()
        assert [tool.name for tool in known.tools] == ["raw.a"]
        assert new.problem is not None
        assert "starts for the first time, and is not there yet" in new.problem.message
        assert "the next conversation has its tools" in new.problem.fix
        async with asyncio.timeout(60):
            while not (told := running.changes()):  # noqa: ASYNC110 -- it starts behind
                await asyncio.sleep(0.05)
        assert "new" in str(told[0]), "the user is told while the session goes on"
        assert running.take_up()
        _, new = await running.sources()
        assert [tool.name for tool in new.tools] == ["new.a"]


async def test_one_that_is_not_waited_for_once_is_waited_for_the_next_time(tmp_path, monkeypatch):
    """What always takes longer than that, in sessions that always end before, would never come."""
    monkeypatch.setattr(running_server, "_FIRST_SECONDS", 0.1)
    servers, offers = with_a_new_one(says(tmp_path, "a")), tmp_path / "offers"
    async with open_mcp(McpServers(servers.servers[:1]), ENV, last_offers=offers):
        pass
    async with open_mcp(servers, {**ENV, "SECONDS": "30"}, last_offers=offers, needed=()) as (_, new):
        assert new.problem is not None
    async with open_mcp(servers, {**ENV, "SECONDS": "1"}, last_offers=offers, needed=()) as (_, new):
        assert [tool.name for tool in new.tools] == ["new.a"]


@pytest.mark.parametrize(
    ("more", "needed", "known"),
    [
        ({"required": True}, (), True),
        ({}, ("new.a",), True),  # a detector reads its names from it
        ({}, None, True),  # `umi tools`
        ({}, (), False),  # the first use of all
    ],
)
async def test_a_new_server_that_is_needed_is_waited_for(tmp_path, monkeypatch, more, needed, known):
    monkeypatch.setattr(running_server, "_FIRST_SECONDS", 0.1)
    servers, offers = with_a_new_one(says(tmp_path, "a"), **more), tmp_path / "offers"
    if known:
        async with open_mcp(McpServers(servers.servers[:1]), ENV, last_offers=offers):
            pass
    async with open_mcp(servers, {**ENV, "SECONDS": "1"}, last_offers=offers, needed=needed) as (_, new):
        assert [tool.name for tool in new.tools] == ["new.a"]


MEETS = """
import pathlib, runpy, sys, time
mine, other = map(pathlib.Path, sys.argv[2:4])
mine.touch()
while not other.exists():
    time.sleep(0.01)
runpy.run_path(sys.argv[4], run_name="__main__")
"""


async def test_servers_start_side_by_side(tmp_path):
    """Each waits for the other, so that one after the other they would never start."""
    path, one, two = says(tmp_path, "a"), str(tmp_path / "one"), str(tmp_path / "two")
    entries = {
        name: {"command": sys.executable, "args": ["-c", MEETS, path, *order, SERVER]}
        for name, order in {"one": (one, two), "two": (two, one)}.items()
    }
    async with opened(tmp_path, McpServers.parse({"mcpServers": entries})) as sources:
        assert [source.problem for source in sources] == [None, None]
