"""`umi enroll`: connect this laptop to a planner."""

import sys
from pathlib import Path

import click

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
    import json

    from umi_edge.connection.connection import default_directory
    from umi_edge.connection.enroll import enroll

    text = _read_token() if token == "-" else token  # noqa: S105  # the dash
    enrolment = asyncio.run(enroll(text, directory or default_directory()))
    connection = enrolment.connection
    if as_json:
        click.echo(
            json.dumps(
                {
                    "device": connection.device,
                    "service_address": connection.service_address,
                    "expires": connection.expires.isoformat(),
                    "directory": str(connection.directory),
                    "replaced": enrolment.replaced,
                }
            )
        )
        return
    click.echo(f"This laptop is now {connection.device!r} at the planner {connection.service_address}.")
    click.echo(f"Its key was made here and stays here: {connection.key}")
    click.echo(f"Its certificate is good until {connection.expires:%Y-%m-%d %H:%M} UTC.")
    if enrolment.replaced:
        click.echo("The connection that was here before no longer counts.")
    click.echo('Next: `umi doctor` checks the connection, `umi ask "..."` uses it.')


def _read_token() -> str:
    if sys.stdin.isatty():
        text: str = click.prompt("Token", hide_input=True, err=True)
        return text
    return sys.stdin.read(MAX_INPUT_CHARACTERS)
