"""What the daemon says to a bridge arrives as it was said."""

import httpx
import pytest
from mcp.types import JSONRPCMessage, JSONRPCResponse

from umi_edge.doors.gateway.far_ends import _Daemon
from umi_edge.doors.gateway.pipes import _spelled


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
