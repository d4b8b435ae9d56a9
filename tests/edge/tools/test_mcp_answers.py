"""What servers answer is data, however odd: no tool is lost for it, no call fails for it."""

import asyncio
import base64
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.harness import plan, policy_of, world
from tests.scanners import scanner_without_lists
from umi_edge.labelling.approved_cards import ApprovedCards
from umi_edge.labelling.tool_cards import card_to_approve
from umi_edge.tools.mcp import McpServers, open_mcp
from umi_edge.tools.runner import Failed, FailureKind, RunLimits, Succeeded, run_tool
from umi_edge.tools.source import ToolSource
from umi_edge.values.stored_file import StoredFile

SERVER = str(Path(__file__).with_name("raw_mcp_server.py"))
ENV = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
PNG = b"\x89PNG zqpixels"


@asynccontextmanager
async def raw(folder: Path, **says: Any) -> AsyncIterator[ToolSource]:
    """A server with these tools, calls and resources; a tool that is not described has no arguments."""
    calls = says.setdefault("calls", {})
    says.setdefault("tools", [{"name": name, "inputSchema": {"type": "object"}} for name in calls])
    path = folder / "says.json"
    path.write_text(json.dumps(says))
    entry = {"command": sys.executable, "args": [SERVER, str(path)]}
    servers = McpServers.parse({"mcpServers": {"raw": entry}})
    async with open_mcp(servers, ENV, log_folder=folder / "mcp") as (source,):
        assert source.problem is None
        yield source


async def called(source: ToolSource, name: str, **arguments: Any) -> Any:
    (tool,) = [tool for tool in source.tools if tool.name == f"raw.{name}"]
    return await run_tool(tool, arguments, RunLimits(call_seconds=20))


async def value(source: ToolSource, name: str, **arguments: Any) -> Any:
    outcome = await called(source, name, **arguments)
    assert isinstance(outcome, Succeeded), (outcome, outcome.detail)
    return outcome.value


def bytes_of(path: str) -> bytes:
    return Path(path).read_bytes()


def mode_of(path: str) -> int:
    return Path(path).stat().st_mode


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def text(words: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}]}


async def test_an_odd_tool_keeps_no_other_away(tmp_path):
    tools = [
        {"name": "untyped", "inputSchema": {"properties": {"x": {"type": "integer"}}}},
        {"name": "bare"},
        {"name": "odd", "inputSchema": [], "description": 3, "annotations": "none"},
        {"inputSchema": {"type": "object"}},
        "no tool",
    ]
    async with raw(tmp_path, tools=tools) as source:
        assert [tool.name for tool in source.tools] == ["raw.untyped", "raw.bare", "raw.odd"]
        assert source.tools[0].input_schema == {"type": "object", "properties": {"x": {"type": "integer"}}}


async def test_results_are_taken_as_they_are_meant(tmp_path):
    structured = {"content": [], "structuredContent": {"a": 1}}
    calls = {
        "wrapped": {"content": [], "structuredContent": {"result": '{"rows": [1]}'}},
        "plain": {"content": [], "structuredContent": {"result": "75001"}},
        "list": {"content": [], "structuredContent": [1, 2]},
        "none": {"content": [], "structuredContent": None},
        "not_a_number": {"content": [], "structuredContent": {"x": float("nan"), "y": [float("-inf")]}},
        "in_text": text('{"x": NaN}'),
        "unlike_its_schema": structured,
        "no_content": {"structuredContent": {"a": 2}},
        "string_content": {"content": "words"},
        "unknown_block": {"content": [{"type": "hologram"}, *text("seen")["content"]]},
    }
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in calls]
    tools[6]["outputSchema"] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}
    answers = {name: {"result": result} for name, result in calls.items()}
    async with raw(tmp_path, tools=tools, calls=answers) as source:
        assert await value(source, "wrapped") == {"rows": [1]}
        assert await value(source, "plain") == "75001"
        assert await value(source, "list") == [1, 2]
        assert await value(source, "none") is None
        assert await value(source, "not_a_number") == {"x": "NaN", "y": ["-Infinity"]}
        assert await value(source, "in_text") == {"x": "NaN"}
        assert await value(source, "unlike_its_schema") == {"a": 1}
        assert await value(source, "no_content") == {"a": 2}
        assert await value(source, "string_content") == "words"
        assert await value(source, "unknown_block") == "seen"


