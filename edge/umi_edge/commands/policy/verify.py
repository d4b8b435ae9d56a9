"""`umi policy verify`: check a policy's signature."""

from pathlib import Path

import click

from umi_edge.commands.policy._output import FILE_ARGUMENT
from umi_shared.screen.output import say


@click.command()
@FILE_ARGUMENT
@click.option("--key", required=True, help="The public key, in PEM; or its fingerprint, SHA256:...")
def command(file: Path, key: str) -> None:
    """Check that FILE is what the owner of the key signed in FILE.sig, and that it loads."""
    from umi_edge.policy_tools.signature import pinned_key, read_signed_policy

    policy = read_signed_policy(file, key)
    say(f"{file}: {policy.name}, signed by {pinned_key(key)}")
