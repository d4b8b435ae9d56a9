"""`umi policy sign`: sign a policy."""

from pathlib import Path

import click

from umi_edge.commands.policy._output import FILE_ARGUMENT
from umi_shared.screen.output import ask_secret, say


@click.command()
@FILE_ARGUMENT
@click.option(
    "--key", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The private key, in PEM."
)
@click.option("--passphrase", is_flag=True, help="Ask for the key's passphrase.")
def command(file: Path, key: Path, *, passphrase: bool) -> None:
    """Write the signature of FILE to FILE.sig. Any later change of FILE, or of a `values_file` that it names, makes it
    invalid.
    """
    from umi_edge.policy_tools.signature import fingerprint, read_private_key, sign_policy

    word = ask_secret("Passphrase").encode() if passphrase else None
    private = read_private_key(key, word)
    path = sign_policy(file, private)
    say(f"{path}: signed by {fingerprint(private.public_key())}")
