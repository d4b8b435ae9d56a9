"""`umi-cloud ca`: the deployment's certificate authority."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_cloud.commands._options import (
    certificates_folder,
    certificates_option,
    json_option,
    state_option,
)
from umi_shared.screen.output import say, say_json

if TYPE_CHECKING:
    from umi_cloud.auth.registry import Straggler

_LATE = timedelta(days=365)
"""The longest that `renew_expired_days` may be."""
_NAMES = 50
"""How many are listed."""


@click.group()
def command() -> None:
    """Make the certificate authority of this deployment, and replace it."""


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
    if renew_server:
        present = Authority.load(folder)
        # First, so that none is shown of which the audit knows nothing.
        named = f", for {' '.join(hosts)}" if hosts else ""
        _note(state, f"the server's certificate is made anew{named}")
        authority = present.issue_server(folder, hosts)
    else:
        authority = Authority.init(folder, hosts)
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
    say(f"Its fingerprint: {authority.server_fingerprint.hex()}")
    say("Next: `umi-cloud serve`, and `umi-cloud enroll NAME` for each laptop.")


@command.command(short_help="Make the certificate of a proxy before the servers.")
@click.argument("name")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A new file for key and certificate, that only you can read.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    help="A name or address laptops reach the proxy at; repeatable. Without, it is for the servers alone.",
)
@click.option(
    "--days", default=365, type=click.IntRange(1, 825), show_default=True, help="How long it is good."
)
@state_option
@certificates_option
@json_option
def proxy(
    name: str,
    target: Path,
    hosts: tuple[str, ...],
    days: int,
    state: str,
    certificates: Path | None,
    *,
    as_json: bool,
) -> None:
    """Make the certificate by which servers believe a proxy that ends TLS before them.

    Servers believe it once their cloud.yaml has its name: `proxy: {names: [NAME]}`. Without the name it is nobody.
    """
    from umi_cloud.auth.authority import Authority
    from umi_shared.enrolment_token import check_device_name

    authority = Authority.load(certificates_folder(state, certificates))
    check_device_name(name)
    _note(state, f"a certificate for the proxy {name} is made")
    made = authority.issue_proxy(name, hosts, target, days)
    expires = made.not_valid_after_utc
    if as_json:
        say_json({"name": name, "file": str(target), "expires": expires.isoformat()})
        return
    say(f"Key and certificate of the proxy {name}: {target}, until {expires:%Y-%m-%d}")
    say(f"Next: `proxy: {{names: [{name}]}}` in the servers' cloud.yaml, and start them again.")


@command.command(short_help="Make the next authority; the old one stays trusted.")
@state_option
@certificates_option
@click.option(
    "--at-once",
    is_flag=True,
    help="Sign with it now, and not in an hour: where all servers have these files.",
)
@json_option
def rotate(state: str, certificates: Path | None, *, at_once: bool, as_json: bool) -> None:
    """Make the next authority. Laptops get to know it when they renew; nobody has to do anything.

    Servers take it up without a restart. Where each has a copy of the files, give all of them the new ones within the
    hour. `umi-cloud ca retire` ends the old authority when no laptop needs it any more.
    """
    from umi_cloud.auth.authority import Authority

    folder = certificates_folder(state, certificates)
    rotated = Authority.load(folder).rotate(
        folder,
        at_once=at_once,
        # First, so that none is trusted of which the audit knows nothing.
        announce=lambda name: _note(state, f"the next authority {name[:16]} is made"),
    )
    assert rotated.following is not None  # noqa: S101  # it was just made
    expires = rotated.following.certificate.not_valid_after_utc
    if as_json:
        say_json({"authority": rotated.following.name, "expires": expires.isoformat()})
        return
    say(
        f"The next authority is trusted, until {expires:%Y-%m-%d}, and signs {'now' if at_once else 'in an hour'}."
    )
    say("Laptops get it when they renew. Then: `umi-cloud ca retire`.")


@command.command(short_help="End the old authority, when no laptop needs it.")
@state_option
@certificates_option
@click.option(
    "--lock-out", is_flag=True, help="End it although laptops are locked out: they must enrol again."
)
@json_option
def retire(state: str, certificates: Path | None, *, lock_out: bool, as_json: bool) -> None:
    """End the old authority; says which laptops would be locked out, and does nothing then.

    The server gets a certificate of the next one, and tokens that were not used yet stop working.
    """
    from umi_cloud.auth.authority import Authority
    from umi_shared.errors import ConfigError

    folder = certificates_folder(state, certificates)
    authority = Authority.load(folder)
    if authority.following is None:
        raise ConfigError("there is no next authority", fix="`umi-cloud ca rotate` makes it")
    waiting = asyncio.run(_stragglers(state, authority.following.name, unknown=lock_out))
    if waiting and not lock_out:
        _list(waiting)
        raise ConfigError(
            f"{len(waiting)} laptops would be locked out",
            fix="wait until they have renewed, revoke those that never will, or say --lock-out",
        )
    _note(state, f"the old authority is retired; locked out: {len(waiting)}")
    authority.retire(folder)
    if as_json:
        say_json({"authority": authority.following.name, "locked_out": [one.name for one in waiting]})
        return
    say("The old authority is trusted no more. The server has a certificate of the next one.")
    if waiting:
        _list(waiting)
        say("These laptops must enrol again: `umi-cloud enroll NAME`.")


async def _stragglers(state: str, authority: str, *, unknown: bool) -> "tuple[Straggler, ...]":
    """Who would be locked out; `unknown`: also where the registry knows nobody, and so cannot say."""
    from umi_cloud.auth.registry_at import registry_at
    from umi_shared.errors import ConfigError

    async with registry_at(state, existing=not unknown) as registry:
        if not unknown and not await registry.devices():
            raise ConfigError(
                f"the registry in {registry.store.place} knows no laptop, so who would be locked out is not known",
                fix="name the servers' state with --state; where no laptop was ever enrolled, say --lock-out",
            )
        return await registry.stragglers(authority, _LATE)


def _note(state: str, detail: str) -> None:
    from umi_cloud.auth.registry_at import registry_at
    from umi_cloud.commands._operator import operator

    async def note() -> None:
        async with registry_at(state) as registry:
            await registry.note_authority(detail, by=operator())

    asyncio.run(note())


def _list(waiting: "tuple[Straggler, ...]") -> None:
    for one in waiting[:_NAMES]:
        seen = (
            "never"
            if one.last_seen_at is None
            else f"{datetime.fromtimestamp(one.last_seen_at, UTC):%Y-%m-%d}"
        )
        ends = datetime.fromtimestamp(one.expires_at, UTC)
        say(f"{one.name}: certificate of the old authority until {ends:%Y-%m-%d}, last seen {seen}", err=True)
    if len(waiting) > _NAMES:
        say(f"... and {len(waiting) - _NAMES} more", err=True)
