"""Minting one-time tokens: the device gets the secret, the registry its SHA-256."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from umi_cloud.auth.audit import PROGRAM, Origin
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.laptop_list import Laptop
from umi_cloud.auth.registry import Invitation, Registry
from umi_shared.enrolment_token import SECRET_BYTES, EnrolmentToken, join_address, split_address
from umi_shared.errors import ConfigError

__all__ = ["DEFAULT_SERVICE_PORT", "MintedToken", "default_addresses", "mint", "mint_all", "secret_digest"]

DEFAULT_SERVICE_PORT = 7443
"""The port for planner and summarizer; that for enrolment is the next one."""

MAX_VALID = timedelta(days=7)
MIN_VALID = timedelta(minutes=1)
PAGE = 500
"""Tokens in one transaction."""


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token and when it stops working."""

    token: EnrolmentToken
    expires: datetime


def secret_digest(secret_text: str) -> bytes:
    """What the registry keeps of a token's secret; case does not matter, as in the token itself."""
    return hashlib.sha256(secret_text.lower().encode()).digest()


def default_addresses(authority: Authority, service: str | None, enrolment: str | None) -> tuple[str, str]:
    """The service's and the enrolment's address, filled in from the server's certificate.

    Raises ConfigError when the server's certificate does not name a host: a device would refuse the server.
    """
    if service is None:
        service = join_address(authority.server_names[0], DEFAULT_SERVICE_PORT)
    host, port = split_address(service)
    if enrolment is None:
        enrolment = join_address(host, port + 1)
    for named in (host, split_address(enrolment)[0]):
        if named.lower() not in authority.server_names:
            raise ConfigError(
                f"the server's certificate does not name {named}, so a device would refuse it there",
                fix=f"run `umi-cloud ca init --renew-server --host {named}`",
            )
    return service, enrolment


async def mint(
    authority: Authority,
    registry: Registry,
    name: str,
    *,
    service_address: str,
    enrolment_address: str,
    valid: timedelta = timedelta(hours=1),
    by: Origin = PROGRAM,
) -> MintedToken:
    """A token that enrols `name` once, within the time `valid`. Raises `ConfigError` for a wrong name or time."""
    (minted,) = await mint_all(
        authority,
        registry,
        (Laptop(name),),
        service_address=service_address,
        enrolment_address=enrolment_address,
        valid=valid,
        by=by,
    )
    return minted


async def mint_all(
    authority: Authority,
    registry: Registry,
    laptops: Sequence[Laptop],
    *,
    service_address: str,
    enrolment_address: str,
    valid: timedelta,
    by: Origin,
) -> list[MintedToken]:
    """A token for each laptop, in their order. Raises `ConfigError` for a wrong name or time."""
    if not MIN_VALID <= valid <= MAX_VALID:
        raise ConfigError(
            "a token's lifetime is out of range", fix="choose between 1m and 7d, such as --valid 1h"
        )
    minted = []
    for start in range(0, len(laptops), PAGE):
        page = laptops[start : start + PAGE]
        tokens = [
            EnrolmentToken(
                device=laptop.name,
                enrolment_address=enrolment_address,
                service_address=service_address,
                server_fingerprint=authority.server_fingerprint,
                secret=secrets.token_bytes(SECRET_BYTES),
            )
            for laptop in page
        ]
        invitations = [
            Invitation(laptop.name, secret_digest(token.secret_text), laptop.label)
            for laptop, token in zip(page, tokens, strict=True)
        ]
        expires = await registry.add_tokens(invitations, valid, by=by)
        minted += [MintedToken(token, expires) for token in tokens]
    return minted
