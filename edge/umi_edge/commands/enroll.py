"""`umi enroll`: connect this laptop to a planner."""

import sys
from pathlib import Path

import click

from umi_shared.screen.output import ask_secret, say, say_json

MAX_INPUT_CHARACTERS = 4096


@click.command()
@click.argument("token")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="UMI_CONNECTION",
    help="Where to keep the connection.  [default: this user's configuration]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(token: str, directory: Path | None, *, as_json: bool) -> None:
    """Connect this laptop to a planner, with the one-time TOKEN its operator gave you.

    Give - as TOKEN to read it from standard input, so that it stays out of your shell's history.
    """
    import asyncio

    from umi_edge.connection.connection import default_directory
    from umi_edge.connection.enroll import enroll

    text = _read_token() if token == "-" else token  # noqa: S105  # the dash
    enrolment = asyncio.run(enroll(text, directory or default_directory()))
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


def _read_token() -> str:
    if sys.stdin.isatty():
        return ask_secret("Token")
    return sys.stdin.read(MAX_INPUT_CHARACTERS)
