"""The gateway as an MCP server: the protocol's requests, and nothing that umi decides.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from umi_edge.doors.gateway.elicitation import elicitation_of
from umi_edge.doors.gateway.gateway import INSTRUCTIONS, Gateway, NoSuchToolError

__all__ = ["SESSION_HEADER", "mcp_server"]

SESSION_HEADER = "mcp-session-id"
_HEARTBEAT_SECONDS = 5
_WORKING = "still at it"
_FAULT = "umi could not answer this, and told nothing; its own output on the laptop says more"


def mcp_server(gateway: Gateway, pipe: str = "pipe") -> Server[Any]:
    """An MCP server whose every answer is the gateway's; `pipe` is the word of the session of a pipe."""

    def session_of(context: ServerRequestContext[Any]) -> str | None:
        """The transport's own session: of HTTP by its header, of a pipe its only one; None where it has none."""
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return None
        headers = getattr(context.request, "headers", None)
        return pipe if headers is None else str(headers.get(SESSION_HEADER, "")) or pipe

    async def list_tools(
        context: ServerRequestContext[Any], _: PaginatedRequestParams | None
    ) -> ListToolsResult:
        try:
            answer = await gateway.tools(with_session=session_of(context) is None)
            return ListToolsResult.model_validate(answer, by_name=False)
        except Exception as error:
            raise _failed(gateway, error) from None

    async def call_tool(context: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        try:
            async with _heartbeat(context):
                with elicitation_of(context):
                    answer = await gateway.call(
                        params.name, params.arguments or {}, session=session_of(context)
                    )
            return CallToolResult.model_validate(answer, by_name=False)
        except NoSuchToolError:
            raise MCPError(code=INVALID_PARAMS, message="there is no tool of that name here") from None
        except Exception as error:
            raise _failed(gateway, error) from None

    server: Server[Any] = Server(
        "umi", version=version("umi-runtime"), title="umi", instructions=INSTRUCTIONS
    )
    server.middleware.clear()  # no trace of a request goes anywhere
    server.add_request_handler("tools/list", PaginatedRequestParams, list_tools)
    server.add_request_handler("tools/call", CallToolRequestParams, call_tool)
    return server


def _failed(gateway: Gateway, error: Exception) -> MCPError:
    """What is told of a fault: that there was one. Its own words may hold values."""
    gateway.complain(f"a request of the client failed ({type(error).__name__}); nothing was told")
    return MCPError(
        code=INTERNAL_ERROR, message="umi could not answer this, and told nothing; its own output says more"
    )


@asynccontextmanager
async def _heartbeat(context: ServerRequestContext[Any]) -> AsyncIterator[None]:
    """Say from time to time that the call goes on: by a clock, and nothing that a tool says of how far it is."""

    async def beat() -> None:
        for count in range(1, 10_000):
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            await context.session.report_progress(count, message=_WORKING)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
