"""`umi mcp add` and `umi mcp remove`: one MCP server put into the configuration, or taken out of it."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import config_option, read_config
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_edge.policy import Policy
    from umi_edge.runtime.config import EdgeConfig
    from umi_edge.tools.source import ToolSource

__all__ = ["add", "add_servers", "remove", "say_pack"]

_SHOWN = 12
"""The most names of tools in a line."""


@click.command("add")
@click.argument("name")
@click.argument("server", nargs=-1, required=True)
@config_option
@click.option(
    "--env",
    "environment",
    multiple=True,
    metavar="NAME=VALUE",
    help="A variable of a command; '${TOKEN}' leaves the value in yours.",
)
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header for a url, likewise."
)
def add(
    name: str,
    server: tuple[str, ...],
    config: Path | None,
    *,
    environment: tuple[str, ...],
    headers: tuple[str, ...],
) -> int:
    """Add the MCP server NAME to the configuration.

    Write `umi mcp add NAME URL`, or `umi mcp add NAME -- COMMAND ARGS`. The server is started first, and what it offers
    is said. One that does not start is not added, unless all that it wants is a login. Your configuration's own lines
    and comments stay.
    """
    import asyncio
    import os
    import shlex

    from umi_edge.runtime.config import config_path
    from umi_edge.runtime.installed_tools import find_servers
    from umi_edge.runtime.laptop_policy import read_laptop_policy
    from umi_edge.tools.mcp.logins import NeedsLoginError
    from umi_shared.errors import ConfigError

    settings = read_config(config)
    if name in settings.mcp:
        raise ConfigError(
            f"there is an MCP server called {name} already", fix=f"`umi mcp remove {shlex.quote(name)}` first"
        )
    entry = _entry(server, environment, headers)
    (source,) = asyncio.run(
        find_servers({name: entry}, os.environ, log_folder=settings.ledger.parent / "mcp")
    )
    logs_in = isinstance(source.problem, NeedsLoginError)
    if source.problem is not None and not logs_in:
        raise source.problem
    target = settings.file or config or config_path()
    add_servers(target, {name: entry})
    say(f"✓ {name} is in {target}.")
    if logs_in:
        say(f"It wants a login before it says what it offers: `umi mcp login {shlex.quote(name)}`.")
    else:
        _say_offer(source)
        _say_policy(source, read_laptop_policy(settings))
    say_pack(name, entry)
    return 0


@click.command("remove")
@click.argument("name")
@config_option
def remove(name: str, config: Path | None) -> int:
    """Take the MCP server NAME out of the configuration.

    Its login and the approval of its cards are deleted from this device.
    """
    from umi_edge.labelling.approved_cards import ApprovedCards
    from umi_shared.errors import ConfigError
    from umi_shared.yaml_entries import without_entry

    settings = read_config(config)
    if name not in settings.mcp or settings.file is None:
        raise ConfigError(f"no MCP server is called {name}", fix="see `mcpServers` of the configuration")
    _rewrite(settings.file, lambda text: without_entry(text, _word(text), name))
    _forget(name, settings)
    approved = ApprovedCards.read(settings.approved_cards)
    if f"mcp:{name}" in approved.pins:
        approved.without_server(f"mcp:{name}").write(settings.approved_cards)
    say(f"{name} is not in {settings.file} any more. What a policy says of its tools stays there.")
    return 0


def add_servers(path: Path, servers: Mapping[str, Any]) -> None:
    """Write servers into a configuration; what else is in it stays as it is."""
    from umi_shared.yaml_entries import with_entries

    _rewrite(path, lambda text: with_entries(text, _word(text), servers))


def _rewrite(path: Path, changed: Callable[[str], str]) -> None:
    """Write a configuration anew where it really lies, a link to it and the ends of its lines left as they are."""
    from umi_shared.durable_file import make_private_directory, write_durably

    file = path.resolve()
    before = file.read_bytes().decode() if file.exists() else ""
    after = changed(before.replace("\r\n", "\n"))
    if "\r\n" in before:
        after = after.replace("\n", "\r\n")
    make_private_directory(file.parent)
    write_durably(file, after.encode())


def say_pack(name: str, entry: Mapping[str, Any]) -> None:
    """Name the starting policy of a server, where umi has one."""
    import shlex

    from umi_edge.policy_tools.packs import pack_for

    pack = pack_for(entry)
    if pack is not None:
        command = f"umi policy packs {pack.name} --server {shlex.quote(name)}"
        say(f"For {name} there is a starting policy: `{command}` shows it, `--into POLICY` adds it to yours.")


def _entry(server: tuple[str, ...], environment: tuple[str, ...], headers: tuple[str, ...]) -> dict[str, Any]:
    """The entry of `mcpServers` that the arguments of a command line mean."""
    command, *args = server
    is_url = re.match(r"https?://", command) is not None
    if is_url and (args or environment):
        raise click.UsageError("a url is followed by nothing, and takes --header instead of --env")
    if not is_url and headers:
        raise click.UsageError("a command takes --env instead of --header")
    if is_url:
        return {"url": command} | ({"headers": _pairs(headers, ":", "--header")} if headers else {})
    more = {"args": args} if args else {}
    return {"command": command, **more} | ({"env": _pairs(environment, "=", "--env")} if environment else {})


def _pairs(words: tuple[str, ...], sign: str, option: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, found, value = word.partition(sign)
        if not found or not name.strip():
            raise click.UsageError(f"{option} takes a name, {sign!r} and a value")
        pairs[name.strip()] = value.strip() if sign == ":" else value
    return pairs


def _word(text: str) -> str:
    """The word under which a configuration has its servers."""
    from ruamel.yaml import YAML

    return "mcp" if "mcp" in (YAML(typ="safe", pure=True).load(text) or {}) else "mcpServers"


def _say_offer(source: "ToolSource") -> None:
    names = [tool.name for tool in source.tools]
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    count = f"{len(names)} tool" + ("" if len(names) == 1 else "s")
    say(f"It offers {count}: {', '.join(names[:_SHOWN])}{more}." if names else "It offers no tool.")
    for one in source.withheld:
        say(f"! {one.name} is left out: {one.because}")


def _say_policy(source: "ToolSource", policy: "Policy") -> None:
    """Say what holds for tools of which the policy does not speak."""
    unnamed = sum(not policy.entries(tool.name) for tool in source.tools)
    if unnamed:
        which = "its tools" if unnamed == len(source.tools) else f"{unnamed} of its tools"
        say(
            f"! Your policy says nothing of {which}: what they give stays on this device, you are asked before each"
            " call, and the planner is told their names alone until you approve their cards."
        )


def _forget(name: str, settings: "EdgeConfig") -> None:
    """Delete what this device keeps of a server: its login, and what it offered last time."""
    import os

    from umi_edge.tools.mcp import HttpServer, McpServers
    from umi_edge.tools.mcp.last_offers import LastOffers
    from umi_edge.tools.mcp.logins import Logins
    from umi_shared.errors import ConfigError

    folder = settings.ledger.parent / "mcp"
    try:
        entry = {**settings.mcp[name], "disabled": False, "enabled": True}
        (server,) = McpServers.parse({"mcpServers": {name: entry}}).servers
        LastOffers(folder / "offers").forget(server)
        server = server.expanded(os.environ)
    except (ConfigError, TypeError):  # what can't be started has left nothing behind
        return
    if isinstance(server, HttpServer):
        Logins(folder / "logins").forget(server)
