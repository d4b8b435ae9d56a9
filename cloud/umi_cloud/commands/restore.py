"""`umi-cloud restore`: a backup comes back, and nothing that was revoked or spent with it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_cloud.commands._options import certificates_folder, certificates_option, state_option
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_cloud.auth.backup import Backup


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@state_option
@certificates_option
@click.option("--registry-only", is_flag=True, help="Leave the authority's keys as they are.")
@click.option("--check", is_flag=True, help="Only say whether the file is whole, and what is in it.")
def command(file: Path, state: str, certificates: Path | None, *, registry_only: bool, check: bool) -> None:
    """Bring the backup FILE back, into what is left of a registry or into a new one.

    What the registry still knows stays as it is, and what the backup knows to be revoked or spent becomes so. Devices
    that the registry does not know come back held, since nobody can tell whether they were revoked after the backup:
    `umi-cloud release` lets them in. Tokens that it does not know come back spent.
    """
    if check:
        asyncio.run(_check(file))
    else:
        folder = None if registry_only else certificates_folder(state, certificates)
        asyncio.run(_restore(file, state, folder))


async def _check(file: Path) -> None:
    from umi_cloud.auth.backup import opened

    async with opened(file) as (backup, _registry, _folder):
        _say_what(file, backup)


def _say_what(file: Path, backup: "Backup") -> None:
    rows = ", ".join(f"{number:,} {table}" for table, number in backup.rows.items())
    keys = "the authority's keys" if backup.keys else "no keys"
    say(f"{file} is whole: {rows} and {keys}, of {backup.place}, as of {backup.made:%Y-%m-%d %H:%M:%S} UTC.")


async def _restore(file: Path, state: str, folder: Path | None) -> None:
    from umi_cloud.auth.backup import restore
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.commands._operator import operator

    async with registry_at(state) as registry:
        done = await restore(file, registry, folder, operator())
        _say_what(file, done.backup)
        if done.keys:
            say(f"The authority's keys are {done.keys}.")
    if done.held:
        say(
            f"{done.held:,} devices are held back, and no token of the backup works any more.",
            f"Revoke those that were revoked or lost since {done.backup.made:%Y-%m-%d %H:%M} UTC"
            " (`umi-cloud revoke --from FILE`), then let the others in: `umi-cloud release --status held`.",
        )
    else:
        say("Nobody is held back: the registry knew every device of the backup.")
