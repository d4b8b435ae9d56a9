"""Which device makes a call.

TLS checked the chain and the dates when the connection was made. A connection can last for days, so what
can change meanwhile is checked at every call: the certificate's end, and its standing in the registry.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote

from cryptography import x509

from umi_cloud.auth import certificates
from umi_shared.errors import RefusedError

__all__ = ["AuthContext", "CallContext", "Device", "host_of", "identify", "no_certificate", "version_of"]

_VERSION = re.compile(r"\bumi/([0-9A-Za-z.+-]{1,32})")


@dataclass(frozen=True, slots=True)
class Device:
    """The device a call comes from, and the certificate it showed."""

    name: str
    serial: str


class AuthContext(Protocol):
    """The part of grpc.aio.ServicerContext that says who calls."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What the transport knows about the peer, such as its certificate."""


class CallContext(AuthContext, Protocol):
    """The part of it that says with what, too."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """The headers of the call."""


def version_of(context: CallContext) -> str:
    """The version of umi that the device says it calls with; empty where it says none."""
    for key, value in context.invocation_metadata() or ():
        if key == "user-agent" and isinstance(value, str) and (found := _VERSION.search(value)):
            return found[1]
    return ""


def host_of(peer: str) -> str:
    """The address in what gRPC calls a peer.

    >>> host_of("ipv4:10.0.0.1:5000"), host_of("ipv6:%5B::1%5D:5000")
    ('10.0.0.1', '::1')
    """
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]").partition("%")[0]


def identify(context: AuthContext) -> Device:
    """The device behind a call on the mTLS port; whether it may call is the registry's to say.

    Raises RefusedError with reason CERTIFICATE_MISSING (no certificate, or plaintext) or CERTIFICATE_FOREIGN (not
    a device's).
    """
    pems = list(context.auth_context().get("x509_pem_cert", ()))
    if not pems:
        raise no_certificate()
    device = _device(pems[0])
    if device is None:
        raise RefusedError(
            "the certificate is not one that `umi enroll` gives",
            reason="CERTIFICATE_FOREIGN",
            fix="enrol this device: `umi enroll TOKEN`",
        )
    return device


def no_certificate() -> RefusedError:
    """Why a call is refused that shows no certificate."""
    return RefusedError(
        "this port needs a device's certificate, and the call came without one",
        reason="CERTIFICATE_MISSING",
        fix="enrol this device: `umi enroll TOKEN`",
    )


@lru_cache(maxsize=4096)
def _device(pem: bytes) -> Device | None:
    """Parse a certificate; the result is cached, because a device shows the same one at every call."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None
    name = certificates.device_name(certificate)
    return None if name is None else Device(name, certificates.serial_text(certificate))
