"""The gateway over streamable HTTP: one ASGI app, behind the doorkeeper, that any server of this process can mount.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.gateway.gateway import Gateway
from umi_edge.doors.gateway.mcp_server import SESSION_HEADER, mcp_server

__all__ = ["gateway_app", "headers_of", "refused"]

_BODY_BYTES = 4 << 20
_MOST_CONNECTIONS = 64
_IDLE_SECONDS = 30 * 60


@asynccontextmanager
async def gateway_app(gateway: Gateway, keeper: Doorkeeper) -> AsyncIterator[ASGIApp]:
    """The app of one gateway, for as long as this holds; it takes requests of any path that is mounted to it.

    A request without the key, for another host, or from a page that is not allowed gets in nowhere.
    """
    manager = StreamableHTTPSessionManager(
        app=mcp_server(gateway),
        max_request_body_size=_BODY_BYTES,
        max_sessions=_MOST_CONNECTIONS,
        session_idle_timeout=_IDLE_SECONDS,
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = headers_of(scope)
        try:
            keeper.check(headers)
        except ApiError as error:
            await refused(error)(scope, receive, send)
            return
        await manager.handle_request(scope, receive, send)
        if scope["method"] == "DELETE":  # the transport's session is over, and its vault with it
            await gateway.sessions.end(headers.get(SESSION_HEADER, ""))

    async with manager.run():
        yield app


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request, their names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def refused(error: ApiError) -> Response:
    """Why a request is not let in, as MCP says errors; with what a client has to bring."""
    code = INVALID_REQUEST if error.status < 500 else INTERNAL_ERROR
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": error.message}}
    wants = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return Response(json.dumps(body), error.status, headers=wants, media_type="application/json")
