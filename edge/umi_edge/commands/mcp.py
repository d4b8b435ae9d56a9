"""`umi mcp`: the MCP servers of this configuration and of other programs, and logins at servers that want one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._gateway import install, reveal, serve
from umi_edge.commands._mcp_entries import add, add_servers, remove, say_pack
from umi_edge.commands._options import config_option, read_config
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from umi_edge.tools.mcp import HttpServer, StdioServer
    from umi_edge.tools.mcp.foreign_configs import ForeignConfig


@click.group()
def command() -> None:
    """Add MCP servers, take them over from other programs, log in to them; and be one, with handles."""


command.add_command(add)
command.add_command(remove)
command.add_command(serve)
command.add_command(reveal)
command.add_command(install)


@command.command("import")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@click.option("--yes", is_flag=True, help="Do not ask before writing the configuration.")
def import_(files: tuple[Path, ...], config: Path | None, *, yes: bool) -> int:
    """Take MCP servers over from other programs, or from FILES.

    Without FILES it looks where Claude Desktop, VS Code, Cursor and Zed keep theirs. Says what it takes and what it
    leaves, and asks before it adds them to your configuration. Comments there stay. A server whose name is taken
    already is left.
    """
    import asyncio

    from umi_edge.runtime.config import config_path
    from umi_edge.terminal.stdin import TypedLines
    from umi_edge.tools.mcp.foreign_configs import foreign_paths, read_foreign
    from umi_shared.errors import ConfigError
    from umi_shared.screen.console import Screen

    settings = read_config(config)
    taken: dict[str, Any] = {}
    for path in files or filter(
        Path.is_file, foreign_paths(Path.home(), config_path().parent.parent, Path.cwd())
    ):
        try:
            found = read_foreign(path)
        except ConfigError as error:
            if files:
                raise
            say(f"✗ {error.message}")
            continue
        if found is not None:
            taken |= _new(found, {*settings.mcp, *taken})
    if not taken:
        say("There is nothing to take over.")
        return 0
    target = settings.file or config or config_path()
    question = f"Add {len(taken)} to {target}?"
    if not yes and not asyncio.run(TypedLines().confirmed(Screen(stderr=True), question)):
        return 1
    add_servers(target, taken)
    say(f"{target} has them now: `umi doctor` starts each and says what is wrong.")
    for name, entry in taken.items():
        say_pack(name, entry)
    return 0


@command.command("login")
@click.argument("name")
@config_option
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
def login(name: str, config: Path | None, *, no_browser: bool) -> int:
    """Log in to the MCP server NAME in your browser (OAuth 2.1).

    The browser comes back to a page of this machine. What the server then gives is kept in the system's keyring, or
    where there is none in a file that only you can read, and is renewed without asking.
    """
    import asyncio
    import os
    import webbrowser

    from umi_edge.tools.mcp.logins import Logins
    from umi_edge.tools.mcp.servers import log_in

    settings = read_config(config)
    server = _configured(settings.mcp, name)
    folder = settings.ledger.parent / "mcp"

    def browse(url: str) -> None:
        say(f"Log in at {url}")
        if not no_browser:
            webbrowser.open(url)

    count = asyncio.run(log_in(server, os.environ, folder, browse))
    say(
        f"You are logged in to {name}, which offers {count} tools. The login is in {Logins(folder / 'logins').place()}."
    )
    return 0


@command.command("logout")
@click.argument("name")
@config_option
def logout(name: str, config: Path | None) -> int:
    """Delete the login to the MCP server NAME from this device."""
    import os

    from umi_edge.tools.mcp import HttpServer
    from umi_edge.tools.mcp.logins import Logins

    settings = read_config(config)
    server = _configured(settings.mcp, name).expanded(os.environ)
    if isinstance(server, HttpServer):
        Logins(settings.ledger.parent / "mcp" / "logins").forget(server)
    say(f"There is no login to {name} on this device any more.")
    return 0


def _configured(entries: "Mapping[str, Any]", name: str) -> "StdioServer | HttpServer":
    from umi_edge.tools.mcp import McpServers
    from umi_shared.errors import ConfigError

    servers = McpServers.parse({"mcpServers": {name: entries[name]}}).servers if name in entries else ()
    if not servers:
        raise ConfigError(f"no MCP server is called {name}", fix="see `mcpServers` of the configuration")
    return servers[0]


def _new(found: "ForeignConfig", known: set[str]) -> dict[str, Any]:
    """The servers of one file that umi does not have, once it is said what is taken and what is left."""
    say(str(found.path))
    new = {name: dict(entry) for name, entry in found.servers.items() if name not in known}
    for name in found.servers:
        say(f"  ✓ {name}" if name in new else f"  – {name}: there is one of this name already")
    for name, why in found.left.items():
        say(f"  – {name}: {why}")
    return new
