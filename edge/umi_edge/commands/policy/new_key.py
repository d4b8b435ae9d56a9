"""`umi policy new-key`: a key pair for signing policies."""

from pathlib import Path

import click

from umi_shared.screen.output import say


@click.command()
@click.argument("key", type=click.Path(path_type=Path, dir_okay=False))
def command(key: Path) -> None:
    """Write a new Ed25519 key to KEY, and its public key to KEY.pub.

    KEY stays with whoever writes policies. Laptops get KEY.pub, or the fingerprint that is printed here, as
    `require_signed_policy` in their configuration.
    """
    from umi_edge.policy_tools.signature import make_key

    say(make_key(key))
