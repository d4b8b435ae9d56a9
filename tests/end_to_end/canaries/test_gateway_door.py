"""Canaries at the daemon's door for MCP programs: the user sees values on the page, and no program is told one."""

import asyncio
import logging
import sys
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.types import ElicitResult

from tests.end_to_end.canaries.test_page_door import VALUES, found_in
from tests.end_to_end.gateway_door import Door, Piped, gateway_door
from umi_edge.doors.gateway.page_consent import ASKED
from umi_edge.ledger import read_ledger
from umi_edge.policy.loader import default_policy_text
from umi_edge.runtime.config import HomeSettings
from umi_edge.tools.mcp import McpServers, open_mcp
from umi_edge.tools.running_call import ServerQuestion
from umi_edge.tools.sample_home import make_sample_home

pytestmark = pytest.mark.timeout(120)


class Leads:
    """A program that shows its user addresses."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.shown = asyncio.Event()

    async def __call__(self, _: Any, params: Any) -> ElicitResult:
        self.addresses.append(params.url)
        self.words.append(params.message)
        self.shown.set()
        return ElicitResult(action="accept")


async def approved(door: Door, leads: Leads | None = None) -> None:
    """A yes to the next question, once the user has seen the values."""
    async with asyncio.timeout(30):
        if leads is not None:
            await leads.shown.wait()
        async for waiting in door.line.approvals.subscribe():
            for one in waiting:
                assert VALUES[1] in str(one.request.arguments)
                door.line.approvals.decide(one.id, one.digest, True, by="page")
                return


async def over_http(door: Door, mode: str, leads: Leads | None = None) -> None:
    async with door.program(mode, leads) as client:
        await client.list_tools()
        found = await client.call_tool("contacts_search", {"name": "Alice Moreau"})
        word = {"umi_session": found.structured_content["umi_session"]} if mode != "legacy" else {}
        [alice] = found.structured_content["result"]["matches"]
        sent, _ = await asyncio.gather(
            client.call_tool("mail_send", letter(alice["email"]) | word), approved(door, leads)
        )
        assert not sent.is_error
        await client.call_tool("umi_reveal", {"handles": [alice["email"]]} | word)
        await client.call_tool("contacts_search", {"nobody": alice["name"]} | word)
        await client.call_tool("mail_search", {"query": alice["email"]} | word)


async def led_to_the_page(door: Door, mode: str) -> None:
    """By a client that shows addresses: in 2026-07-28 its call is answered, and repeated."""
    leads = Leads()
    await over_http(door, mode, leads)
    assert leads.addresses == [f"{door.url}/#/approvals"]
    assert (b"input_required" in door.answered) == (mode != "legacy")


async def over_a_pipe(door: Door, _: str) -> None:
    async with door.pipe() as pipe:
        await pipe.ask("tools/list")
        found = await pipe.call("contacts_search", name="Alice Moreau")
        [alice] = found.result["structuredContent"]["result"]["matches"]
        sent, _sent = await asyncio.gather(pipe.call("mail_send", **letter(alice["email"])), approved(door))
        assert not sent.result.get("isError")
        await pipe.call("umi_reveal", handles=[alice["email"]])
        await pipe.call("contacts_search", nobody=alice["name"])
        await pipe.call("mail_search", query=alice["email"])
        await pipe.ask("no/such")
        policy = door.config.policy
        assert policy is not None
        policy.write_text(policy.read_text() + "\n# changed\n")
        await ended(pipe)


async def ended(pipe: Piped) -> None:
    """A message that comes after its session."""
    from umi_edge.doors.gateway.bridge import NotTakenError

    with pytest.raises(NotTakenError):
        await pipe.ask("tools/list")


def letter(to: str) -> dict[str, str]:
    return {"to": to, "subject": "Late", "body": "I am late."}


@pytest.mark.parametrize(
    ("way", "mode"),
    [
        (over_http, "legacy"),
        (over_http, "2026-07-28"),
        (led_to_the_page, "legacy"),
        (led_to_the_page, "2026-07-28"),
        (over_a_pipe, "legacy"),
    ],
    ids=["http", "http-2026", "led", "led-2026", "pipe"],
)
async def test_no_canary_is_in_what_a_program_is_answered(tmp_path, way: Any, mode, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    home = make_sample_home(tmp_path / "home", date(2026, 6, 1))
    folders = {name: getattr(home, name) for name in ("contacts", "calendar", "mail", "notes", "outbox")}
    state = tmp_path / "state"
    async with gateway_door(state, None, default_policy_text(), home=HomeSettings(**folders)) as door:
        with door.line.approvals.answerer("page", "on the page"):
            await way(door, mode)
        async with httpx.AsyncClient(base_url=door.url) as http:
            for path in ("/mcp/claude", "/mcp/X", "/daemon/pipes", "/daemon/pipes/pipe-1"):
                assert (await http.post(path, json={"say": "hello"})).status_code == 401
        shown = [one for one in door.line.live.steps() if one.what.kind == "shown"]
        assert VALUES[1] in [piece.value for one in shown for piece in one.what.seen[0].pieces]
        assert [view for view in door.views if view != "approvals"] == [f"live/{shown[0].conversation}"]
        answered = bytes(door.answered)
        complaints = repr([door, *door.complaints]).encode()
    assert b"<email:1>" in answered
    out, err = capfd.readouterr()
    logged = "\n".join(one.getMessage() for one in caplog.records if one.levelno > logging.DEBUG)
    stored = b"".join(one.read_bytes() for one in state.rglob("*") if one.is_file())
    for said in (answered, complaints, out.encode(), err.encode(), logged.encode(), stored):
        assert found_in(said) == set()
    sinks = {one["sink"] for one in read_ledger(door.config.ledger) if one["kind"] == "sent"}
    assert sinks == {"client:claude"}  # nothing went to a planner


CODE = "zq-4410-canary"
ASKS = """
version: 1
tools: {asking.*: {confirm: never, stored_as: nowhere, results: {"$": scan}}}
"""


async def typed_on_the_page(door: Door) -> None:
    """What the user types to the server's question, once they have read it."""
    async with asyncio.timeout(30):
        async for waiting in door.line.approvals.subscribe():
            for one in waiting:
                assert isinstance(one.request, ServerQuestion)
                assert one.request.message.startswith("For whom?")
                door.line.approvals.decide(one.id, one.digest, {"code": CODE}, by="page")
                return


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("server", ["asking_mcp_server.py", "old_asking_mcp_server.py"])
async def test_a_servers_question_is_answered_on_the_page_and_never_in_the_program(tmp_path, mode, server):
    """Though the program declares that it has forms: what is typed there its model may read."""
    started = {"command": sys.executable, "args": [str(Path(__file__).parents[1] / server)]}
    servers = McpServers.parse({"mcpServers": {"asking": started}})
    leads = Leads()
    async with (
        open_mcp(servers, {}) as (source,),
        gateway_door(tmp_path / "state", source.tools, ASKS) as door,
    ):
        with door.line.approvals.answerer("page", "on the page"):
            async with door.program(mode, leads) as client:
                typing = asyncio.create_task(typed_on_the_page(door))
                booked = await client.call_tool("asking_book", {})
                await typing
        answered = bytes(door.answered)
    assert "door [hidden]" in booked.content[0].text
    assert set(leads.addresses) <= {f"{door.url}/#/approvals"}
    assert set(leads.words) <= {ASKED}
    assert CODE.encode() not in answered
    assert b"For whom" not in answered
