"""`umi-cloud enroll`: print a one-time token."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_cloud.commands._options import (
    DURATION,
    certificates_folder,
    certificates_option,
    json_option,
    state_option,
)
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_cloud.auth.tokens import MintedToken


@click.command()
@click.argument("name")
@state_option
@certificates_option
@click.option(
    "--address", help="HOST:PORT of the planner.  [default: the certificate's first host, port 7443]"
)
@click.option("--enrol-address", help="HOST:PORT of the enrolment port.  [default: the next port]")
@click.option("--valid", type=DURATION, default="1h", show_default=True, help="How long the token works.")
@json_option
def command(
    name: str,
    state: str,
    certificates: Path | None,
    address: str | None,
    enrol_address: str | None,
    valid: timedelta,
    *,
    as_json: bool,
) -> None:
    """Print a one-time token that connects one laptop, to be called NAME.

    Standard output gets the token alone, so that it can be piped.
    """
    from umi_cloud.auth.authority import Authority
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.auth.tokens import default_addresses, mint
    from umi_cloud.commands._operator import operator

    authority = Authority.load(certificates_folder(state, certificates))
    service_address, enrolment_address = default_addresses(authority, address, enrol_address)

    async def minted_token() -> "MintedToken":
        async with registry_at(state) as registry:
            return await mint(
                authority,
                registry,
                name,
                service_address=service_address,
                enrolment_address=enrolment_address,
                valid=valid,
                by=operator(),
            )

    minted = asyncio.run(minted_token())
    if as_json:
        say_json(
            {
                "name": name,
                "token": minted.token.text(),
                "expires": minted.expires.isoformat(),
                "service_address": service_address,
                "enrolment_address": enrolment_address,
            }
        )
        return
    say(minted.token.text())
    say(
        f"Works once, until {minted.expires:%Y-%m-%d %H:%M} UTC. On the laptop: `umi enroll TOKEN`"
        " (or `umi enroll -`, then paste). Send it over a channel you trust.",
        err=True,
    )
