"""The daemon's door for MCP programs, and every byte that one is answered: over `/mcp/NAME`, and over a pipe."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import JSONRPCNotification, JSONRPCRequest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.end_to_end.page.served import serving
from umi_edge.doors.approvals import Approvals
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway.bridge import FarEnd
from umi_edge.doors.gateway.far_ends import daemon_end
from umi_edge.doors.gateway.mounted import MountedGateways
from umi_edge.doors.gateway.pipes import Pipes
from umi_edge.doors.line import Line
from umi_edge.doors.live import Live
from umi_edge.doors.place import Place, settings_digest
from umi_edge.doors.user_key import UserKey
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import open_laptop
from umi_edge.runtime.planner import Planner
from umi_edge.tools import Tool
from umi_shared.screen.console import Screen

PROGRAMS_KEY = "umi-" + "p" * 40


@dataclass
class Door:
    """The door, and what came out of it."""

    line: Line
    config: EdgeConfig
    url: str = ""
    answered: bytearray = field(default_factory=bytearray)
    complaints: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def program(self, mode: str, elicited: Any = None) -> AsyncIterator[Client]:
        """One over HTTP; `elicited` shows its user addresses."""
        key = {"authorization": f"Bearer {PROGRAMS_KEY}"}
        async with httpx2.AsyncClient(headers=key, timeout=30) as http:
            transport = streamable_http_client(f"{self.url}/mcp/claude", http_client=http)
            async with Client(transport, mode=mode, cache=None, elicitation_callback=elicited) as client:
                yield client

    @asynccontextmanager
    async def pipe(self) -> AsyncIterator["Piped"]:
        """One that has started `umi mcp serve`."""
        async with daemon_end(self.config, "claude") as end:
            assert not hasattr(end, "reason"), "it was sent away"
            piped = Piped(end, end.messages())  # type: ignore[union-attr]
            who = {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "p", "version": "1"},
            }
            await piped.ask("initialize", who)
            await piped.end.send(JSONRPCNotification(jsonrpc="2.0", method="notifications/initialized"))
            yield piped

    async def open_page(self, view: str) -> bool:
        self.views.append(view)
        return True

    def words(self) -> bytes:
        """What was answered, without the random words of sessions and pipes."""
        words = [one.conversation for one in self.line.live.steps()]
        words += [one.decode() for one in re.findall(rb"pipe-[0-9a-f]{16}", bytes(self.answered))]
        said = bytes(self.answered)
        for word in dict.fromkeys(words):
            said = said.replace(word.encode(), b"WORD")
        return said


@dataclass
class Piped:
    """A program at the far side of a pipe."""

    end: FarEnd
    said: Any
    asked: int = 0

    async def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The answer to a request."""
        self.asked += 1
        await self.end.send(JSONRPCRequest(jsonrpc="2.0", id=self.asked, method=method, params=params))
        async for message in self.said:
            if getattr(message, "id", None) == self.asked:
                return message
        raise AssertionError("the pipe has ended")

    async def call(self, tool: str, **arguments: Any) -> Any:
        return await self.ask("tools/call", {"name": tool, "arguments": arguments})


@asynccontextmanager
async def gateway_door(
    folder: Path, tools: Sequence[Tool] | None, policy: str, **config: Any
) -> AsyncIterator[Door]:
    """The door of a laptop with these tools."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # a test's own folder
    (folder / "policy.yaml").write_text(policy)
    settings = EdgeConfig(policy=folder / "policy.yaml", ledger=folder / "ledger.jsonl", **config)
    async with AsyncExitStack() as stack:
        given = None if tools is None else tuple(tools)
        laptop = await stack.enter_async_context(open_laptop(settings, tools=given, calls=False))
        line = Line(
            config=settings,
            laptop=laptop,
            planner=Planner(None),  # type: ignore[arg-type]  # nothing is planned here
            approvals=Approvals(),
            live=Live(),
            stack=stack,
            console=Screen(quiet=True),
        )
        door, user = Door(line, settings), UserKey()
        gateways = MountedGateways(
            line=line,
            keeper=Doorkeeper(PROGRAMS_KEY),
            open_page=door.open_page,
            page_url=lambda: door.url,
            complain=door.complaints.append,
        )
        pipes = Pipes(
            gateways=gateways,
            keeper=user.keeper(),
            settings=settings_digest(settings, user.text),
            preview=settings.preview,
        )
        place = Place.beside(settings.ledger)
        app = Starlette(routes=[*gateways.routes(), *pipes.routes(), proof_route(user)])
        async with serving(_Heard(app, door.answered)) as door.url:  # type: ignore[arg-type]
            with place.held():
                place.note(int(door.url.rpartition(":")[2]), user.text)
                try:
                    yield door
                finally:
                    await gateways.stop()


def proof_route(user: UserKey) -> Any:
    """What commands want to see first."""
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from umi_edge.doors.user_key import PROOF_HEADER, PROOF_PATH

    async def prove(request: Request) -> Response:
        return Response(headers={PROOF_HEADER: user.proof(request.query_params["nonce"])})

    return Route(PROOF_PATH, prove)


@dataclass
class _Heard:
    """Keeps what an application answers."""

    app: ASGIApp
    answered: bytearray

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.body":
                self.answered.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, noted)
