"""The MCP servers of one session, and the tools they give.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import json
import logging
import re
import shlex
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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
    ToolAnnotations,
)
from mcp.types import Tool as McpTool
from pydantic import ValidationError

from umi_edge.tools.json_type import JSON
from umi_edge.tools.mcp.config import HttpServer, McpServers, StdioServer
from umi_edge.tools.mcp.connection import Connection, GoneError
from umi_edge.tools.mcp.http import http_transport
from umi_edge.tools.mcp.last_offers import LastOffers
from umi_edge.tools.mcp.limits import McpLimits
from umi_edge.tools.mcp.link import Link
from umi_edge.tools.mcp.logins import Logins, NeedsLoginError
from umi_edge.tools.mcp.machine_login import machine_login
from umi_edge.tools.mcp.questions import question_of
from umi_edge.tools.mcp.redirect import open_redirect
from umi_edge.tools.mcp.stdio import stdio_transport
from umi_edge.tools.mcp.stored_files import StoredFiles
from umi_edge.tools.mcp.translation import hints, name_prefix, resource_value, result_value, tool_names
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.running_call import RunningCall, running_call
from umi_edge.tools.schemas import grammar_refusal
from umi_edge.tools.source import ToolSource, WithheldTool
from umi_edge.tools.tool import Tool
from umi_shared.errors import ToolError, UmiError

T = TypeVar("T")

_QUIET = ("mcp", "client", "httpx2", "httpcore2")

_LOST = ("Connection closed", "SSE stream ended without a response")
"""What the SDK says where an answer can't come any more."""

_KINDS = {
    CONNECTION_CLOSED: FailureKind.UNAVAILABLE,
    REQUEST_TIMEOUT: FailureKind.TIMEOUT,
    INVALID_PARAMS: FailureKind.INVALID_ARGUMENTS,
    METHOD_NOT_FOUND: FailureKind.NOT_FOUND,
    PARSE_ERROR: FailureKind.NOT_JSON,
}


