"""An account at a server that contacts, calendars or mail are fetched from.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from umi_shared.errors import ConfigError

__all__ = ["Account", "SyncLimits", "checked_address", "is_this_device"]

_SCHEMES = {"contacts": ("https", "http"), "calendar": ("https", "http"), "mail": ("imaps", "imap")}


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLimits:
    """How much is taken from a server, and for how long it is waited."""

    wait_seconds: float = 20
    """For one answer to go on."""
    seconds: float = 1800
    """For one account; what is there by then is kept."""
    answer_bytes: int = 64 << 20
    items: int = 50_000
    """Cards, entries or letters of one account."""
    item_bytes: int = 8 << 20
    """Of one card or entry."""
    letter_bytes: int = 24 << 20
    """Of a larger letter the beginning is fetched."""
    collections: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where one kind of the user's data is, and how to log in there."""

    store: str = field(repr=False)
    """`contacts`, `calendar` or `mail`."""
    name: str = field(repr=False)
    url: str = field(repr=False)
    user: str = field(default="", repr=False)
    password_command: tuple[str, ...] = field(default=(), repr=False)
    password_env: str = field(default="", repr=False)
    token_command: tuple[str, ...] = field(default=(), repr=False)
    only: tuple[str, ...] = field(default=(), repr=False)
    """The address books, calendars or mail folders that are fetched; empty: all but junk and bin."""
    ca_file: Path | None = None
    """Who signs the server's certificate, where the system does not know them."""
    mail_days: int = 0
    """Mail of this many days is fetched; 0: all."""
    limits: SyncLimits = field(default_factory=SyncLimits)

    @property
    def address(self) -> SplitResult:
        """The parts of the URL."""
        return urlsplit(self.url)

    @property
    def key(self) -> str:
        """What the password is kept under: user and host, so that it goes to no other host than it was given for."""
        return f"{self.user}@{self.address.hostname}"


def checked_address(store: str, url: str) -> str:
    """The URL of an account. Raises `ConfigError`: a password must not travel in clear."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    schemes = _SCHEMES[store]
    if parts.scheme not in schemes or not host:
        raise ConfigError("is no address of such a server", fix=f"write it as {schemes[0]}://HOST/")
    if parts.username or parts.password:
        raise ConfigError(
            "has a user or a password in it", fix="write `user`, and `password_command` or the keyring"
        )
    if parts.scheme == "http" and not is_this_device(host):
        raise ConfigError("would send the password in clear", fix="write it with https://")
    return url


def is_this_device(host: str) -> bool:
    """Whether a host is the loopback interface.

    >>> is_this_device("127.0.0.1"), is_this_device("localhost"), is_this_device("192.168.0.1")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
