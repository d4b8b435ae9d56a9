"""The tools that a configuration installs: built-in ones, Python functions, MCP servers; and what keeps some away."""

import os
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from umi_edge.policy.families import BUILT_IN
from umi_edge.reading import Reading
from umi_edge.runtime.config import EdgeConfig, HomeSettings
from umi_edge.runtime.synced_home import folder_of, synced_folders
from umi_edge.tools import Catalogue, Tool
from umi_edge.tools.builtin import HomeConfig, SmtpConfig, builtin_tools
from umi_edge.tools.builtin.inventory import Holding, inventory
from umi_edge.tools.operators import operator_tools
from umi_edge.tools.source import ToolSource
from umi_shared.errors import ToolError, UmiError

if TYPE_CHECKING:
    from umi_edge.tools.mcp import HttpServer, OpenServers, StdioServer

__all__ = [
    "InstalledTools",
    "find_servers",
    "find_tools",
    "home_inventory",
    "home_tools",
    "name_clash",
    "open_tools",
    "python_tool",
]

_FOLDERS = ("contacts", "calendar", "mail", "notes")
_SEARCHED = {"notes", "files", "mail"}


async def find_tools(config: EdgeConfig, environment: Mapping[str, str]) -> tuple[ToolSource, ...]:
    """Every source of tools, each with its tools or what is wrong; MCP servers are started, asked and ended.

    `environment` fills the variables of the MCP servers and holds the password of `smtp`.
    """
    sources = (
        _home(config.home, environment),
        *(_python(spec) for spec in config.tools),
        *(
            await find_servers(config.mcp, environment, log_folder=config.ledger.parent / "mcp")
            if config.mcp
            else ()
        ),
    )
    works = any(source.tools for source in sources) if config.operators is None else config.operators
    if not works:
        return sources
    return (sources[0], ToolSource(name="operators", tools=operator_tools(Reading())), *sources[1:])


@dataclass(slots=True)
class InstalledTools:
    """The tools of a process, their servers running."""

    own: tuple[Tool, ...]
    """Those that come from no server."""
    servers: "OpenServers | None"
    sources: tuple[ToolSource, ...] = field(default=(), repr=False)
    """What each server gave."""

    @property
    def catalogue(self) -> Catalogue:
        """Everything that a session may call. Raises `ToolError` where two tools share a name."""
        return Catalogue([*self.own, *(tool for source in self.sources for tool in source.tools)])

    @property
    def missing(self) -> tuple[ToolSource, ...]:
        """The servers that gave no tools, each with its problem."""
        return tuple(source for source in self.sources if source.problem)

    def changes(self) -> list[str]:
        """What servers have changed since this was last asked, a sentence each."""
        return [] if self.servers is None else [str(change) for change in self.servers.changes()]

    async def take_up(self) -> bool:
        """Take what the servers offer now, for the sessions from here on; whether that is anything new."""
        if self.servers is None or not self.servers.take_up():
            return False
        self.sources = await self.servers.sources()
        return True


@asynccontextmanager
async def open_tools(
    config: EdgeConfig, environment: Mapping[str, str], *, needed: Collection[str] | None = None
) -> AsyncIterator[InstalledTools]:
    """The tools of a configuration, their servers running; what these leave lies beside the ledger.

    Where the tools that are `needed` are named, such as those that detectors read, another server that is new is waited
    for shortly.

    Raises `ConfigError`, `ToolError`, and the problem of a server that is required.
    """
    own = (*home_tools(config.home, environment), *map(python_tool, config.tools))
    if not config.mcp:
        yield InstalledTools(own, None)
        return
    from umi_edge.tools.mcp import McpServers, open_servers  # noqa: PLC0415  # a slow import

    servers = McpServers.parse({"mcpServers": config.mcp})
    folder = config.ledger.parent / "mcp"
    opened = open_servers(
        servers, environment, log_folder=folder, last_offers=folder / "offers", needed=needed
    )
    async with opened as running:
        installed = InstalledTools(own, running, await running.sources())
        for source in installed.missing:
            if source.required and source.problem is not None:
                raise source.problem
        yield installed


def name_clash(sources: Iterable[ToolSource]) -> ToolError | None:
    """Two tools of one name, from whatever sources; a session would not start."""
    try:
        Catalogue(tool for source in sources for tool in source.tools)
    except ToolError as error:
        return error
    return None