async def test_an_error_of_the_server_with_the_code_of_a_lost_connection_is_an_error_of_the_tool(tmp_path):
    calls = {"fail": {"error": {"code": -32000, "message": "no such row"}}, "work": {"result": text("fine")}}
    async with raw(tmp_path, calls=calls) as source:
        failed = await called(source, "fail")
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.detail) == (FailureKind.ERROR, "no such row")
        assert await value(source, "work") == "fine"


def image() -> dict[str, Any]:
    return {"type": "image", "data": base64.b64encode(PNG).decode(), "mimeType": "image/png"}


async def test_text_beside_an_image_is_kept_and_the_image_is_a_file_of_the_user(tmp_path):
    blob = {"uri": "x://report", "mimeType": "application/pdf", "blob": base64.b64encode(b"%PDF").decode()}
    calls = {
        "shot": {"result": {"content": [*text("The page")["content"], image()]}},
        "both": {"result": {"content": [image()], "structuredContent": {"title": "a"}}},
        "report": {"result": {"content": [{"type": "resource", "resource": blob}]}},
        "torn": {"result": {"content": [image() | {"data": "\u00e9"}]}},
    }
    async with raw(tmp_path, calls=calls) as source:
        words, path = await value(source, "shot")
        assert words == "The page"
        assert isinstance(path, StoredFile)
        assert path.type == "image"
        assert bytes_of(path) == PNG
        assert stat.S_IMODE(mode_of(path)) == 0o600
        assert Path(path).parent == tmp_path / "mcp" / "files"
        both = await value(source, "both")
        assert both["title"] == "a"
        assert bytes_of(both["files"][0]) == PNG
        report = await value(source, "report")
        assert report.type == "file"
        assert report.endswith(".pdf")
        assert (await called(source, "torn")).kind is FailureKind.NOT_JSON


async def test_a_link_in_a_result_can_be_read_through_the_server(tmp_path):
    link = {"type": "resource_link", "uri": "x://notes/1", "name": "Notes"}
    calls = {"find": {"result": {"content": [link]}}}
    resources = {"x://notes/1": {"result": {"contents": [{"uri": "x://notes/1", "text": '{"a": 1}'}]}}}
    async with raw(tmp_path, calls=calls, resources=resources, capabilities={"resources": {}}) as source:
        uri = await value(source, "find")
        assert uri == "x://notes/1"
        assert await value(source, "read_resource", uri=uri) == {"a": 1}
        assert "raw.read_resource" in [tool.name for tool in source.tools]


POLICY = """
tools:
  raw.shot: {runs: device, confirm: never, results: {"$": cloud}}
  raw.open: {runs: device, confirm: never, results: {"$": {locality: handle}}}
"""


