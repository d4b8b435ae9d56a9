"""`umi-cloud release`: laptops that a restore holds back may call again."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_cloud.commands._options import state_option
from umi_cloud.commands._selection import (
    agreed,
    device_filter,
    known_person,
    many_options,
    named,
    pages,
    person_alone,
    person_option,
)
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_cloud.auth.device_filter import DeviceFilter


@click.command()
@person_option("Somebody whom `revoke --person` shut out, or a restore holds back: they may log in again.")
@many_options
@state_option
def command(
    names: tuple[str, ...],
    source: Path | None,
    who: str,
    state: str,
    *,
    dry_run: bool,
    yes: bool,
    **options: Any,
) -> None:
    """Let laptops in again that a restore holds back, with the certificates that they have.

    Revoke first who was revoked after the backup: nobody but you can know of them. `--status held` means all.
    """
    chosen = device_filter(**options)
    if person_alone(who, names, source, chosen):
        asyncio.run(_release_person(state, who, dry_run=dry_run))
    else:
        asyncio.run(_release(state, names, source, chosen, dry_run=dry_run, yes=yes))


async def _release_person(state: str, who: str, *, dry_run: bool) -> None:
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.commands._operator import operator

    async with registry_at(state, existing=True) as registry:
        found = known_person(
            await registry.person(who) if dry_run else await registry.release_person(who, by=operator()), who
        )
    if dry_run:
        say(f"{found.name} ({found.subject})", "Nothing was done: this was a dry run.", err=True)
    else:
        say(f"{found.name} may log in again. Their revoked laptops stay so: they enrol anew.")


async def _release(
    state: str,
    names: tuple[str, ...],
    source: Path | None,
    chosen: "DeviceFilter",
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.auth.standing import Standing
    from umi_cloud.commands._operator import operator

    async with registry_at(state, existing=True) as registry:
        held = {one.name for one in await registry.devices() if one.standing is Standing.HELD}
        meant = [name for name in await named(registry, names, source, chosen) if name in held]
        if not meant:
            say("None of these is held back.")
        elif agreed("Release", meant, dry_run=dry_run, yes=yes):
            for page in pages(meant):
                await registry.release_all(page, by=operator())
            say(f"{len(meant):,} laptops may call again.")
