"""The MCP servers of one session, and the tools they give.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
from mcp import MCPError
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
)
from mcp.types import Tool as McpTool
from pydantic import ValidationError

from umi_edge.tools.json_type import JSON
from umi_edge.tools.mcp.config import HttpServer, McpServers, StdioServer
from umi_edge.tools.mcp.connection import Connection, GoneError
from umi_edge.tools.mcp.http import http_transport
from umi_edge.tools.mcp.limits import McpLimits
from umi_edge.tools.mcp.link import Link
from umi_edge.tools.mcp.stdio import stdio_transport
from umi_edge.tools.mcp.translation import hints, name_prefix, result_value, tool_names
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.schemas import grammar_refusal
from umi_edge.tools.source import ToolSource, WithheldTool
from umi_edge.tools.tool import Tool
from umi_shared.errors import ToolError, UmiError

_QUIET = ("mcp", "client", "httpx2", "httpcore2")

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
        self, config: StdioServer | HttpServer, env: Mapping[str, str], limits: McpLimits, logs: Path | None
    ) -> None:
        self.config = config
        self._env = env
        self._limits = replace(limits, start_seconds=config.start_seconds or limits.start_seconds)
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", config.name)
        self.log = logs / f"mcp-{safe}.log" if logs and isinstance(config, StdioServer) else None
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()

    @property
    def remote(self) -> bool:
        """Whether it runs on another machine."""
        return isinstance(self.config, HttpServer) and not self.config.is_local

    def _transport(self, link: Link) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        limit = self._limits.message_bytes
        if isinstance(self.config, HttpServer):
            return http_transport(self.config, limit, link)
        return stdio_transport(self.config, self._env, limit, link, self.log)

    async def start(self) -> list[McpTool]:
        """Connect and list the tools. Raises `ConfigError` and `ToolError` that name the server and the fix."""
        self.config = self.config.expanded(self._env)
        try:
            connection = await self._connected()
            async with asyncio.timeout(self._limits.start_seconds):
                found = await connection.tools(self._limits.tools)
        except Exception as error:
            raise ToolError(
                f"the MCP server {self.config.name} did not start: {self._reason(error)}", fix=self._fix()
            ) from _quiet(error)
        return found

    async def call(self, name: str, arguments: Mapping[str, JSON]) -> JSON:
        """Call one tool. Raises `ToolFailure`."""
        try:
            connection = await self._connected()
        except Exception as error:
            raise ToolFailure(FailureKind.UNAVAILABLE, self._reason(error)) from None
        try:
            return result_value(await connection.call(name, arguments))
        except MCPError as error:
            raise _failure(connection, error) from None
        except GoneError:
            kind = connection.link.failure or FailureKind.UNAVAILABLE
            raise ToolFailure(kind, "the connection ended during the call") from None
        except ValidationError:
            raise ToolFailure(FailureKind.NOT_JSON, "the result breaks the protocol") from None

    async def _connected(self) -> Connection:
        async with self._lock:
            if self._connection is not None and self._connection.ended:
                await self.close()
            if self._connection is None:
                connection = Connection(self._transport)
                await connection.opened(self._limits.start_seconds)
                self._connection = connection
            return self._connection

    async def close(self) -> None:
        """End the connection, and the server if umi started it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _reason(self, error: BaseException) -> str:
        """Why it did not start, without the error's text: that may quote a key."""
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

    def _fix(self) -> str:
        if isinstance(self.config, HttpServer):
            how = "check its url and headers"
        elif self.log is not None:
            how = f"see {self.log}"
        else:
            how = "run its command in a terminal to see why"
        return f"{how}, or set disabled: true, in mcpServers.{self.config.name}"


def _failure(connection: Connection, error: MCPError) -> ToolFailure:
    kind = _KINDS.get(error.code, FailureKind.ERROR)
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
) -> AsyncGenerator[tuple[ToolSource, ...]]:
    """Start every server and yield what each gives, tools or a problem; end the servers afterwards.

    `env` fills `${NAME}` in the configuration. One that fails keeps no other from its tools: its problem is a
    `ConfigError` or a `ToolError` that names it. The SDK's loggers are switched off, because they write what servers
    send (I8).
    """
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    limits = limits or McpLimits()
    running = [RunningServer(one, env, limits, log_folder) for one in servers.servers]
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


async def _listed(server: RunningServer) -> list[McpTool] | UmiError:
    """What the server offers, or why it offers nothing."""
    try:
        return await server.start()
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


def _output_schema(tool: McpTool, limits: McpLimits) -> Mapping[str, Any] | None:
    """What the server says its results look like; a schema that is too large says nothing."""
    schema = tool.output_schema
    return None if schema is None or len(json.dumps(schema)) > limits.schema_bytes else schema
