"""`umi-cloud state`: the database of devices that fronts share."""

import asyncio

import click

from umi_cloud.commands._options import state_option
from umi_shared.screen.output import say


@click.group()
def command() -> None:
    """Prepare the database that several servers share, and move a registry there."""


@command.command(short_help="Bring the database's tables up to date; with --from, copy a registry into it.")
@state_option
@click.option(
    "--from",
    "source",
    metavar="DIR|URL",
    help="A registry to copy: the state directory of a server that kept it in a file.",
)
def migrate(state: str, source: str | None) -> None:
    """Make the tables of a PostgreSQL database, or bring them up to date, before the servers that need them start.

    With --from, all devices, certificates, tokens and accounts of another registry are copied over. It may be cut off
    and run again, also while the old server still runs: what is revoked or spent on either side stays so. A device that
    was revoked, copied, and then let in again on the old side stays out until it is enrolled on the new one.
    """
    from umi_cloud.auth.registry_at import is_postgres
    from umi_cloud.extras import require

    if is_postgres(state):
        require("postgres", "psycopg", "psycopg_pool", "alembic")
        from umi_cloud.auth.migrations import migrate as migrate_tables

        migrate_tables(state)
    asyncio.run(_copy(source, state))


async def _copy(source: str | None, state: str) -> None:
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.auth.registry_copy import copy_registry

    async with registry_at(state) as new:
        say(f"The registry in {new.store.place} is up to date.")
        if source is None:
            return
        async with registry_at(source, existing=True) as old:
            async for copied in copy_registry(old.store, new.store):
                say(f"{copied.table}: {copied.rows:,} copied")
            say(f"All of {old.store.place} is there. Point `state` at the new one on every server.")
