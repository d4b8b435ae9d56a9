"""One MCP server as it runs: its connection, what it offers now, its calls, and why it does not start.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import contextlib
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from mcp import MCPError
from mcp.client.auth import OAuthFlowError
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    ElicitRequestParams,
    ElicitResult,
)
from mcp.types import Tool as McpTool
from pydantic import ValidationError

from umi_edge.tools.json_type import JSON
from umi_edge.tools.mcp.config import HttpServer, StdioServer
from umi_edge.tools.mcp.connection import Connection, GoneError
from umi_edge.tools.mcp.http import http_transport
from umi_edge.tools.mcp.last_offers import LastOffers
from umi_edge.tools.mcp.limits import McpLimits
from umi_edge.tools.mcp.link import Link
from umi_edge.tools.mcp.logins import Logins, NeedsLoginError
from umi_edge.tools.mcp.machine_login import machine_login
from umi_edge.tools.mcp.offer_change import OfferChange, takes_the_same
from umi_edge.tools.mcp.questions import question_of
from umi_edge.tools.mcp.redirect import open_redirect
from umi_edge.tools.mcp.stdio import stdio_transport
from umi_edge.tools.mcp.stored_files import StoredFiles
from umi_edge.tools.mcp.translation import resource_value, result_value
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.running_call import RunningCall, running_call
from umi_shared.errors import ToolError, UmiError

__all__ = ["RunningServer"]

T = TypeVar("T")

_LOST = ("Connection closed", "SSE stream ended without a response")
"""What the SDK says where an answer can't come any more."""

_KINDS = {
    CONNECTION_CLOSED: FailureKind.UNAVAILABLE,
    REQUEST_TIMEOUT: FailureKind.TIMEOUT,
    INVALID_PARAMS: FailureKind.INVALID_ARGUMENTS,
    METHOD_NOT_FOUND: FailureKind.NOT_FOUND,
    PARSE_ERROR: FailureKind.NOT_JSON,
}


_RELIST_SECONDS = 1.0
"""How long a server that says that its tools have changed is given to change more of them."""


_SOON_SECONDS = 2.0
"""How long a server is waited for that did not start the last time."""

_FIRST_SECONDS = 5.0
"""How long a new server is waited for beside others that sessions had before."""


