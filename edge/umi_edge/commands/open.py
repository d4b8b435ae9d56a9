"""`umi open`: the page in the browser."""

from pathlib import Path

import click

from umi_edge.commands._options import config_option, read_config


@click.command()
@config_option
@click.option("--print", "printed", is_flag=True, help="Print the address with its key, and open nothing.")
def command(config: Path | None, *, printed: bool) -> int:
    """Open umi's page: what runs, what waits for your yes, the ledger, the policy, and what the doctor says.

    Starts `umi serve` in the background where it does not run; `umi stop` ends it. Whoever has the address that is
    printed can use your tools: it holds the key.
    """
    from umi_edge.doors.background import browse, start
    from umi_edge.doors.place import Place
    from umi_shared.screen.output import say

    settings = read_config(config)
    place = Place.beside(settings.ledger)
    running = place.running() or start(place, ["--config", str(settings.file)] if settings.file else [])
    if printed:
        say(running.page)
        return 0
    if not browse(place, running):
        say("no browser was found: open this address, which holds the key, in one on this machine", err=True)
        say(running.page)
    return 0
