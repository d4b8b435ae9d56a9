"""`umi-cloud release`: laptops that a restore holds back may call again, and people log in again."""

import asyncio

import click

from umi_cloud.commands._selection import Selection, agreed, many_options, named, pages, person_meant
from umi_shared.screen.output import say


@click.command()
@many_options("Somebody whom `revoke --person` shut out, or a restore holds back: they may log in again.")
def command(state: str, meant: Selection) -> None:
    """Let laptops in again that a restore holds back, with the certificates that they have.

    Revoke first who was revoked after the backup: nobody but you can know of them. `--status held` means all.
    """
    asyncio.run(_release_person(state, meant) if meant.who else _release(state, meant))


async def _release_person(state: str, meant: Selection) -> None:
    from umi_cloud.auth.registry_at import registry_at

    async with registry_at(state, existing=True) as registry:
        found = await person_meant(registry, meant, registry.release_person)
    if not meant.dry_run:
        say(f"{found.name} may log in again. Their revoked laptops stay so: they enrol anew.")


async def _release(state: str, meant: Selection) -> None:
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.auth.standing import Standing
    from umi_cloud.commands._operator import operator

    async with registry_at(state, existing=True) as registry:
        held = {one.name for one in await registry.devices() if one.standing is Standing.HELD}
        names = [name for name in await named(registry, meant) if name in held]
        if not names:
            say("None of these is held back.")
        elif agreed("Release", names, meant):
            for page in pages(names):
                await registry.release_all(page, by=operator())
            say(f"{len(names):,} laptops may call again.")
