"""`umi-cloud revoke`: shut laptops out, or people with theirs."""

import asyncio
from typing import TYPE_CHECKING

import click

from umi_cloud.commands._selection import Selection, agreed, many_options, named, pages, person_meant
from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_cloud.auth.registry import Registry


@click.command()
@many_options("Somebody who enrolled by logging in, and all their laptops: they enrol none any more.")
def command(state: str, meant: Selection) -> None:
    """Shut laptops out, on every server within a second; their unused tokens stop working too.

    One NAME is shut out at once. Several, those of a file, or those that a filter finds, are shown first, and you are
    asked.
    """
    asyncio.run(_revoke_person(state, meant) if meant.who else _revoke(state, meant))


async def _revoke_person(state: str, meant: Selection) -> None:
    from umi_cloud.auth.registry_at import registry_at

    async with registry_at(state, existing=True) as registry:
        found = await person_meant(registry, meant, registry.revoke_person)
    if not meant.dry_run:
        say(f"{found.name} ({found.subject}) is shut out, with {len(found.devices):,} laptops:")
        say(*(f"  {name}" for name in found.devices))
        say("`umi-cloud release --person` lets them log in again.")


async def _revoke(state: str, meant: Selection) -> None:
    from umi_cloud.auth.registry_at import registry_at

    async with registry_at(state, existing=True) as registry:
        names = await named(registry, meant)
        if (meant.one_name and not meant.dry_run) or agreed("Revoke", names, meant):
            await _shut_out(registry, names)


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
