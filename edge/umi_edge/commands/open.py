"""`umi open`: the page in the browser."""

from pathlib import Path

import click

from umi_edge.commands._options import config_option, read_config


@click.command()
@config_option
@click.option("--print", "printed", is_flag=True, help="Print the address, and open nothing.")
def command(config: Path | None, *, printed: bool) -> int:
    """Open umi's page: what runs, what waits for your yes, the ledger, the policy, and what the doctor says.

    Starts `umi serve` in the background where it does not run; `umi stop` ends it. The address that is printed opens
    the page once, within a minute: whoever opens it can use your tools.
    """
    from umi_edge.doors.background import page_address, start
    from umi_edge.doors.place import Place
    from umi_edge.doors.shortcut import browse
    from umi_shared.screen.output import say

    settings = read_config(config)
    place = Place.beside(settings.ledger)
    running = place.running() or start(place, ["--config", str(settings.file)] if settings.file else [])
    page = page_address(running)
    if printed:
        say(page)
        return 0
    if not browse(place, page):
        say("no browser was found: open this address in one on this machine, within a minute", err=True)
        say(page)
    return 0
