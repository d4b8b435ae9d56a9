"""The far ends of a bridge: what the daemon says arrives as it was said, and a gateway that is old takes nothing."""

import asyncio
from typing import Any

import anyio
import httpx
import pytest
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from umi_edge.doors.gateway.bridge import NotTakenError
from umi_edge.doors.gateway.far_ends import _Daemon, _Own
from umi_edge.doors.gateway.pipes import _spelled
from umi_edge.doors.gateway.serving import Surroundings, _FarEnds
from umi_edge.doors.place import Place
from umi_edge.runtime.config import EdgeConfig


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\u2029"])
async def test_a_message_with_a_line_end_of_any_kind_is_one_message(end):
    said: list[JSONRPCMessage] = [
        JSONRPCResponse(jsonrpc="2.0", id=1, result={"content": [{"type": "text", "text": f"a{end}b"}]}),
        JSONRPCResponse(jsonrpc="2.0", id=2, result={"text": "Zoë"}),
    ]
    reply = httpx.Response(200, content=b"".join(_spelled(one) + b"\n" for one in said))
    async with httpx.AsyncClient() as http:
        heard = [one async for one in _Daemon(http, "pipe", reply.aiter_lines()).messages()]
    assert heard == said


def request(number: int) -> JSONRPCRequest:
    return JSONRPCRequest(jsonrpc="2.0", id=number, method="tools/call", params={})


async def test_a_gateway_knows_whether_it_is_at_something_and_takes_nothing_once_it_is_old():
    asked: list[bool] = []
    to_ours, ours = anyio.create_memory_object_stream[Any](8)
    theirs, from_ours = anyio.create_memory_object_stream[Any](8)

    def is_old(is_idle: bool) -> bool:
        asked.append(is_idle)
        return len(asked) > 4

    own = _Own((ours, theirs), is_old)  # type: ignore[arg-type]
    for message in (request(1), request(2)):
        await own.send(message)
    await to_ours.send(SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=1, result={})))
    await anext(own.messages())
    await own.send(request(3))
    for number in (2, 3):
        await own.send(
            JSONRPCNotification(jsonrpc="2.0", method="notifications/cancelled", params={"requestId": number})
        )
    await own.send(request(4))
    with pytest.raises(NotTakenError):
        await own.send(request(5))
    assert asked == [True, False, False, True, False]
    for stream in (to_ours, ours, theirs, from_ours):
        stream.close()


@pytest.mark.parametrize("is_idle", [True, False])
async def test_a_gateway_of_this_process_is_old_once_the_policy_is_another_or_a_daemon_runs(
    tmp_path, is_idle
):
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\n")
    config = EdgeConfig(policy=policy, ledger=tmp_path / "ledger.jsonl")
    ends = _FarEnds(config=config, client="claude", around=Surroundings())
    place = Place.beside(config.ledger)
    assert not ends._is_old("version: 1\n", is_idle)
    with place.held():
        place.note(4864, "k" * 40)
        assert await asyncio.to_thread(ends._is_old, "version: 1\n", is_idle) is is_idle
        ends._sent_away_by = "k" * 40  # it has other settings
        assert not await asyncio.to_thread(ends._is_old, "version: 1\n", is_idle)
        place.note(4864, "l" * 40)  # another one
        assert await asyncio.to_thread(ends._is_old, "version: 1\n", is_idle) is is_idle
    policy.write_text("version: 1\ndefaults: {results: handle}\n")
    assert ends._is_old("version: 1\n", is_idle)
