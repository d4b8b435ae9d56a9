"""Clients of the gateway that break off anywhere, and two hundred at once: nothing is done twice, nothing is left."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.gateway_client import told
from tests.end_to_end.harness import tool_of
from tests.end_to_end.page.served import serving
from tests.end_to_end.serving import true
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway.http import gateway_app
from umi_edge.tools import Hints

KEY = "umi-" + "k" * 40
POLICY = "tools: {box.open: {runs: device, confirm: never, results: {'$': handle}}}"
ACCEPTED = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@dataclass
class Box:
    """A gateway with one tool, which counts its calls."""

    url: str
    opened: int = 0

    def http(self, **headers: str) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None)
        key = {"authorization": f"Bearer {KEY}", **ACCEPTED}
        return httpx.AsyncClient(headers=key | headers, timeout=60, limits=limits, trust_env=False)

    async def session(self, http: httpx.AsyncClient) -> dict[str, str]:
        """The headers of a session that has begun."""
        client = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        begun = await http.post(self.url, json=_request("initialize", client))
        assert begun.status_code == 200, begun.text
        headers = {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        await http.post(
            self.url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers
        )
        return headers


def _request(method: str, params: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


OPEN = _request("tools/call", {"name": "box_open", "arguments": {}}, 7)


@asynccontextmanager
async def box(folder: Path) -> AsyncIterator[Box]:
    made = Box("")

    async def opened(_: Any) -> dict[str, str]:
        made.opened += 1
        return {"said": "nothing"}

    tool = tool_of("box.open", opened, hints=Hints(read_only=False))
    async with (
        told(folder, [tool], POLICY) as t,
        gateway_app(t.gateway, Doorkeeper(KEY)) as app,
        serving(app) as url,  # type: ignore[arg-type]  # any ASGI application
    ):
        made.url = f"{url}/mcp"
        yield made


def descriptors() -> int:
    """How many this process has open."""
    return len([*Path("/proc/self/fd").iterdir()])


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")


@needs_proc
async def test_a_request_that_breaks_off_at_any_byte_does_nothing_and_leaves_nothing(tmp_path):
    async with box(tmp_path) as b, b.http() as http:
        headers = await b.session(http)
        body = json.dumps(OPEN)
        lines = {"host": "localhost", "authorization": f"Bearer {KEY}", **ACCEPTED, **headers}
        lines["content-length"] = str(len(body))
        head = "POST /mcp HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        whole = f"{head}\r\n{body}".encode()
        port = httpx.URL(b.url).port
        before, tasks = descriptors(), len(asyncio.all_tasks())
        ends = {*random.Random(8).sample(range(len(whole)), 60), 0, len(whole) - 1}
        for end in ends:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(whole[:end])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        await true(lambda: descriptors() <= before and len(asyncio.all_tasks()) <= tasks)
        assert b.opened == 0
        answer = await http.post(b.url, json=OPEN, headers=headers)
        assert answer.status_code == 200
        assert b.opened == 1


@needs_proc
async def test_an_answer_that_is_not_waited_for_acts_once_and_leaves_nothing(tmp_path):
    async with box(tmp_path) as b, b.http() as http:
        headers = await b.session(http)
        before, tasks = descriptors(), len(asyncio.all_tasks())
        for number in range(1, 21):
            async with (
                b.http() as other,
                other.stream("POST", b.url, json=OPEN | {"id": number}, headers=headers),
            ):
                pass
        await true(lambda: b.opened == 20)
        await true(lambda: descriptors() <= before and len(asyncio.all_tasks()) <= tasks)


@needs_proc
async def test_two_hundred_streams_at_once_have_an_answer_each_and_leave_nothing(tmp_path):
    async with box(tmp_path) as b:
        async with b.http() as http:
            headers = await b.session(http)
            before, tasks = descriptors(), len(asyncio.all_tasks())

        async def one(number: int) -> httpx.Response:
            async with b.http(**headers) as http:
                return await http.post(b.url, json=OPEN | {"id": number})

        answers = await asyncio.gather(*(one(number) for number in range(1, 201)))
        assert {answer.status_code for answer in answers} <= {200, 429, 503}
        done = [answer for answer in answers if '"isError":false' in answer.text.replace(" ", "")]
        assert b.opened == len(done) > 0
        await true(lambda: descriptors() <= before and len(asyncio.all_tasks()) <= tasks)