def home_tools(settings: HomeSettings, environment: Mapping[str, str]) -> tuple[Tool, ...]:
    """The built-in tools whose folders are named, or whose data is fetched from a server."""
    home = _home_config(settings, environment)
    copied = {one.store for one in home.copies}
    named = {name for name in _FOLDERS if getattr(settings, name)} | copied
    offered = named | ({"files"} if settings.files else set())
    if offered & _SEARCHED:
        offered.add("search")
    sending = {"mail.send", "mail.reply", "mail.forward"}
    only_copied = {store for store in copied if not getattr(settings, store)}
    withheld = set() if settings.outbox or settings.smtp else sending  # it would go nowhere
    return tuple(
        tool
        for tool in builtin_tools(home)
        if tool.name.partition(".")[0] in offered
        and tool.name not in withheld
        # What was written into a copy would be on no server, and gone with the next fetch.
        and not (tool.name.partition(".")[0] in only_copied - {"mail"} and not tool.hints.read_only)
    )


def home_inventory(settings: HomeSettings) -> tuple[Holding, ...]:
    """What is found in each folder that is named and there."""
    return tuple(inventory(_home_config(settings, {})))


def _home_config(settings: HomeSettings, environment: Mapping[str, str]) -> HomeConfig:
    nowhere = Path(os.devnull)
    copies = tuple(one.copy for one in synced_folders(settings))
    fetched = {one.store: folder_of(settings, one.store) for one in copies}
    return HomeConfig(
        contacts=Path(settings.contacts or fetched.get("contacts", nowhere)),
        calendar=Path(settings.calendar or fetched.get("calendar", nowhere)),
        mail=Path(settings.mail or fetched.get("mail", nowhere)),
        copies=copies,
        notes=Path(settings.notes or nowhere),
        outbox=Path(settings.outbox or nowhere),
        files=tuple(map(Path, settings.files)),
        addresses=settings.addresses,
        smtp=_smtp(settings, environment),
        more=settings.more_tools,
    )


def python_tool(spec: str) -> Tool:
    """A tool of the user's own, as `module:name`. Raises `ToolError`."""
    module, _, name = spec.partition(":")
    try:
        found: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ToolError(
            f"no tool is found at {spec!r}", fix="write it as MODULE:NAME, importable from here"
        ) from error
    except (Exception, SystemExit) as error:  # the user's own code runs at import
        raise ToolError(
            f"the module of the tool {spec!r} cannot be imported: {type(error).__name__}",
            fix=f'see why: python -c "import {module}"',
        ) from error
    if not isinstance(found, Tool):
        raise ToolError(f"{spec!r} is not a tool", fix="put `@tool` above the function")
    # Whatever it says of itself: what umi's own tools say is shown unseen.
    return replace(found, source="python") if found.source == BUILT_IN else found


def _home(settings: HomeSettings, environment: Mapping[str, str]) -> ToolSource:
    try:
        return ToolSource(name="builtin", tools=home_tools(settings, environment))
    except UmiError as error:
        return ToolSource(name="builtin", problem=error)


def _python(spec: str) -> ToolSource:
    try:
        return ToolSource(name=f"python:{spec}", tools=(python_tool(spec),))
    except UmiError as error:
        return ToolSource(name=f"python:{spec}", problem=error)


async def find_servers(
    entries: Mapping[str, Any], environment: Mapping[str, str], *, log_folder: Path
) -> tuple[ToolSource, ...]:
    """MCP servers, started, asked and ended; an entry that is wrong hides no other. Logins are in `log_folder`."""
    from umi_edge.tools.mcp import McpServers, open_mcp  # noqa: PLC0415  # slow to import

    found: dict[str, ToolSource] = {}
    sound: list[StdioServer | HttpServer] = []
    for name, entry in entries.items():
        source = f"mcp:{name}"
        try:
            servers = McpServers.parse({"mcpServers": {name: entry}}).servers
        except UmiError as error:
            found[source] = ToolSource(name=source, problem=error)
        else:
            found[source] = ToolSource(name=source, disabled=not servers)
            sound += servers
    async with open_mcp(McpServers(tuple(sound)), environment, log_folder=log_folder) as asked:
        return tuple((found | {source.name: source for source in asked}).values())


def _smtp(settings: HomeSettings, environment: Mapping[str, str]) -> SmtpConfig | None:
    smtp = settings.smtp
    if smtp is None:
        return None
    return SmtpConfig(
        host=smtp.host,
        port=smtp.port,
        starttls=smtp.starttls,
        user=smtp.user,
        password=environment.get(smtp.password_env, "") if smtp.password_env else "",
        sender=smtp.sender,
    )
