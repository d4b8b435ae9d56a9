"""`soak`: sessions for a long time, and the memory meanwhile."""

import json
import tempfile
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from umi_lab.chaos.soak import Soaked

_MIB = 2**20


@click.command(name="soak")
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(min=0.1), help="How long.")
@click.option(
    "--warm-up",
    "warm_minutes",
    default=3.0,
    show_default=True,
    type=click.FloatRange(min=0.0),
    help="Minutes before those, in which caches fill; memory does not count yet.",
)
@click.option("--daemon/--no-daemon", default=True, show_default=True, help="Also ask `umi serve`.")
@click.option(
    "--most", default=20.0, show_default=True, help="MiB an hour that a process may grow; beyond doubt fails."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(minutes: float, warm_minutes: float, most: float, *, daemon: bool, as_json: bool) -> None:
    """Play sessions one after another, and see whether memory stays flat.

    A laptop's process, its daemon with the embedded model, two servers, their engine and PostgreSQL. What counts is
    memory that a process has of its own, without a model's file, after its garbage is collected. Growth is told with an
    interval of 95 %. It fails where a session is not answered, or a process grows beyond doubt.
    """
    from umi_lab.chaos.ending import run
    from umi_lab.postgres_server import binaries
    from umi_shared.errors import ConfigError

    if binaries() is None:
        raise ConfigError("there is no PostgreSQL here", fix="`make postgres` installs it on Debian")
    soaked = run(_soak(60 * minutes, 60 * warm_minutes, daemon=daemon))
    grown = [name for name, one in soaked.growth.items() if one.surely_above(most * _MIB)]
    if as_json:
        click.echo(json.dumps(asdict(soaked)))
    else:
        sessions = ", ".join(f"{count:,} of the {name}" for name, count in soaked.answered.items())
        click.echo(f"sessions in {soaked.seconds / 60:.1f} minutes: {sessions}")
        for name, one in soaked.growth.items():
            click.echo(
                f"{name}: {soaked.samples[name][-1][1] / _MIB:.0f} MiB, {one.bytes_an_hour / _MIB:+.1f} MiB an hour "
                f"({one.low / _MIB:+.1f} to {one.high / _MIB:+.1f})"
            )
        for line in (*soaked.wrong, *(f"the memory of {name} grows" for name in grown)):
            click.echo(f"WRONG: {line}")
    if soaked.wrong or grown:
        raise SystemExit(1)


async def _soak(seconds: float, warm_seconds: float, *, daemon: bool) -> "Soaked":
    from umi_lab.chaos.soak import soak
    from umi_lab.chaos.tidied import TIDIED
    from umi_lab.chaos.world import world
    from umi_lab.daemon_process import daemon_process, embedded_caller
    from umi_lab.postgres_server import postgres_server

    with postgres_server() as postgres, tempfile.TemporaryDirectory(prefix="umi-soak-") as folder:
        async with AsyncExitStack() as stack:
            made = await stack.enter_async_context(
                world(Path(folder) / "world", postgres, "soak", small_disk=False, runner=TIDIED)
            )
            beside = None
            if daemon:
                beside = await stack.enter_async_context(
                    daemon_process(Path(folder), made.connection, embedded_caller(), TIDIED)
                )
            return await soak(made, seconds, beside, warm_seconds=warm_seconds)
