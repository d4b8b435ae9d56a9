"""`umi-cloud enroll`: print a one-time token, or write those of many laptops to a file."""

import asyncio
from dataclasses import dataclass
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
    from collections.abc import Sequence

    from umi_cloud.auth.authority import Authority
    from umi_cloud.auth.laptop_list import Laptop
    from umi_cloud.auth.registry import Registry
    from umi_cloud.auth.tokens import MintedToken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """Where laptops come in, and for how long a token lets them."""

    authority: "Authority"
    service_address: str
    enrolment_address: str
    valid: timedelta

    async def mint(self, registry: "Registry", laptops: "Sequence[Laptop]") -> "list[MintedToken]":
        from umi_cloud.auth.tokens import mint_all
        from umi_cloud.commands._operator import operator

        return await mint_all(
            self.authority,
            registry,
            laptops,
            service_address=self.service_address,
            enrolment_address=self.enrolment_address,
            valid=self.valid,
            by=operator(),
        )


@click.command()
@click.argument("name", required=False)
@click.option(
    "--label", default="", metavar="TEXT", help="Your own words for the laptop, such as whose it is."
)
@click.option(
    "--from",
    "source",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Many laptops: a CSV file with a name in each line, and a label beside it.",
)
@click.option(
    "--to",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where their tokens go: a new CSV file, for your eyes only.",
)
@click.option(
    "--replace", is_flag=True, help="With --from, also those that are in: the new token replaces the laptop."
)
@state_option
@certificates_option
@click.option(
    "--address", help="HOST:PORT of the planner.  [default: the certificate's first host, port 7443]"
)
@click.option("--enrol-address", help="HOST:PORT of the enrolment port.  [default: the next port]")
@click.option("--valid", type=DURATION, default="1h", show_default=True, help="How long the token works.")
@json_option
def command(
    name: str | None,
    label: str,
    source: Path | None,
    target: Path | None,
    state: str,
    certificates: Path | None,
    address: str | None,
    enrol_address: str | None,
    valid: timedelta,
    *,
    replace: bool,
    as_json: bool,
) -> None:
    """Print a one-time token that connects one laptop, to be called NAME.

    Standard output gets the token alone, so that it can be piped. Many at once: `--from laptops.csv --to tokens.csv`
    writes name, label, token and its end, a laptop a line.
    """
    from umi_cloud.auth.authority import Authority
    from umi_cloud.auth.laptop_list import read_laptops
    from umi_cloud.auth.tokens import default_addresses

    if (name is None) == (source is None) or (source is None) != (target is None):
        raise click.UsageError("give a NAME, or --from FILE with --to FILE")
    authority = Authority.load(certificates_folder(state, certificates))
    service_address, enrolment_address = default_addresses(authority, address, enrol_address)
    door = _Door(
        authority=authority,
        service_address=service_address,
        enrolment_address=enrolment_address,
        valid=valid,
    )
    if source is not None and target is not None:
        asyncio.run(_enroll_many(door, state, read_laptops(source), target, replace=replace))
    elif name is not None:
        _print_token(asyncio.run(_enroll_one(door, state, name, label)), door, as_json=as_json)


async def _enroll_one(door: _Door, state: str, name: str, label: str) -> "MintedToken":
    from umi_cloud.auth.laptop_list import Laptop
    from umi_cloud.auth.registry_at import registry_at

    async with registry_at(state) as registry:
        (minted,) = await door.mint(registry, [Laptop(name, label)])
    return minted


def _print_token(minted: "MintedToken", door: _Door, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "name": minted.token.device,
                "token": minted.token.text(),
                "expires": minted.expires.isoformat(),
                "service_address": door.service_address,
                "enrolment_address": door.enrolment_address,
            }
        )
        return
    say(minted.token.text())
    say(
        f"Works once, until {minted.expires:%Y-%m-%d %H:%M} UTC. On the laptop: `umi enroll TOKEN`"
        " (or `umi enroll -`, then paste). Send it over a channel you trust.",
        err=True,
    )


async def _enroll_many(
    door: _Door, state: str, laptops: "Sequence[Laptop]", target: Path, *, replace: bool
) -> None:
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.auth.standing import Standing
    from umi_cloud.auth.token_file import TokenFile
    from umi_shared.errors import ConfigError

    with TokenFile.new(target) as file:  # before a token is made that would have no place
        async with registry_at(state) as registry:
            if not replace:
                inside = {one.name for one in await registry.devices() if one.standing is Standing.ACTIVE}
                taken = [laptop.name for laptop in laptops if laptop.name in inside]
                if taken:
                    raise ConfigError(
                        f"{len(taken):,} of these are in already, {taken[0]} for one",
                        fix="leave them out, or say --replace: who enrols with the new token takes the old one's place",
                    )
            minted = await door.mint(registry, laptops)
        file.write(laptops, minted)
    say(
        f"{len(minted):,} tokens are in {target}. Each works once, until {minted[0].expires:%Y-%m-%d %H:%M} UTC.",
        "Whoever has the file can enrol them all: hand it on over a channel you trust, and delete it.",
        err=True,
    )