class RunningServer:
    """One server, and its connection of the moment.

    A call that dies with its connection is reported and never repeated, because nobody knows
    whether it ran. The next call connects anew, once.

    A session calls the tools that it was given at its start. Where the server has changed one since, or offers it no
    longer, its call fails before an argument leaves.
    """

    def __init__(
        self,
        config: StdioServer | HttpServer,
        env: Mapping[str, str],
        limits: McpLimits,
        logs: Path | None,
        files: StoredFiles,
        last: LastOffers,
        logins: Logins,
    ) -> None:
        self.config = config
        self._env = env
        self._limits = replace(limits, start_seconds=config.start_seconds or limits.start_seconds)
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", config.name)
        self.log = logs / f"mcp-{safe}.log" if logs and isinstance(config, StdioServer) else None
        self._files = files
        self.has_resources = False
        self._last = last
        self._logins = logins
        self._auth: httpx2.Auth | None = None
        self._configured = config
        self._starting: asyncio.Task[None] | None = None
        self._link = Link()
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self._given: tuple[McpTool, ...] = ()
        """What sessions were given."""
        self._now: tuple[McpTool, ...] | None = None
        """What the server offers, as it said last; None where it has not said yet."""
        self._told: tuple[McpTool, ...] | None = None
        """What the user was told of last that has changed."""
        self._problem: UmiError | None = None
        """Why it did not start while others worked."""
        self._stale = False
        self._relisting: asyncio.Task[None] | None = None
        self._running: list[RunningCall] = []
        """The calls that run now, of which the server may ask something."""

    @property
    def remote(self) -> bool:
        """Whether it runs on another machine."""
        return isinstance(self.config, HttpServer) and not self.config.is_local

    def _transport(self, link: Link) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        limit = self._limits.message_bytes
        if isinstance(self.config, HttpServer):
            kept = self._auth is None and self._logins.is_kept(self.config)
            auth = self._logins.provider(self.config) if kept else machine_login(self.config) or self._auth
            return http_transport(self.config, limit, link, auth)
        return stdio_transport(self.config, self._env, limit, link, self.log)

    async def offered(self, *, needed: bool = True) -> list[McpTool]:
        """What the server offers: what it did last time, while it starts, unless it is required or new.

        One that did not start last time is waited for shortly; so is one that is new, where it is not `needed`, but for
        once only: what takes longer each time would never come.

        Raises `ConfigError` and `ToolError` that name the server and the fix.
        """
        self.config = self.config.expanded(self._env)
        offer = None if self.config.required else self._last.of(self._configured)
        if offer is None and not self.config.required and self._last.failed(self._configured):
            late = ToolError(
                f"the MCP server {self.config.name} did not start the last time, and is not there yet",
                fix=self._fix(),
            )
            self._given = tuple(await self._started_within(_SOON_SECONDS, late))
        elif offer is None and not (needed or self.config.required or self._last.postponed(self._configured)):
            late = ToolError(
                f"the MCP server {self.config.name} starts for the first time, and is not there yet",
                fix="go on: the next conversation has its tools, and waits for them; `umi tools` shows them",
            )
            await asyncio.to_thread(self._last.postpone, self._configured)
            self._given = tuple(await self._started_within(_FIRST_SECONDS, late))
        elif offer is None:
            self._given = tuple(await self._start())
        else:
            self.has_resources = offer.resources
            self._starting = asyncio.create_task(self._start_behind())
            self._given = offer.tools
        return list(self._given)

    def offers_more(self) -> list[McpTool] | None:
        """What the server offers now, for the sessions from here on; None where that is what they are given."""
        if self._now is None or self._now == self._given:
            return None
        self._given = self._now
        return list(self._given)

    def change(self) -> OfferChange | None:
        """What has changed, against what sessions were given, since this was last asked."""
        if self._now is None or self._now == self._told:
            return None
        self._told = self._now
        return OfferChange.between(self.config.name, self._given, self._now)

    async def log_in(self, browse: Callable[[str], None]) -> list[McpTool]:
        """Have the user log in to the server in a browser, and list its tools.

        Raises `ConfigError` and `ToolError`, also where it is no server on the network.
        """
        self.config = config = self.config.expanded(self._env)
        if not isinstance(config, HttpServer):
            raise ToolError(f"the MCP server {config.name} runs on this device", fix="it needs no login")
        if config.by_machine:
            return await self._start()
        try:
            port = int(config.oauth.get("callbackPort", 0))
            async with open_redirect(browse, port) as redirect:
                self._auth = self._logins.provider(config, redirect)
                return await self._start()
        except (OSError, ValueError, OverflowError) as error:
            raise ToolError(
                f"umi cannot listen on port {config.oauth.get('callbackPort')} for the end of the login",
                fix=f"name another one in mcpServers.{config.name}.oauth.callbackPort",
            ) from _quiet(error)

    async def _started_within(self, seconds: float, late: ToolError) -> list[McpTool]:
        """What a server offers that is waited for no longer than a person notices.

        Raises `ToolError`; where it is `late`, it goes on starting for the sessions after this one.
        """
        self._starting = asyncio.create_task(self._start_behind())
        await asyncio.wait({self._starting}, timeout=seconds)
        if self._now is not None and self._problem is None:
            return list(self._now)
        if self._problem is not None:
            raise self._problem
        raise late

    @property
    def is_starting(self) -> bool:
        """Whether it may yet come to offer something."""
        return self._starting is not None and not self._starting.done()

    async def _start_behind(self) -> None:
        """Start while others work. Where that fails, the calls of its tools fail."""
        try:
            await self._start()
        except UmiError as error:
            self._problem = error

    async def _start(self) -> list[McpTool]:
        """Connect and list the tools. Raises `ToolError`."""
        try:
            connection = await self._connected()
            async with asyncio.timeout(self._limits.start_seconds):
                self.has_resources = await connection.has_resources()
        except Exception as error:
            self._now = None
            await asyncio.to_thread(self._last.fail, self._configured)
            kind = NeedsLoginError if self._link.status == HTTPStatus.UNAUTHORIZED else ToolError
            raise kind(
                f"the MCP server {self.config.name} did not start: {self._reason(error)}", fix=self._fix()
            ) from _quiet(error)
        await self._keep_offer()
        return list(self._now or ())

    async def _keep_offer(self) -> None:
        found = self._now or ()
        await asyncio.to_thread(self._last.keep, self._configured, found, resources=self.has_resources)

    def _changed(self) -> None:
        """Look what the server offers, because it says that this has changed; sessions go on with what they have."""
        self._stale = True
        if self._relisting is None or self._relisting.done():
            self._relisting = asyncio.create_task(self._list_again())

    async def _list_again(self) -> None:
        while self._stale:
            await asyncio.sleep(_RELIST_SECONDS)
            self._stale = False
            connection = self._connection
            if connection is None or connection.ended:
                return
            with contextlib.suppress(MCPError, GoneError, ValidationError, TimeoutError):
                async with asyncio.timeout(self._limits.start_seconds):
                    self._now = tuple(await connection.tools(self._limits.tools))
                await self._keep_offer()

    async def call(self, tool: McpTool, arguments: Mapping[str, JSON]) -> JSON:
        """Call one tool as it was given to a session. Raises `ToolFailure`."""

        def ask(connection: Connection) -> Awaitable[JSON]:
            self._require(tool)
            return self._value(connection.call(tool, arguments), result_value)

        return await self._asked(ask)

    def _require(self, tool: McpTool) -> None:
        """Raises `ToolFailure` where the server has another tool of the name now, or none (I2)."""
        now = next((one for one in self._now or () if one.name == tool.name), None)
        if now is None:
            raise ToolFailure(FailureKind.NOT_FOUND, "its server does not offer it any more")
        if not takes_the_same(tool, now):
            raise ToolFailure(FailureKind.UNAVAILABLE, "its server has changed it since this session began")

    async def read(self, uri: str) -> JSON:
        """Read one resource. Raises `ToolFailure`."""
        return await self._asked(lambda connection: self._value(connection.read(uri), resource_value))

    async def _value(self, answer: Awaitable[T], value_of: Callable[[T, StoredFiles], JSON]) -> JSON:
        result = await answer
        return await asyncio.to_thread(value_of, result, self._files)

    async def _answer(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        """What the user answers to a question of the server. It is declined where several calls run, or none (I2)."""
        question = question_of(self.config.name, params, remote=self.remote)
        if question is None or len(self._running) != 1:
            return ElicitResult(action="decline")
        answers = await self._running[0].ask(question)
        if answers is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=None if question.url else dict(answers))

    async def _asked(self, ask: Callable[[Connection], Awaitable[JSON]]) -> JSON:
        if self._starting is not None:
            await asyncio.wait({self._starting})
        try:
            connection = await self._connected()
        except Exception as error:
            raise ToolFailure(FailureKind.UNAVAILABLE, self._reason(error)) from None
        running = running_call()
        if running is not None:
            self._running.append(running)
        try:
            return await ask(connection)
        except MCPError as error:
            raise _failure(connection, error) from None
        except GoneError:
            kind = connection.link.failure or FailureKind.UNAVAILABLE
            raise ToolFailure(kind, "the connection ended during the call") from None
        except ValidationError:
            raise ToolFailure(FailureKind.NOT_JSON, "the result breaks the protocol") from None
        finally:
            if running is not None:
                self._running.remove(running)

    async def _connected(self) -> Connection:
        async with self._lock:
            if self._connection is not None and self._connection.ended:
                await self.close()
            if self._connection is None:
                connection = Connection(self._transport, self._answer, self._changed)
                self._link = connection.link
                await connection.opened(self._limits.start_seconds)
                try:
                    async with asyncio.timeout(self._limits.start_seconds):
                        self._now = tuple(await connection.tools(self._limits.tools))
                except BaseException:
                    await connection.close()
                    raise
                self._connection = connection
            return self._connection

    async def close(self) -> None:
        """End the connection, and the server if umi started it."""
        starting, self._starting = self._starting, None
        for task in (starting, self._relisting):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
                await asyncio.wait({task})
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _reason(self, error: BaseException) -> str:
        """Why it did not start, without the error's text: that may quote a key."""
        if any(isinstance(cause, OAuthFlowError) for cause in _leaves(error)):
            return "its login did not succeed" if self._auth else "its login is no longer valid"
        refused = self._refusal()
        if refused:
            return refused
        for cause in _leaves(error):
            if isinstance(cause, FileNotFoundError | PermissionError) and isinstance(
                self.config, StdioServer
            ):
                return f"its command {self.config.command!r} cannot be run"
            if isinstance(cause, TimeoutError):
                return f"no answer within {self._limits.start_seconds:g} s"
            if isinstance(cause, httpx2.TransportError):
                where = self.config.host if isinstance(self.config, HttpServer) else "its address"
                return f"{where} cannot be reached ({type(cause).__name__})"
            if isinstance(cause, MCPError) and cause.code != CONNECTION_CLOSED:
                return f"it refused (code {cause.code})"
        return "it ended, or broke the protocol, before it answered"

    @property
    def _logs_in(self) -> bool:
        return (
            isinstance(self.config, HttpServer) and self._auth is None and self._logins.is_kept(self.config)
        )

    def _refusal(self) -> str:
        """What an HTTP server has said before it said anything in MCP; empty where it has not."""
        match self._link.status:
            case 401:
                return "this server needs a login"
            case 403:
                return "it does not let this login in (status 403)"
            case 404:
                return "there is nothing at its url (status 404)"
            case status if status:
                return f"it refused (status {status})"
        return "its url leads to a web page, and not to an MCP server" if self._link.web_page else ""

    def _fix(self) -> str:
        if self._link.status in (401, 403) or self._logs_in:
            return f"`umi mcp login {shlex.quote(self.config.name)}`, or check its headers"
        if isinstance(self.config, HttpServer):
            how = "check its url and headers"
        elif self.log is not None:
            how = f"see {self.log}"
        else:
            how = "run its command in a terminal to see why"
        return f"{how}, or set disabled: true, in mcpServers.{self.config.name}"


def _failure(connection: Connection, error: MCPError) -> ToolFailure:
    kind = _KINDS.get(error.code, FailureKind.ERROR)
    if kind is FailureKind.UNAVAILABLE and not (connection.ended or error.message in _LOST):
        kind = FailureKind.ERROR  # -32000 is any server's own code, too
    if error.code == INVALID_REQUEST and error.message == "Session terminated":
        kind = FailureKind.UNAVAILABLE  # the SDK's word for an HTTP server that has forgotten us
    elif "recursion limit" in error.message and error.code == PARSE_ERROR:
        kind = FailureKind.TOO_DEEP
    elif error.message.startswith("SSE stream failed"):
        kind = FailureKind.TOO_LARGE
    if connection.link.failure is not None:
        kind = connection.link.failure
    if kind is FailureKind.UNAVAILABLE:
        connection.link.closed = True
    return ToolFailure(kind, error.message)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _quiet(error: BaseException) -> Exception:
    """What may stand as the cause in a traceback: the type, without a text that may quote a key."""
    return RuntimeError(", ".join(type(leaf).__name__ for leaf in _leaves(error)))