class RunningServer:
    """One server, and its connection of the moment.

    A call that dies with its connection is reported and never repeated, because nobody knows
    whether it ran. The next call connects anew, once.
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

    async def offered(self) -> list[McpTool]:
        """What the server offers: what it did last time, while it starts, unless it is required or new.

        Raises `ConfigError` and `ToolError` that name the server and the fix.
        """
        self.config = self.config.expanded(self._env)
        offer = None if self.config.required else self._last.of(self._configured)
        if offer is None:
            return await self._start()
        self.has_resources = offer.resources
        self._starting = asyncio.create_task(self._start_behind())
        return list(offer.tools)

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

    async def _start_behind(self) -> None:
        """Start while others work. Where that fails, the calls of its tools fail, and next time it is waited for."""
        try:
            await self._start()
        except UmiError:
            await asyncio.to_thread(self._last.forget, self._configured)

    async def _start(self) -> list[McpTool]:
        """Connect and list the tools. Raises `ToolError`."""
        try:
            connection = await self._connected()
            async with asyncio.timeout(self._limits.start_seconds):
                found = await connection.tools(self._limits.tools)
                self.has_resources = await connection.has_resources()
        except Exception as error:
            kind = NeedsLoginError if self._link.status == HTTPStatus.UNAUTHORIZED else ToolError
            raise kind(
                f"the MCP server {self.config.name} did not start: {self._reason(error)}", fix=self._fix()
            ) from _quiet(error)
        await asyncio.to_thread(self._last.keep, self._configured, found, resources=self.has_resources)
        return found

    async def call(self, name: str, arguments: Mapping[str, JSON]) -> JSON:
        """Call one tool. Raises `ToolFailure`."""
        return await self._asked(
            lambda connection: self._value(connection.call(name, arguments), result_value)
        )

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
                connection = Connection(self._transport, self._answer)
                self._link = connection.link
                await connection.opened(self._limits.start_seconds)
                self._connection = connection
            return self._connection

    async def close(self) -> None:
        """End the connection, and the server if umi started it."""
        starting, self._starting = self._starting, None
        if starting is not None and starting is not asyncio.current_task():
            starting.cancel()
            await asyncio.wait({starting})
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


@asynccontextmanager
async def open_mcp(
    servers: McpServers,
    env: Mapping[str, str],
    *,
    limits: McpLimits | None = None,
    log_folder: Path | None = None,
    last_offers: Path | None = None,
) -> AsyncGenerator[tuple[ToolSource, ...]]:
    """Start every server and yield what each gives, tools or a problem; end the servers afterwards.

    All start at once. With a folder for `last_offers`, a server that is not required, and was started before with the
    same configuration, is not waited for: what it offered then is used while it starts.

    `env` fills `${NAME}` in the configuration. One that fails keeps no other from its tools: its problem is a
    `ConfigError` or a `ToolError` that names it. The SDK's loggers are switched off, because they write what servers
    send (I8).
    """
    _silence()
    limits = limits or McpLimits()
    files = StoredFiles(log_folder / "files" if log_folder else None)
    files.tidy()
    last = LastOffers(last_offers)
    logins = Logins(log_folder / "logins" if log_folder else None)
    running = [RunningServer(one, env, limits, log_folder, files, last, logins) for one in servers.servers]
    try:
        listed = await asyncio.gather(*map(_listed, running))
        offers = list(zip(running, listed, strict=True))
        names = tool_names(
            [
                (server.config.name, tool.name)
                for server, tools in offers
                if not isinstance(tools, UmiError)
                for tool in tools
            ],
            [server.config.name for server in running],
        )
        sources = [await asyncio.to_thread(_source, server, tools, names, limits) for server, tools in offers]
        useless = [server for server, source in zip(running, sources, strict=True) if source.problem]
        await asyncio.gather(*(server.close() for server in useless))
        yield tuple(sources)
    finally:
        await asyncio.gather(*(server.close() for server in running))


async def log_in(
    server: StdioServer | HttpServer, env: Mapping[str, str], log_folder: Path, browse: Callable[[str], None]
) -> int:
    """Have the user log in to a server; the number of tools that it then offers. Raises `ConfigError`, `ToolError`."""
    _silence()
    logins = Logins(log_folder / "logins")
    running = RunningServer(
        server, env, McpLimits(start_seconds=600), None, StoredFiles(None), LastOffers(None), logins
    )
    try:
        return len(await running.log_in(browse))
    finally:
        await running.close()


def _silence() -> None:
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


async def _listed(server: RunningServer) -> list[McpTool] | UmiError:
    """What the server offers, or why it offers nothing."""
    try:
        return await server.offered()
    except UmiError as error:
        return error


def _source(
    server: RunningServer,
    listed: list[McpTool] | UmiError,
    names: Mapping[tuple[str, str], str],
    limits: McpLimits,
) -> ToolSource:
    config = server.config
    made = ToolSource(name=f"mcp:{config.name}", required=config.required, prefix=name_prefix(config.name))
    if isinstance(listed, UmiError):
        return replace(made, problem=listed)
    tools: dict[str, Tool] = {}
    withheld: list[WithheldTool] = []
    for tool in listed[: limits.tools]:
        name = names[config.name, tool.name]
        try:
            if name in tools:
                raise ValueError("the server has another tool of this name")
            tools[name] = _tool(server, tool, name, limits)
        except (ToolError, ValueError) as error:
            withheld.append(WithheldTool(name, str(error)))
    if server.has_resources:
        tools.setdefault(name_prefix(config.name) + _READ, _resource_reader(server))
    if len(listed) > limits.tools:
        withheld.append(WithheldTool("the rest", f"the server has more than {limits.tools} tools"))
    return replace(made, tools=tuple(tools.values()), withheld=tuple(withheld))


def _tool(server: RunningServer, tool: McpTool, name: str, limits: McpLimits) -> Tool:
    """The tool as umi has it. Raises `ToolError` and `ValueError` where its calls can't be written."""
    if len(json.dumps(tool.input_schema)) > limits.schema_bytes:
        raise ValueError(f"its input schema has more than {limits.schema_bytes} bytes")

    async def run(arguments: Mapping[str, JSON]) -> JSON:
        return await server.call(tool.name, arguments)

    made = Tool(
        name=name,
        description=(tool.description or tool.title or "")[: limits.description_characters],
        input_schema=tool.input_schema,
        run=run,
        source=f"mcp:{server.config.name}",
        hints=hints(tool.annotations, remote=server.remote),
        output_schema=_output_schema(tool, limits),
    )
    refusal = grammar_refusal(json.dumps(made.input_schema))
    if refusal:
        raise ValueError("no grammar can be made of its input schema")
    return made


_READ = "read_resource"


def _resource_reader(server: RunningServer) -> Tool:
    """The tool that follows the links in a server's results."""

    async def run(arguments: Mapping[str, JSON]) -> JSON:
        return await server.read(str(arguments["uri"]))

    schema = {"type": "object", "properties": {"uri": {"type": "string"}}, "required": ["uri"]}
    return Tool(
        name=name_prefix(server.config.name) + _READ,
        description="Read what a link in this server's results leads to.",
        input_schema=schema | {"additionalProperties": False},
        run=run,
        source=f"mcp:{server.config.name}",
        hints=hints(ToolAnnotations(read_only_hint=True), remote=server.remote),
    )


def _output_schema(tool: McpTool, limits: McpLimits) -> Mapping[str, Any] | None:
    """What the server says its results look like; a schema that is too large says nothing."""
    schema = tool.output_schema
    return None if schema is None or len(json.dumps(schema)) > limits.schema_bytes else schema
