"""`umi stop`: end the daemon."""

from pathlib import Path

import click

from umi_edge.commands._options import config_option, read_config


@click.command()
@config_option
def command(config: Path | None) -> int:
    """End the `umi serve` that runs, wherever it was started.

    What is under way is stopped at its next safe point, and says what was done. Exit code 0: none runs any more.
    """
    from umi_edge.doors.background import stop
    from umi_edge.doors.place import Place
    from umi_shared.screen.output import say

    stopped = stop(Place.beside(read_config(config).ledger))
    say("stopped" if stopped else "umi serve does not run")
    return 0
