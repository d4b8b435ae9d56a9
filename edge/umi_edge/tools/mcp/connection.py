"""One connection to one MCP server, alive in a task of its own."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from typing import Any

import anyio
from mcp import Client, MCPError
from mcp.client.session import ElicitationFnT
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.types import (
    CallToolResult,
    Implementation,
    ReadResourceResult,
    Tool,
    ToolListChangedNotification,
)
from pydantic import ValidationError

from umi_edge.tools.json_type import JSON
from umi_edge.tools.mcp.answers import with_mended_answers
from umi_edge.tools.mcp.link import Link
from umi_edge.tools.mcp.task_call import called_as_task, demands_task
from umi_edge.tools.running_call import Progress, running_call

Connect = Callable[[Link], AbstractAsyncContextManager[tuple[Any, Any]]]

_PAGES = 100
_CLOSE_SECONDS = 8.0
_CANCEL_SECONDS = 1.0


class GoneError(Exception):
    """The connection ended while something waited for it."""


class Connection:
    """One connection. It is never reused once it has ended.

    The SDK's scopes belong to the task that enters them, and a failing transport cancels that task:
    so it is this connection's own, and never the session's.
    """

    def __init__(self, connect: Connect, ask: ElicitationFnT, changed: Callable[[], None]) -> None:
        self.link = Link()
        self._ask = ask
        self._changed = changed
        self._listing = asyncio.Lock()
        self._connect = connect
        self._closing = asyncio.Event()
        # Not the task's own cancel(): that would break through the shield under which a transport
        # ends its server, and leave a process behind.
        self._scope = anyio.CancelScope()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        # It outlasts the call that opens it, and takes nothing of that call's context along.
        self._task = asyncio.create_task(self._live(), context=Context())
        # The exceptions are read where they matter; unread ones must not be logged by asyncio.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def ended(self) -> bool:
        """Whether no further call can succeed."""
        return self._task.done() or self.link.closed or self.link.failure is not None

    async def _live(self) -> None:
        client = Client(
            with_mended_answers(self._connect(self.link), self.link),
            cache=None,
            client_info=Implementation(name="umi", version="0.1.0"),
            read_timeout_seconds=None,  # the runner's limit counts
            elicitation_callback=self._ask,
            message_handler=self._hear,
        )
        with self._scope:
            async with client:
                self._ready.set_result(client)
                listening = asyncio.create_task(self._listen(client))
                try:
                    await self._closing.wait()
                finally:
                    listening.cancel()
                    await asyncio.wait({listening})

    async def _hear(self, message: Any) -> None:
        """What servers of the versions before 2026-07-28 say unasked."""
        if isinstance(message, ToolListChangedNotification):
            self._changed()

    async def _listen(self, client: Client) -> None:
        """Ask a server of 2026-07-28 to say when its tools change; one that does not is read anew the next time."""
        tools = client.server_capabilities.tools
        if tools is None or not tools.list_changed:
            return
        with contextlib.suppress(ListenNotSupportedError, SubscriptionLost, MCPError):
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._changed()

    async def opened(self, seconds: float) -> None:
        """Wait until the connection stands. Raises `TimeoutError`, or what ended it."""
        try:
            either: set[asyncio.Future[Any]] = {self._task, self._ready}
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                self._task.result()
                raise GoneError
            if not self._ready.done():
                raise TimeoutError
        except BaseException:
            await self.close()
            raise

    async def tools(self, limit: int) -> list[Tool]:
        """Every tool of the server, up to one more than `limit`."""
        async with self._listing:  # the schemas come beside the answers, in their order
            return await self._tools(limit)

    async def _tools(self, limit: int) -> list[Tool]:
        found: list[Tool] = []
        self.link.schemas.clear()
        cursor: str | None = None
        for _ in range(_PAGES):
            page = await self._during(self._ready.result().list_tools(cursor=cursor))
            found.extend(page.tools)
            cursor = page.next_cursor
            if cursor is None or len(found) > limit:
                break
        schemas = zip(found, self.link.schemas, strict=False)
        return [
            tool.model_copy(update={"input_schema": given, "output_schema": told})
            for tool, (given, told) in schemas
        ]

    async def read(self, uri: str) -> ReadResourceResult:
        """Read one resource."""
        result: ReadResourceResult = await self._during(self._ready.result().read_resource(uri))
        return result

    async def has_resources(self) -> bool:
        """Whether the server lists resources to read, or templates of their addresses."""
        client = self._ready.result()
        if client.server_capabilities.resources is None:
            return False
        try:
            listed = await self._during(client.list_resources())
            return bool(listed.resources) or bool(
                (await self._during(client.list_resource_templates())).resource_templates
            )
        except (MCPError, ValidationError):
            return False

    async def call(self, tool: Tool, arguments: Mapping[str, JSON]) -> CallToolResult:
        """Call one tool, once, as a task where it demands that. A cancellation is passed on to the server."""
        running = running_call()

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            if running is not None:
                running.progressed(Progress(done=progress, total=total, message=message or ""))

        client = self._ready.result()
        answer = (
            called_as_task(client.session, tool.name, arguments, progressed)
            if demands_task(tool)
            else client.call_tool(tool.name, dict(arguments), progress_callback=progressed)
        )
        result: CallToolResult = await self._during(answer)
        return result

    async def _during(self, request: Any) -> Any:
        """Await a request for as long as the connection lives."""
        task = asyncio.ensure_future(request)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait({task, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_CANCEL_SECONDS)
        if not task.done() or task.cancelled():
            raise GoneError
        return task.result()

    async def close(self) -> None:
        """End the connection, and the server if umi started it."""
        self.link.closed = True
        self._closing.set()
        if not self._ready.done():
            self._scope.cancel()
        await asyncio.wait({self._task}, timeout=_CLOSE_SECONDS)
        if not self._task.done():
            self._scope.cancel()
            await asyncio.wait({self._task}, timeout=_CLOSE_SECONDS)
        self._ready.cancel()
