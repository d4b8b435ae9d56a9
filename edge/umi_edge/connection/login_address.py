"""The address of a planner at which people log in: `https://HOST[:PORT]`, with the server's fingerprint or without."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from umi_shared.enrolment_token import join_address, split_address
from umi_shared.errors import ConfigError

__all__ = ["LoginAddress"]

DEFAULT_PORT = 7444


@dataclass(frozen=True, slots=True)
class LoginAddress:
    """Where to enrol by logging in, and what its certificate must be."""

    address: str = field(repr=False)
    """`HOST:PORT` of the enrolment port."""
    fingerprint: bytes | None = field(default=None, repr=False)
    """SHA-256 of the server's certificate; None where an authority of this system has to vouch for it."""

    @classmethod
    def parse(cls, url: str) -> "LoginAddress":
        """Read an address. Raises ConfigError.

        >>> LoginAddress.parse("https://planner.example").address
        'planner.example:7444'
        """
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname or "", DEFAULT_PORT if parts.port is None else parts.port
        except ValueError:
            raise _wrong() from None
        if (
            parts.scheme != "https"
            or not host
            or parts.path not in {"", "/"}
            or parts.query
            or parts.username
        ):
            raise _wrong()
        if parts.fragment and not re.fullmatch(r"[0-9a-fA-F]{64}", parts.fragment):
            raise ConfigError(
                "what follows # in the planner's address is no fingerprint",
                fix="copy the whole address that your operator gave you",
            )
        address = join_address(host, port)
        split_address(address)
        return cls(address, bytes.fromhex(parts.fragment) if parts.fragment else None)


def _wrong() -> ConfigError:
    return ConfigError(
        "this is not the address of a planner",
        fix="write https://HOST, https://HOST:PORT, or either with #FINGERPRINT",
    )
