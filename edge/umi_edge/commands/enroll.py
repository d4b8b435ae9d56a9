"""`umi enroll`: connect this laptop to a planner."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_shared.screen.output import ask_secret, say, say_json

if TYPE_CHECKING:
    from umi_edge.connection.enroll import Enrolment

MAX_INPUT_CHARACTERS = 4096


@click.command()
@click.argument("token")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="UMI_CONNECTION",
    help="Where to keep the connection.  [default: this user's configuration]",
)
@click.option(
    "--name", default="", help="What to call this laptop, where you log in.  [default: its host name]"
)
@click.option(
    "--no-browser", is_flag=True, help="Log in on another machine, with a code that is printed here."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(token: str, directory: Path | None, name: str, *, no_browser: bool, as_json: bool) -> None:
    """Connect this laptop to a planner, with the one-time TOKEN its operator gave you.

    Give - as TOKEN to read it from standard input, so that it stays out of your shell's history. Where you log in
    instead, give the planner's address as TOKEN: https://HOST:PORT, with #FINGERPRINT if your operator gave you one.
    """
    import asyncio

    from umi_edge.connection.connection import default_directory
    from umi_edge.connection.enroll import enroll

    text = _read_token() if token == "-" else token  # noqa: S105  # the dash
    folder = directory or default_directory()
    if text.strip().lower().startswith("https://"):
        enrolment = asyncio.run(_log_in(text, folder, name, no_browser=no_browser))
    else:
        enrolment = asyncio.run(enroll(text, folder))
    connection = enrolment.connection
    if as_json:
        say_json(
            {
                "device": connection.device,
                "service_address": connection.service_address,
                "expires": connection.expires.isoformat(),
                "directory": str(connection.directory),
                "replaced": enrolment.replaced,
            }
        )
        return
    say(f"This laptop is now {connection.device!r} at the planner {connection.service_address}.")
    say(f"Its key was made here and stays here: {connection.key}")
    say(f"Its certificate is good until {connection.expires:%Y-%m-%d %H:%M} UTC.")
    if enrolment.replaced:
        say("The connection that was here before no longer counts.")
    say('Next: `umi doctor` checks the connection, `umi ask "..."` uses it.')


async def _log_in(url: str, folder: Path, name: str, *, no_browser: bool) -> "Enrolment":
    import platform
    import webbrowser

    from umi_edge.connection.enroll import enroll_by_login
    from umi_edge.connection.login import log_in_elsewhere, log_in_here
    from umi_edge.connection.login_address import LoginAddress
    from umi_edge.connection.provider import Provider

    def browse(page: str) -> None:
        say(f"Log in here, in this machine's browser: {page}", err=True)
        webbrowser.open(page)

    def show(page: str, code: str) -> None:
        say(f"On any machine open {page} and type {code}", err=True)

    async def log_in(provider: Provider, nonce: str) -> str:
        if no_browser:
            return await log_in_elsewhere(provider, nonce, show)
        return await log_in_here(provider, nonce, browse)

    return await enroll_by_login(LoginAddress.parse(url), folder, log_in, laptop=name or platform.node())


def _read_token() -> str:
    if sys.stdin.isatty():
        return ask_secret("Token")
    return sys.stdin.read(MAX_INPUT_CHARACTERS)
