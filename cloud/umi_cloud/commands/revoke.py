"""`umi-cloud revoke`: shut a laptop out."""

from pathlib import Path

import click

from umi_cloud.commands._options import state_option
from umi_shared.screen.output import say


@click.command()
@click.argument("name")
@state_option
def command(name: str, state: Path) -> None:
    """Shut the laptop NAME out, from its next call on; its unused tokens stop working too."""
    from umi_cloud.auth.registry import Registry
    from umi_shared.errors import ConfigError

    with Registry.existing(state) as registry:
        if not registry.revoke(name):
            raise ConfigError(f"there is no device called {name[:80]!r}", fix="see `umi-cloud devices`")
    say(f"{name} is shut out. `umi-cloud enroll {name}` lets it in again, with a new key.")
