"""The one-time token that connects one laptop to one planner.

The operator's `umi-cloud enroll` prints it, the laptop's `umi enroll` reads it. One word of base32: a double
click selects it, case and line breaks do not matter, and a checksum catches what was mistyped or cut off.

Invariants: the secret is in no `repr` and in no error text (I8); the text carries the fingerprint of the
server's certificate, so a device that holds a token needs to trust no one else (no CA list, no DNS).

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from umi_shared.errors import ConfigError

__all__ = ["EnrolmentToken", "TokenError", "check_device_name", "join_address", "split_address"]

PREFIX = "umi1"
"""Marks the text as one of ours, and its version."""

MAX_TEXT_CHARACTERS = 2048
MAX_ADDRESS_BYTES = 255
SECRET_BYTES = 20
FINGERPRINT_BYTES = 32
CHECKSUM_BYTES = 4

_DEVICE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\]")


class TokenError(ConfigError):
    """The text is not a whole enrolment token; the text itself is never quoted."""


def check_device_name(name: str) -> str:
    """Return `name` if a device may be called so: 1 to 63 of `a-z 0-9 . _ -`, an alphanumeric at both ends.

    Raises `ConfigError` for any other name.

    >>> check_device_name("alices-laptop")
    'alices-laptop'
    """
    if not _DEVICE_NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:80]!r} cannot be a device's name",
            fix="use 1 to 63 of a-z, 0-9, '.', '_' and '-', with a letter or a digit at both ends",
        )
    return name


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; an IPv6 host is written in brackets, and returned without them.

    Raises `ConfigError` for any other text.

    >>> split_address("[::1]:7444")
    ('::1', 7444)
    """
    host, colon, port = address.rpartition(":")
    known = colon and _HOST.fullmatch(host) and port.isascii() and port.isdigit() and len(port) <= 5
    if not known or not 0 < int(port) < 65536 or len(address.encode()) > MAX_ADDRESS_BYTES:
        raise ConfigError(
            f"{address[:80]!r} is not an address",
            fix="write HOST:PORT, such as planner.example:7443 or [::1]:7443",
        )
    return host.strip("[]"), int(port)


def join_address(host: str, port: int) -> str:
    """`HOST:PORT`, an IPv6 host in brackets.

    >>> join_address("::1", 7443)
    '[::1]:7443'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentToken:
    """What a device needs to know to enrol, once."""

    device: str
    """The name the operator gave this device."""
    enrolment_address: str
    """`HOST:PORT` of the port for enrolment, which asks the device for no certificate."""
    service_address: str
    """`HOST:PORT` of the planner and the summarizer."""
    server_fingerprint: bytes
    """SHA-256 of the server's certificate, in DER."""
    secret: bytes = field(repr=False)
    """What the server exchanges for one certificate, until the token expires there."""

    def __post_init__(self) -> None:
        check_device_name(self.device)
        split_address(self.enrolment_address)
        split_address(self.service_address)
        if len(self.server_fingerprint) != FINGERPRINT_BYTES or len(self.secret) != SECRET_BYTES:
            raise TokenError("an enrolment token's fingerprint or secret has the wrong length")

    @property
    def secret_text(self) -> str:
        """The secret as messages and tokens spell it."""
        return _base32(self.secret)

    def text(self) -> str:
        """The token as one word, about 200 characters."""
        names = (self.device, self.enrolment_address, self.service_address)
        body = self.server_fingerprint + self.secret
        body += b"".join(bytes([len(name.encode())]) + name.encode() for name in names)
        return PREFIX + _base32(body + _checksum(body))

    @classmethod
    def parse(cls, text: str) -> "EnrolmentToken":
        """Read a token; white space and line breaks inside it, and its case, do not matter.

        Raises TokenError, which says what is wrong but quotes nothing.
        """
        if len(text) > MAX_TEXT_CHARACTERS:
            raise _token_error("is much too long")
        word = "".join(text.split()).lower()
        if not word.startswith(PREFIX):
            raise _token_error(f"does not start with {PREFIX!r}")
        raw = _unbase32(word.removeprefix(PREFIX))
        body, checksum = raw[:-CHECKSUM_BYTES], raw[-CHECKSUM_BYTES:]
        if not hmac.compare_digest(_checksum(body), checksum):
            raise _token_error("was mistyped or cut off: its checksum does not match")
        fingerprint, rest = body[:FINGERPRINT_BYTES], body[FINGERPRINT_BYTES:]
        device, enrolment_address, service_address = _names(rest[SECRET_BYTES:], 3)
        return cls(
            device=device,
            enrolment_address=enrolment_address,
            service_address=service_address,
            server_fingerprint=fingerprint,
            secret=rest[:SECRET_BYTES],
        )


def _token_error(what: str) -> TokenError:
    return TokenError(
        f"the enrolment token {what}",
        fix="copy the whole line that `umi-cloud enroll` printed, or ask your operator for a new token",
    )


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"umi enrolment token" + body).digest()[:CHECKSUM_BYTES]


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _unbase32(word: str) -> bytes:
    try:
        raw = base64.b32decode(word.upper() + "=" * (-len(word) % 8))
    except (binascii.Error, ValueError):
        # `from None`: the foreign error could quote a piece of the token.
        raise _token_error("was mistyped or cut off: it is not base32") from None
    if _base32(raw) != word:  # spare bits at the end that are not zero
        raise _token_error("was mistyped or cut off: it is not base32")
    return raw


def _names(raw: bytes, count: int) -> list[str]:
    names = []
    for _ in range(count):
        if not raw or len(raw) <= raw[0]:
            raise _token_error("is damaged")
        names.append(raw[1 : 1 + raw[0]])
        raw = raw[1 + raw[0] :]
    try:
        return [name.decode("ascii") for name in names]
    except UnicodeDecodeError:
        raise _token_error("is damaged") from None
