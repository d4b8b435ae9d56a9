"""`umi connection`: where this laptop's planner is."""

from pathlib import Path

import click

from umi_shared.screen.output import say, say_json


@click.group()
def command() -> None:
    """See and change where this laptop's planner is."""


@command.command(short_help="Use the planner at another address; nothing is enrolled again.")
@click.argument("address", metavar="HOST:PORT")
@click.option("--enrol-address", metavar="HOST:PORT", help="The enrolment port.  [default: the next port]")
@click.option(
    "--ca",
    "authorities",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The authorities to trust from now on, as your operator gave them to you (their ca.pem).",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="UMI_CONNECTION",
    help="Where the connection is kept.  [default: this user's configuration]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def move(
    address: str,
    enrol_address: str | None,
    authorities: Path | None,
    directory: Path | None,
    *,
    as_json: bool,
) -> None:
    """Use the planner at HOST:PORT from now on, with the key and the certificate that this laptop has.

    It must be the same operator's: one that knows this laptop. Everything is tried first; nothing is changed where it
    does not answer, is not trusted, or does not accept this laptop.
    """
    import asyncio

    from umi_edge.connection.connection import Connection, default_directory
    from umi_edge.connection.move import move as moved_to

    before = Connection.load(directory or default_directory())
    moved = asyncio.run(
        moved_to(before, address, enrolment_address=enrol_address or "", authorities=authorities)
    )
    if as_json:
        say_json(
            {
                "device": moved.device,
                "service_address": moved.service_address,
                "enrolment_address": moved.enrolment_address,
                "before": before.service_address,
            }
        )
        return
    say(
        f"{moved.device!r} uses the planner at {moved.service_address} from now on, and accepts nothing else."
    )
    say("Running programs (`umi serve`) do so once they start again.")
