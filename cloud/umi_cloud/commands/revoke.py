"""`umi-cloud revoke`: shut a laptop out."""

import asyncio

import click

from umi_cloud.commands._options import state_option
from umi_shared.screen.output import say


@click.command()
@click.argument("name")
@state_option
def command(name: str, state: str) -> None:
    """Shut the laptop NAME out, on every server within a second; its unused tokens stop working too."""
    asyncio.run(_revoke(name, state))


async def _revoke(name: str, state: str) -> None:
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.commands._operator import operator
    from umi_shared.errors import ConfigError

    async with registry_at(state, existing=True) as registry:
        if not await registry.revoke(name, by=operator()):
            raise ConfigError(f"there is no device called {name[:80]!r}", fix="see `umi-cloud devices`")
    say(f"{name} is shut out. `umi-cloud enroll {name}` lets it in again, with a new key.")
