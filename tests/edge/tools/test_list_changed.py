"""A server that changes its tools: sessions keep those of their start, and no call reaches another than its own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.types import Tool, ToolAnnotations

from umi_edge.tools.mcp import McpServers, OpenServers, open_servers, running_server
from umi_edge.tools.mcp.offer_change import OfferChange, takes_the_same
from umi_edge.tools.runner import Failed, FailureKind, Outcome, RunLimits, Succeeded, run_tool
from umi_edge.tools.source import ToolSource

HERE = Path(__file__).parent
ENV = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
ANSWER = {"result": {"content": [{"type": "text", "text": "called"}]}}
WORD = {"type": "object", "properties": {"word": {"type": "string", "description": "A word."}}}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(running_server, "_RELIST_SECONDS", 0.01)


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": name, "inputSchema": WORD, **more}


@asynccontextmanager
async def raw(folder: Path, *tools: dict[str, Any], then: list[dict[str, Any]]) -> AsyncIterator[OpenServers]:
    """A server that has other tools once `change` is called."""
    before = [tool("change"), *tools]
    calls = {one["name"]: ANSWER for one in [*before, *then]}
    says = {"tools": before, "calls": calls, "then": {"change": [tool("change"), *then]}}
    path = folder / "says.json"
    path.write_text(json.dumps(says))
    entry = {"command": sys.executable, "args": [str(HERE / "raw_mcp_server.py"), str(path)]}
    async with open_servers(McpServers.parse({"mcpServers": {"raw": entry}}), ENV) as servers:
        yield servers


async def called(source: ToolSource, name: str) -> Outcome:
    (found,) = [one for one in source.tools if one.name == name]
    return await run_tool(found, {}, RunLimits(call_seconds=20))


async def changed(servers: OpenServers, source: ToolSource, name: str = "raw.change") -> str:
    """Have the server change, and wait until that is known; what the user is told."""
    assert isinstance(await called(source, name), Succeeded)
    async with asyncio.timeout(20):
        while not (changes := servers.changes()):  # noqa: ASYNC110 -- a message of another process
            await asyncio.sleep(0.01)
    (change,) = changes
    return str(change)


async def test_a_session_goes_on_with_its_tools_and_the_next_one_has_the_new_ones(tmp_path):
    async with raw(tmp_path, tool("old"), then=[tool("old"), tool("new")]) as servers:
        (source,) = await servers.sources()
        assert not servers.take_up()
        assert await changed(servers, source) == "raw has changed its tools (new: new)"
        assert servers.changes() == []
        assert [one.name for one in (await servers.sources())[0].tools] == ["raw.change", "raw.old"]
        assert isinstance(await called(source, "raw.old"), Succeeded)
        assert servers.take_up()
        (source,) = await servers.sources()
        assert [one.name for one in source.tools] == ["raw.change", "raw.old", "raw.new"]
        assert isinstance(await called(source, "raw.new"), Succeeded)
        assert not servers.take_up()


CHANGED = {"inputSchema": {"type": "object", "properties": {"word": {"type": "integer"}}}}


@pytest.mark.parametrize(
    ("then", "kind", "said"),
    [
        ([], FailureKind.NOT_FOUND, "gone: old"),
        ([tool("old", **CHANGED)], FailureKind.UNAVAILABLE, "changed: old"),
        ([tool("old", annotations={"readOnlyHint": True})], FailureKind.UNAVAILABLE, "changed: old"),
    ],
)
async def test_a_call_of_a_tool_that_is_gone_or_another_now_fails_and_reaches_no_server(
    tmp_path, then, kind, said
):
    async with raw(tmp_path, tool("old"), then=then) as servers:
        (source,) = await servers.sources()
        assert said in await changed(servers, source)
        outcome = await called(source, "raw.old")  # the server would answer it
        assert isinstance(outcome, Failed)
        assert outcome.kind is kind
        servers.take_up()
        (source,) = await servers.sources()
        assert all([isinstance(await called(source, one.name), Succeeded) for one in source.tools])


async def test_a_server_of_2026_07_28_is_asked_to_say_so(tmp_path):
    entry = {"command": sys.executable, "args": [str(HERE / "changing_mcp_server.py")]}
    async with open_servers(McpServers.parse({"mcpServers": {"real": entry}}), ENV) as servers:
        (source,) = await servers.sources()
        assert await changed(servers, source, "real.change") == "real has changed its tools (new: second)"


def test_words_may_change_and_what_a_tool_takes_may_not():
    before = Tool(name="a", description="x", input_schema=WORD)
    other = {
        "type": "object",
        "properties": {"word": {"type": "string", "description": "Other.", "default": "z"}},
    }
    assert takes_the_same(before, Tool(name="a", description="y", input_schema=other))
    for schema in (
        {"type": "object", "properties": {"word": {"type": "integer"}}},
        {"type": "object", "properties": {"word": {"type": "string"}, "title": {"type": "string"}}},
        {"type": "object", "properties": {"word": {"enum": ["a"]}}},
    ):
        assert not takes_the_same(before, Tool(name="a", input_schema=schema))
    hinted = Tool(name="a", input_schema=WORD, annotations=ToolAnnotations(destructive_hint=False))
    assert not takes_the_same(before, hinted)
    assert OfferChange.between("s", [before], [before.model_copy(update={"description": "y"})]) is None


def test_many_tools_are_counted():
    change = OfferChange.between("s", [], [Tool(name=f"t{n}", input_schema=WORD) for n in range(9)])
    assert str(change) == "s has changed its tools (new: t0, t1, t2, t3, t4, t5 and 3 more)"
