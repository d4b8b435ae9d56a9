"""`umi-cloud backup`: the registry and the authority's keys in one file."""

import asyncio
from pathlib import Path

import click

from umi_cloud.commands._options import certificates_folder, certificates_option, state_option
from umi_shared.screen.output import say


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@state_option
@certificates_option
@click.option("--registry-only", is_flag=True, help="Leave the authority's keys out.")
def command(file: Path, state: str, certificates: Path | None, *, registry_only: bool) -> None:
    """Write a backup into the new FILE, while the servers run: devices, tokens, use, audit, and the authority's keys.

    The rows are those of one moment. Whoever has the file can admit devices: keep it as safe as the keys themselves.
    """
    folder = None if registry_only else certificates_folder(state, certificates)
    asyncio.run(_back_up(file, state, folder))


async def _back_up(file: Path, state: str, folder: Path | None) -> None:
    from umi_cloud.auth.backup import back_up
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.commands._operator import operator

    async with registry_at(state, existing=True) as registry:
        made = await back_up(registry, folder, file, operator())
    what = "and the authority's keys" if made.keys else "without the authority's keys"
    say(
        f"{file} has {made.rows.get('devices', 0):,} devices as of {made.made:%Y-%m-%d %H:%M:%S} UTC, {what}."
    )
