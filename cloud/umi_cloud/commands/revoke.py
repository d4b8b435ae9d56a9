"""`umi-cloud revoke`: shut laptops out."""

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
    from umi_cloud.auth.registry import Registry


@click.command()
@person_option("Somebody who enrolled by logging in, and all their laptops: they enrol none any more.")
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
    """Shut laptops out, on every server within a second; their unused tokens stop working too.

    One NAME is shut out at once. Several, those of a file, or those that a filter finds, are shown first, and you are
    asked.
    """
    chosen = device_filter(**options)
    if person_alone(who, names, source, chosen):
        asyncio.run(_revoke_person(state, who, dry_run=dry_run))
    else:
        asyncio.run(_revoke(state, names, source, chosen, dry_run=dry_run, yes=yes))


async def _revoke_person(state: str, who: str, *, dry_run: bool) -> None:
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.commands._operator import operator

    async with registry_at(state, existing=True) as registry:
        found = known_person(
            await registry.person(who) if dry_run else await registry.revoke_person(who, by=operator()), who
        )
    say(f"{found.name} ({found.subject}), with {len(found.devices):,} laptops:", err=dry_run)
    say(*(f"  {name}" for name in found.devices), err=dry_run)
    if dry_run:
        say("Nothing was done: this was a dry run.", err=True)
    else:
        say("They are shut out. `umi-cloud release --person` lets them log in again.")


async def _revoke(
    state: str,
    names: tuple[str, ...],
    source: Path | None,
    chosen: "DeviceFilter",
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    from umi_cloud.auth.registry_at import registry_at

    alone = len(names) == 1 and source is None and not chosen
    async with registry_at(state, existing=True) as registry:
        meant = await named(registry, names, source, chosen)
        if (alone and not dry_run) or agreed("Revoke", meant, dry_run=dry_run, yes=yes):
            await _shut_out(registry, meant)


async def _shut_out(registry: "Registry", names: list[str]) -> None:
    from umi_cloud.commands._operator import operator
    from umi_shared.errors import ConfigError

    known: set[str] = set()
    for page in pages(names):
        known |= await registry.revoke_all(page, by=operator())
    if len(known) == 1:
        (name,) = known
        say(f"{name} is shut out. `umi-cloud enroll {name}` lets it in again, with a new key.")
    elif known or not names:
        say(f"{len(known):,} laptops are shut out.")
    strangers = [name for name in names if name not in known]
    if strangers:
        more = f", nor {len(strangers) - 1:,} others" if len(strangers) > 1 else ""
        raise ConfigError(
            f"there is no device called {strangers[0][:80]!r}{more}", fix="see `umi-cloud devices`"
        )