async def test_a_picture_has_a_handle_that_another_tool_can_take_and_its_path_stays(tmp_path):
    opens = {"name": "open", "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}}}
    shot = {"name": "shot", "inputSchema": {"type": "object"}}
    calls = {
        "shot": {"result": {"content": [*text("The page")["content"], image()]}},
        "open": {"result": text("opened")},
    }
    async with (
        raw(tmp_path, tools=[shot, opens], calls=calls) as source,
        world(
            tmp_path,
            plans=[
                plan("Use raw.shot."),
                plan("Use raw.open."),
                plan("Done.", "summarizer"),
                "It is <image:1>.",
            ],
            calls=[("raw.shot", "{}"), ("raw.open", '{"path":"<image:1>"}')],
            tools=source.tools,
            policy=POLICY,
        ) as w,
    ):
        ending = await w.session.ask("Show me the page.")
        wire = b"".join(sent.message for sent in w.capture.requests)
        assert w.results == ["done", "done"]
        assert "The page" in w.prompts[1]
        assert "<image:1>" in w.prompts[1]
        assert str(tmp_path).encode() not in wire
        assert b"zqpixels" not in wire
        assert base64.b64encode(PNG) not in wire
        path = ending.answer.removeprefix("It is ").removesuffix(".")
        assert bytes_of(path) == PNG
        assert w.session.record[1].arguments == {"path": path}


async def test_names_that_a_tool_declares_of_its_results_are_words_once_its_card_is_approved(tmp_path):
    told = {
        "type": "object",
        "properties": {"zqtotal": {"type": "integer"}, "zq Ann Lee": {"type": "string"}},
    }
    tools = [{"name": "count", "inputSchema": {"type": "object"}, "outputSchema": told}]
    result = {"zqtotal": 3, "zq Ann Lee": "a", "zqother": "b"}
    calls = {"count": {"result": {"content": [], "structuredContent": result}}}
    policy = (
        "detect: [{type: person, values: [Ann Lee]}]\ntools: {raw.count: {runs: device, confirm: never}}\n"
    )

    async def wire(folder: Path, source: ToolSource, approved: ApprovedCards) -> bytes:
        async with world(
            made(folder),
            plans=[plan("Use raw.count."), plan("Done.", "give up")],
            calls=[("raw.count", "{}")],
            tools=source.tools,
            policy=policy,
            approved=approved,
        ) as w:
            await w.session.ask("Count them.")
            return b"".join(sent.message for sent in w.capture.requests)

    async with raw(tmp_path, tools=tools, calls=calls) as source:
        closed = await wire(tmp_path / "before", source, ApprovedCards())
        assert b"zqtotal" not in closed
        card = card_to_approve(source.tools[0], scanner_without_lists(policy_of(policy)))
        assert card.result_names == {"zqtotal"}
        opened = await wire(tmp_path / "after", source, ApprovedCards({"mcp:raw": {"raw.count": card.hash}}))
        assert b"zqtotal" in opened
        assert b"Ann Lee" not in opened
        assert b"zqother" not in opened


def as_task(name: str) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, "execution": {"taskSupport": "required"}}


ANSWER = {"result": {"content": [{"type": "text", "text": "it is done"}]}}


@pytest.mark.parametrize("states", [["completed"], ["working", "working", "completed"], ["input_required"]])
async def test_a_tool_that_demands_a_task_is_called_as_one(tmp_path, states):
    says = {"tools": [as_task("slow")], "calls": {"slow": ANSWER}, "tasks": {"slow": states}}
    async with raw(tmp_path, version="2025-11-25", **says) as source:
        assert await value(source, "slow") == "it is done"


async def test_a_task_that_fails_is_a_call_that_failed(tmp_path):
    answer = {"result": {"isError": True, "content": [{"type": "text", "text": "no paper"}]}}
    says = {"tools": [as_task("slow")], "calls": {"slow": answer}, "tasks": {"slow": ["failed"]}}
    async with raw(tmp_path, version="2025-11-25", **says) as source:
        outcome = await called(source, "slow")
    assert isinstance(outcome, Failed)
    assert "no paper" in outcome.detail


async def test_a_task_that_takes_too_long_is_cancelled_at_the_server(tmp_path):
    says = {"tools": [as_task("slow")], "calls": {"slow": ANSWER}, "tasks": {"slow": ["working"]}}
    async with raw(tmp_path, version="2025-11-25", **says) as source:
        (tool,) = source.tools
        outcome = await run_tool(tool, {}, RunLimits(call_seconds=1))
        assert isinstance(outcome, Failed)
        assert outcome.kind is FailureKind.TIMEOUT
        async with asyncio.timeout(20):
            while not (tmp_path / "cancelled").exists():  # noqa: ASYNC110 -- the server writes it
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("execution", [{"taskSupport": "sometimes"}, {"taskSupport": 5}, [], "required"])
async def test_no_server_is_lost_for_what_it_says_of_tasks(tmp_path, execution):
    odd = {"name": "odd", "inputSchema": {"type": "object"}, "execution": execution}
    async with raw(tmp_path, tools=[odd], calls={"odd": ANSWER}) as source:
        assert await value(source, "odd") == "it is done"
