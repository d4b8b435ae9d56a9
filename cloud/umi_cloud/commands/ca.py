"""`umi-cloud ca`: the deployment's certificate authority."""

from pathlib import Path

import click

from umi_cloud.commands._options import (
    certificates_folder,
    certificates_option,
    json_option,
    state_option,
)
from umi_shared.screen.output import say, say_json


@click.group()
def command() -> None:
    """Make the certificate authority of this deployment."""


@command.command(short_help="Make the authority, and the certificate of the server.")
@state_option
@certificates_option
@click.option(
    "--host", "hosts", multiple=True, help="A name or address laptops reach the server at; repeatable."
)
@click.option(
    "--renew-server", is_flag=True, help="Replace only the server's certificate; devices stay enrolled."
)
@json_option
def init(
    state: str, certificates: Path | None, hosts: tuple[str, ...], *, renew_server: bool, as_json: bool
) -> None:
    """Make the authority, and the server's certificate; refuses to replace what is there."""
    from umi_cloud.auth.authority import Authority, AuthorityFiles

    folder = certificates_folder(state, certificates)
    authority = (
        Authority.load(folder).issue_server(folder, hosts) if renew_server else Authority.init(folder, hosts)
    )
    files = AuthorityFiles(folder)
    ca_expires = authority.ca_certificate.not_valid_after_utc
    server_expires = authority.server_certificate.not_valid_after_utc
    if as_json:
        say_json(
            {
                "directory": str(files.directory),
                "hosts": list(authority.server_names),
                "fingerprint": authority.server_fingerprint.hex(),
                "ca_expires": ca_expires.isoformat(),
                "server_expires": server_expires.isoformat(),
            }
        )
        return
    if not renew_server:
        say(f"Certificate authority: {files.directory}, until {ca_expires:%Y-%m-%d}")
        say(f"Keep {files.ca_key} to yourself: whoever has it can admit devices.")
    say(f"Server certificate for {', '.join(authority.server_names)}, until {server_expires:%Y-%m-%d}")
    say("Next: `umi-cloud serve`, and `umi-cloud enroll NAME` for each laptop.")
