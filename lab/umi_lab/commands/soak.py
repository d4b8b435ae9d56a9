"""`soak`: sessions for a long time, and the memory meanwhile."""

import asyncio
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from umi_lab.chaos.soak import Soaked

_MIB = 2**20


@click.command(name="soak")
@click.option("--minutes", default=10.0, show_default=True, help="How long.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(minutes: float, *, as_json: bool) -> None:
    """Play sessions one after another, and see whether memory stays flat.

    A laptop's process, two servers, their engine and PostgreSQL. It fails where a session is not answered.
    """
    from umi_lab.postgres_server import binaries
    from umi_shared.errors import ConfigError

    if binaries() is None:
        raise ConfigError("there is no PostgreSQL here", fix="`make postgres` installs it on Debian")
    soaked = asyncio.run(_soak(60 * minutes))
    if as_json:
        click.echo(json.dumps(asdict(soaked)))
    else:
        click.echo(f"{soaked.answered:,} sessions in {soaked.seconds / 60:.1f} minutes")
        for name, grown in soaked.bytes_an_hour.items():
            click.echo(f"{name}: {soaked.memory[name] / _MIB:.0f} MiB, {grown / _MIB:+.1f} MiB an hour")
        for line in soaked.wrong:
            click.echo(f"WRONG: {line}")
    if soaked.wrong:
        raise SystemExit(1)


async def _soak(seconds: float) -> "Soaked":
    from umi_lab.chaos.soak import soak
    from umi_lab.chaos.world import world
    from umi_lab.postgres_server import postgres_server

    with postgres_server() as postgres, tempfile.TemporaryDirectory(prefix="umi-soak-") as folder:
        async with world(Path(folder) / "world", postgres, "soak", small_disk=False) as made:
            return await soak(made, seconds)
