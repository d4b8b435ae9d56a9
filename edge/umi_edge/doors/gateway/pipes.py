"""Pipes: programs that start `umi mcp serve` while the daemon runs, which carries out their requests.

That command opens a stream here, of what is said to the program, and posts what the program says, one message after
the other. A pipe has a session of its own in the gateway of its program. It ends with the command, with the gateway
(the policy has changed), or with the daemon; a message that comes too late is not taken.

I2: docs/design.md#i2-fail-closed
I3: docs/design.md#i3-noninterference
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio
from mcp.shared.memory import MessageStream, create_client_server_memory_streams
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCMessage, jsonrpc_message_adapter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.command_request import alone, guarded, read_body, read_json
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway.mcp_server import mcp_server
from umi_edge.doors.gateway.mounted import HeldGateway, MountedGateways

__all__ = ["MESSAGE_BYTES", "Pipes"]

MESSAGE_BYTES = 4 << 20
"""The most that a program says at once."""
_MOST = 32
_MOST_UNREAD = 64


@dataclass(slots=True, kw_only=True, eq=False)
class _Pipe:
    client: str = field(repr=False)
    held: HeldGateway
    id: str = field(default_factory=lambda: f"pipe-{secrets.token_hex(8)}", repr=False)
    said: "asyncio.Queue[bytes | None]" = field(
        default_factory=lambda: asyncio.Queue(maxsize=_MOST_UNREAD), repr=False
    )
    """What the program is told; None at the end."""
    ours: MessageStream | None = field(default=None, repr=False)


@dataclass(slots=True, kw_only=True)
class Pipes:
    """The pipes that are open."""

    gateways: MountedGateways
    keeper: Doorkeeper
    settings: str = field(repr=False)
    """The digest of this process's settings: a command with others is sent away, to serve its program alone."""
    preview: str = field(repr=False)
    """How often messages are shown before they leave: a command that wants it otherwise is sent away, too."""
    _open: dict[str, _Pipe] = field(default_factory=dict, init=False, repr=False)
    _tasks: "set[asyncio.Task[None]]" = field(default_factory=set, init=False, repr=False)

    def routes(self) -> list[Route]:
        """What an application serves for `umi mcp serve`."""
        return [
            Route("/daemon/pipes", guarded(self._begin, self.keeper), methods=["POST"]),
            Route("/daemon/pipes/{id}", guarded(self._hear, self.keeper), methods=["POST"]),
        ]

    async def _begin(self, request: Request) -> Response:
        asked = await read_json(request)
        if not isinstance(asked, dict) or not isinstance(client := asked.get("client"), str):
            raise ApiError("this is no pipe of `umi mcp serve`: are both of one version?")
        if asked.get("settings") != self.settings or asked.get("preview") != self.preview:
            return alone("it has another configuration or policy, or is of another version")
        if len(self._open) >= _MOST:
            return alone("it is busy")
        pipe = _Pipe(client=client, held=await self.gateways.current(client))
        self._open[pipe.id] = pipe
        task = asyncio.create_task(self._serve(pipe))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return StreamingResponse(
            self._lines(pipe, task), media_type="application/jsonl", headers={"cache-control": "no-store"}
        )

    async def _hear(self, request: Request) -> Response:
        said = await read_body(request, MESSAGE_BYTES)
        try:
            message = SessionMessage(jsonrpc_message_adapter.validate_json(said, by_name=False))
        except ValidationError:  # whose words hold what was written
            raise ApiError("the body is no message of JSON-RPC") from None
        pipe = self._open.get(request.path_params["id"])
        if pipe is None or await self.gateways.current(pipe.client) is not pipe.held or pipe.ours is None:
            raise _over()
        try:
            await pipe.ours[1].send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise _over() from None
        return Response(status_code=204)

    async def _lines(self, pipe: _Pipe, serving: "asyncio.Task[None]") -> AsyncIterator[bytes]:
        try:
            yield json.dumps({"pipe": pipe.id}).encode() + b"\n"
            while (said := await pipe.said.get()) is not None:
                yield said + b"\n"
        finally:  # also where the command is gone
            serving.cancel()

    async def _serve(self, pipe: _Pipe) -> None:
        """Serve one program until its command is gone, or its gateway."""
        gateway = pipe.held.gateway
        server = mcp_server(gateway, pipe.id)
        async with create_client_server_memory_streams() as (ours, theirs):
            pipe.ours = ours
            telling = asyncio.create_task(_tell(ours, pipe))
            try:
                await pipe.held.carry_out(server.run(*theirs, server.create_initialization_options()))
            except ApiError:  # the gateway has ended
                pass
            finally:
                del self._open[pipe.id]
                pipe.ours = None
                telling.cancel()
                await asyncio.wait([telling])
                await gateway.kept.end(pipe.id)
                await gateway.sessions.end(pipe.id)
        await pipe.said.put(None)


async def _tell(ours: MessageStream, pipe: _Pipe) -> None:
    async for item in ours[0]:
        if isinstance(item, SessionMessage) and not pipe.held.over:  # which ends by errors that say nothing
            await pipe.said.put(_spelled(item.message))


def _spelled(message: JSONRPCMessage) -> bytes:
    """A message in one line: some characters beyond ASCII end a line, too, for whoever reads it."""
    return json.dumps(message.model_dump(mode="json", by_alias=True, exclude_unset=True)).encode()


def _over() -> ApiError:
    return ApiError("this session has ended, and its handles with it", status=410)
