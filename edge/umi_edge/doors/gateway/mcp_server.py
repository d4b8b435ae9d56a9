"""The gateway as an MCP server: the protocol's requests, and nothing that umi decides.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
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
    ElicitRequest,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from umi_edge.doors.gateway.elicitation import elicited_by, in_midst_of, is_offered
from umi_edge.doors.gateway.gateway import INSTRUCTIONS, Gateway, NoSuchToolError
from umi_edge.doors.gateway.kept_calls import NotKeptError, ToShow, what_is_called

__all__ = ["SESSION_HEADER", "mcp_server"]

SESSION_HEADER = "mcp-session-id"
_CONSENT = "consent"
"""The name of what a client is to show."""
_HEARTBEAT_SECONDS = 5
_WORKING = "still at it"
_NOT_KEPT = (
    "no call waits for this repetition of it: it is over, or it was another one. Nothing was done again; what became "
    "of it, the user sees on the laptop"
)
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

    async def made(
        context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> dict[str, Any] | ToShow:
        """Make a call, or take up one that waits for this repetition of it."""
        modern, arguments = context.protocol_version in MODERN_PROTOCOL_VERSIONS, params.arguments or {}

        def call() -> Coroutine[Any, Any, dict[str, Any]]:
            return gateway.call(params.name, arguments, session=session_of(context))

        what = what_is_called(params.name, arguments)
        if modern and params.request_state is not None:
            response = (params.input_responses or {}).get(_CONSENT)
            action = response.action if isinstance(response, ElicitResult) else None
            return await gateway.kept.go_on(params.request_state, what, action, owner=pipe)
        if not is_offered(context):
            return await call()
        if modern:
            return await (gateway.kept.begin(what, call, owner=pipe) if gateway.kept.has_room else call())
        with elicited_by(in_midst_of(context)):
            return await call()

    async def call_tool(
        context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        try:
            async with _heartbeat(context):
                answer = await made(context, params)
            if isinstance(answer, ToShow):
                return _shown_first(answer)
            return CallToolResult.model_validate(answer, by_name=False)
        except NoSuchToolError:
            raise MCPError(code=INVALID_PARAMS, message="there is no tool of that name here") from None
        except NotKeptError:
            raise MCPError(code=INVALID_PARAMS, message=_NOT_KEPT) from None
        except Exception as error:
            raise _failed(gateway, error) from None

    server: Server[Any] = Server(
        "umi",
        version=version("umi-runtime"),
        title="umi",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=lambda _: None,  # no argument is a header, so the tools are not listed for that
    )
    server.middleware.clear()  # no trace of a request goes anywhere
    server.add_request_handler("tools/list", PaginatedRequestParams, list_tools)
    server.add_request_handler("tools/call", CallToolRequestParams, call_tool)
    return server


def _shown_first(what: ToShow) -> InputRequiredResult:
    """A constant, the address of the page, and the word that the call is taken up with."""
    asked = ElicitRequest(params=ElicitRequestURLParams(message=what.words, url=what.address))
    return InputRequiredResult(input_requests={_CONSENT: asked}, request_state=what.word)


def _failed(gateway: Gateway, error: Exception) -> MCPError:
    """What is told of a fault: that there was one. Its own words may hold values."""
    gateway.complain(f"a request of the client failed ({type(error).__name__}); nothing was told")
    return MCPError(code=INTERNAL_ERROR, message=_FAULT)


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
