"""`umi mcp serve`, `reveal` and `install`: umi as an MCP server for the programs that people already use."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_edge.commands._options import config_option, json_option, read_config
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_edge.doors.gateway.serving import Surroundings
    from umi_edge.runtime.config import EdgeConfig

__all__ = ["install", "reveal", "serve"]


def _client_name(_: click.Context, __: click.Parameter, name: str) -> str:
    from umi_edge.policy.client import is_client_name

    if not is_client_name(name):
        raise click.BadParameter("use a small letter, then small letters, digits or '-'")
    return name


client_option = click.option(
    "--client",
    default="client",
    show_default=True,
    metavar="NAME",
    callback=_client_name,
    help="What `clients:` of the policy and the ledger call the program.",
)


@click.command(short_help="Give another program the tools, with handles in place of values.")
@client_option
@click.option("--http", is_flag=True, help="Listen at a port of this machine, and not on standard input.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=4865, show_default=True, help="0: any free one."
)
@click.option("--origin", multiple=True, metavar="URL", help="A page that may ask from a browser (--http).")
@click.option(
    "--policy", type=click.Path(path_type=Path, dir_okay=False), help="A policy file for this once."
)
@config_option
def serve(
    client: str, *, http: bool, port: int, origin: tuple[str, ...], policy: Path | None, config: Path | None
) -> int:
    """Give another program umi's tools, as one MCP server, with handles in place of private values.

    The program starts this itself: `umi mcp install` writes the line for it. What it may read is what `clients:` of the
    policy says, and what leaves to everyone. While `umi serve` runs it does the work, and asks what needs your yes;
    without it such calls are declined where nobody can be asked. A self-test goes first, and nothing is served where it
    finds that a value would get out.

    With --http it listens on this machine only, wants the key of `umi serve --show-key`, and asks in this terminal.

    \b
    umi mcp serve --client claude
    umi mcp serve --client lm-studio --http
    """
    import asyncio

    from umi_edge.doors.doorkeeper import Doorkeeper, door_key
    from umi_edge.doors.gateway.serving import serve_http, serve_stdio

    settings = read_config(config, policy=policy)
    around = _surroundings(settings, terminal=http)
    if not http:
        asyncio.run(serve_stdio(settings, client, around))
        return 0
    keeper = Doorkeeper(door_key(settings.ledger.parent / "serve.key"), origins=frozenset(origin))

    def listening(address: str) -> None:
        say(f"MCP at {address} for the client {client}. Key: `umi serve --show-key` prints it.", err=True)

    asyncio.run(serve_http(settings, client, around, keeper, port, listening))
    return 0


def _surroundings(settings: "EdgeConfig", *, terminal: bool) -> "Surroundings":
    """Who can be asked: a person at the terminal, where the protocol leaves it to them; else nobody."""
    from umi_edge.doors.gateway.serving import Surroundings
    from umi_edge.runtime.conversation import Output, tell_of_problems
    from umi_edge.session.consent import DeclineAll
    from umi_edge.terminal.preview import DeclineOutbound

    output = Output.for_terminal(as_json=False, approve_all=False)
    unseen = None if settings.preview == "never" else DeclineOutbound()
    return Surroundings(
        consent=output.consent() if terminal else DeclineAll(),
        approver=output.approver(settings.preview) if terminal else unseen,
        complain=lambda text: say(text, err=True),
        started=lambda laptop: tell_of_problems(laptop, output.console),
    )


@click.command(short_help="Show what handles of such a program stand for.")
@click.argument("handles", nargs=-1, required=True)
@click.option("--session", default="", help="Only of this session; `umi.reveal` names it.")
@config_option
@json_option
def reveal(handles: tuple[str, ...], session: str, config: Path | None, *, as_json: bool) -> int:
    """Show what HANDLES stand for in the programs that `umi mcp serve` serves now.

    The values are shown here, and go nowhere else.

    \b
    umi mcp reveal '<email:1>' '<person:2>'
    """
    import asyncio
    import json

    from umi_edge.doors.gateway.window import look, window_folder
    from umi_shared.errors import ConfigError

    folder = window_folder(read_config(config).ledger.parent)
    seen = asyncio.run(look(folder, handles, session))
    if as_json:
        for one in seen:
            say_json({"client": one.client, "session": one.session, "handle": one.handle, "value": one.value})
    elif not seen:
        raise ConfigError(
            "no program that is served now has these handles",
            fix="a vault ends with its session: ask the program again, and look while it runs",
        )
    for one in () if as_json else seen:
        value = one.value if isinstance(one.value, str) else json.dumps(one.value, ensure_ascii=False)
        say(f"{one.handle}  {value}  (from {one.origin}; {one.client}, session {one.session})")
    return 0


@click.command(short_help="Write the line for umi into another program.")
@click.option(
    "--client",
    required=True,
    type=click.Choice(["claude", "vscode", "cursor", "zed", "lm-studio"]),
    help="The program.",
)
@click.option("--undo", is_flag=True, help="Take the line out again.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its configuration, where it is elsewhere.",
)
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
def install(client: str, file: Path | None, *, undo: bool, yes: bool) -> int:
    """Write the one line into another program's configuration that makes it start `umi mcp serve`.

    Shows the line and the file, and asks first. Comments and other servers stay as they are; take those out that umi
    is to stand in front of (`umi mcp import` takes them over).
    """
    import asyncio
    import json
    import os
    import shutil
    import sys

    from umi_edge.doors.gateway.client_configs import NAME, PROGRAMS, edited, with_entry, without_entry
    from umi_edge.runtime.config import config_path
    from umi_edge.terminal.stdin import TypedLines
    from umi_shared.durable_file import write_durably
    from umi_shared.errors import ConfigError
    from umi_shared.screen.console import Screen

    program = PROGRAMS[client]
    try:
        path = file or program.file(Path.home(), config_path().parent.parent, sys.platform)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"where {client} keeps its configuration cannot be read", fix="name its file with --file"
        ) from error
    found = shutil.which("umi")
    entry = program.entry([found] if found else [sys.executable, "-m", "umi_edge"])

    def edit(text: str) -> str:
        return without_entry(text, program.key) if undo else with_entry(text, program.key, entry)

    try:
        before = path.read_bytes() if path.exists() else b""
        after = edited(before, edit)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read", fix="name another file with --file") from error
    if after == before:
        say(f"{path} is as it should be already.")
        return 0
    line = f"{json.dumps(NAME)}: {json.dumps(entry)}"
    say(f"{path}, `{program.key}`:", f"  {'-' if undo else '+'} {line}")
    if not yes and not asyncio.run(TypedLines().confirmed(Screen(stderr=True), "Write this?")):
        return 1
    if not after:
        path.unlink()
        say(f"{path} had nothing else, and is gone. {client} takes it up when it is started again.")
        return 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path.parent} cannot be made", fix="name another file with --file") from error
    write_durably(Path(os.path.realpath(path)), after)
    say(f"Written. {client} takes it up when it is started again.")
    return 0
