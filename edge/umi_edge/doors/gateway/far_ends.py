"""The far ends of a bridge: the daemon that runs, and a gateway in this process.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import httpx
from mcp.shared.memory import MessageStream, create_client_server_memory_streams
from mcp.shared.message import SessionMessage
from mcp.types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    jsonrpc_message_adapter,
)

from umi_edge.doors.daemon_request import Alone, begun, refusal
from umi_edge.doors.gateway.bridge import FarEnd, LostError, NotTakenError, RefusedError
from umi_edge.doors.gateway.gateway import Gateway
from umi_edge.doors.gateway.mcp_server import mcp_server
from umi_edge.doors.place import Place, settings_digest
from umi_edge.doors.proved_client import StrangerError, proved_client
from umi_edge.runtime.config import EdgeConfig

__all__ = ["daemon_end", "own_end"]

IsOld = Callable[[bool], bool]
"""Whether somebody else is to take the next request, who may be waited for where this one is at another (False)."""
_FIX = "the output of `umi serve` on the laptop says more"


@asynccontextmanager
async def daemon_end(config: EdgeConfig, client: str) -> AsyncIterator[FarEnd | Alone]:
    """The daemon, where one runs with this configuration. Raises `RefusedError` where it serves nobody now."""
    running = Place.beside(config.ledger).running()
    if running is None:
        yield Alone()
        return
    asked = {
        "client": client,
        "settings": settings_digest(config, running.key),
        "preview": config.preview,
    }
    async with proved_client(running.url, running.key) as http:
        reply = await begun(http, "/daemon/pipes", asked)
        if isinstance(reply, Alone):
            yield reply
            return
        try:
            if reply.status_code != httpx.codes.OK:
                raise RefusedError(refusal(reply), fix=_FIX)
            lines = reply.aiter_lines()
            yield _Daemon(http, str(json.loads(await anext(lines))["pipe"]), lines)
        finally:
            await reply.aclose()


@dataclass(frozen=True, slots=True)
class _Daemon:
    http: httpx.AsyncClient = field(repr=False)
    pipe: str = field(repr=False)
    lines: AsyncIterator[str] = field(repr=False)

    async def send(self, message: JSONRPCMessage) -> None:
        spelled = message.model_dump_json(by_alias=True, exclude_unset=True)
        try:
            reply = await self.http.post(f"/daemon/pipes/{self.pipe}", content=spelled.encode())
        except (httpx.ConnectError, StrangerError):
            raise NotTakenError from None
        except httpx.TransportError:
            raise LostError from None
        if reply.status_code == httpx.codes.GONE:
            raise NotTakenError
        if reply.status_code != httpx.codes.NO_CONTENT:
            raise RefusedError(refusal(reply), fix=_FIX)

    async def messages(self) -> AsyncIterator[JSONRPCMessage]:
        try:
            async for line in self.lines:
                yield jsonrpc_message_adapter.validate_json(line, by_name=False)
        except (httpx.TransportError, ValueError):  # it is gone; a line may be cut off
            return


@asynccontextmanager
async def own_end(gateway: Gateway, is_old: IsOld) -> AsyncIterator[FarEnd]:
    """A gateway of this process, which takes no request once it is old."""
    server = mcp_server(gateway)
    async with create_client_server_memory_streams() as (ours, theirs):
        serving = asyncio.create_task(server.run(*theirs, server.create_initialization_options()))
        try:
            yield _Own(ours, is_old)
        finally:
            serving.cancel()
            await asyncio.wait([serving])


@dataclass(frozen=True, slots=True)
class _Own:
    streams: MessageStream = field(repr=False)
    is_old: IsOld = field(repr=False)
    unanswered: set[str | int] = field(default_factory=set, repr=False)

    async def send(self, message: JSONRPCMessage) -> None:
        match message:
            case JSONRPCRequest(id=known):
                if await asyncio.to_thread(self.is_old, not self.unanswered):
                    raise NotTakenError
                self.unanswered.add(known)
            case JSONRPCNotification(method="notifications/cancelled", params={"requestId": cancelled}):
                self.unanswered.discard(cancelled)
        try:
            await self.streams[1].send(SessionMessage(message))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise NotTakenError from None

    async def messages(self) -> AsyncIterator[JSONRPCMessage]:
        async for item in self.streams[0]:
            if isinstance(item, SessionMessage):
                if isinstance(item.message, JSONRPCResponse | JSONRPCError) and item.message.id is not None:
                    self.unanswered.discard(item.message.id)
                yield item.message
