"""Use of the daemon that runs, by the commands that could do their work alone."""

import asyncio
from typing import TYPE_CHECKING

import click

from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_edge.runtime.config import EdgeConfig
    from umi_edge.runtime.conversation import Output

__all__ = ["visited"]


def visited(config: "EdgeConfig", output: "Output", instruction: str | None) -> int | None:
    """The exit code of what the daemon carried out; None where the command is to do it alone, and says why."""
    from umi_edge.doors.place import Place

    if Place.beside(config.ledger).running() is None:  # the usual case, which loads nothing more
        return None
    from umi_edge.doors.visitor import INTERRUPTED, Alone, visit

    done = asyncio.run(visit(config, output, instruction))
    if isinstance(done, Alone):
        if done.reason:
            say(f"The running umi serve is not used: {done.reason}.", err=True)
        return None
    if done == INTERRUPTED:
        raise click.Abort
    return done
