"""The MCP servers of one process, and the tools they give.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mcp.types import Tool as McpTool
from mcp.types import ToolAnnotations

from umi_edge.tools.json_type import JSON
from umi_edge.tools.mcp.config import HttpServer, McpServers, StdioServer
from umi_edge.tools.mcp.last_offers import LastOffers
from umi_edge.tools.mcp.limits import McpLimits
from umi_edge.tools.mcp.logins import Logins
from umi_edge.tools.mcp.offer_change import OfferChange
from umi_edge.tools.mcp.running_server import RunningServer
from umi_edge.tools.mcp.stored_files import StoredFiles
from umi_edge.tools.mcp.translation import hints, name_prefix, tool_names
from umi_edge.tools.schemas import grammar_refusal
from umi_edge.tools.source import ToolSource, WithheldTool
from umi_edge.tools.tool import Tool
from umi_shared.errors import ToolError, UmiError

__all__ = ["OpenServers", "log_in", "open_mcp", "open_servers"]

_QUIET = ("mcp", "client", "httpx2", "httpcore2")


@dataclass(slots=True)
class OpenServers:
    """Servers that were started, and what each gave."""

    running: Sequence[RunningServer] = field(repr=False)
    limits: McpLimits
    listed: list[list[McpTool] | UmiError] = field(repr=False)
    """What sessions are given of each server, or why it gives nothing."""

    async def sources(self) -> tuple[ToolSource, ...]:
        """What each gives, tools or a problem."""
        offers = list(zip(self.running, self.listed, strict=True))
        names = tool_names(
            [
                (server.config.name, tool.name)
                for server, tools in offers
                if not isinstance(tools, UmiError)
                for tool in tools
            ],
            [server.config.name for server in self.running],
        )
        return tuple(
            [await asyncio.to_thread(_source, server, tools, names, self.limits) for server, tools in offers]
        )

    def take_up(self) -> bool:
        """Give sessions from here on what the servers offer now; whether that is anything new."""
        news = [server.offers_more() for server in self.running]
        self.listed = [old if new is None else new for old, new in zip(self.listed, news, strict=True)]
        return any(new is not None for new in news)

    def changes(self) -> list[OfferChange]:
        """What the servers have changed since this was last asked, and sessions under way go on without."""
        return [change for server in self.running if (change := server.change()) is not None]


@asynccontextmanager
async def open_servers(
    servers: McpServers,
    env: Mapping[str, str],
    *,
    limits: McpLimits | None = None,
    log_folder: Path | None = None,
    last_offers: Path | None = None,
    needed: Collection[str] | None = None,
) -> AsyncGenerator[OpenServers]:
    """Start every server; end them afterwards.

    All start at once. With a folder for `last_offers`, a server that is not required, and was started before with the
    same configuration, is not waited for: what it offered then is used while it starts. One that is new beside such
    servers is waited for shortly where the tools that are `needed` are named, and none of them is its own.

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
        first = all(
            last.of(one) is None for one in servers.servers
        )  # whoever has new servers only wants them
        listed = await asyncio.gather(
            *(_listed(one, needed=first or needed is None or _has(one, needed)) for one in running)
        )
        useless = [
            server
            for server, tools in zip(running, listed, strict=True)
            if isinstance(tools, UmiError) and not server.is_starting
        ]
        await asyncio.gather(*(server.close() for server in useless))
        yield OpenServers(running, limits, listed)
    finally:
        await asyncio.gather(*(server.close() for server in running))


@asynccontextmanager
async def open_mcp(
    servers: McpServers, env: Mapping[str, str], **how: Any
) -> AsyncGenerator[tuple[ToolSource, ...]]:
    """The same, for what each server gives at its start."""
    async with open_servers(servers, env, **how) as opened:
        yield await opened.sources()


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


def _has(server: RunningServer, tools: Collection[str]) -> bool:
    """Whether one of these tools is the server's, by its name."""
    return any(name.startswith(name_prefix(server.config.name)) for name in tools)


async def _listed(server: RunningServer, *, needed: bool) -> list[McpTool] | UmiError:
    """What the server offers, or why it offers nothing."""
    try:
        return await server.offered(needed=needed)
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
        return await server.call(tool, arguments)

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
