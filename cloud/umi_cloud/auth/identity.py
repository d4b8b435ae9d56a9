"""Which device makes a call.

TLS checked the chain and the dates when the connection was made. A connection can last for days, so what
can change meanwhile is checked at every call: the certificate's end, and its standing in the registry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography import x509

from umi_cloud.auth import certificates
from umi_shared.errors import RefusedError

__all__ = ["AuthContext", "Device", "identify"]


@dataclass(frozen=True, slots=True)
class Device:
    """The device a call comes from, and the certificate it showed."""

    name: str
    serial: str


class AuthContext(Protocol):
    """The part of grpc.aio.ServicerContext that says who calls."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What the transport knows about the peer, such as its certificate."""


def identify(context: AuthContext) -> Device:
    """The device behind a call on the mTLS port; whether it may call is the registry's to say.

    Raises RefusedError with reason CERTIFICATE_MISSING (no certificate, or plaintext) or CERTIFICATE_FOREIGN (not
    a device's).
    """
    pems = list(context.auth_context().get("x509_pem_cert", ()))
    if not pems:
        raise RefusedError(
            "this port needs a device's certificate, and the call came without one",
            reason="CERTIFICATE_MISSING",
            fix="enrol this device: `umi enroll TOKEN`",
        )
    device = _device(pems[0])
    if device is None:
        raise RefusedError(
            "the certificate is not one that `umi enroll` gives",
            reason="CERTIFICATE_FOREIGN",
            fix="enrol this device: `umi enroll TOKEN`",
        )
    return device


@lru_cache(maxsize=4096)
def _device(pem: bytes) -> Device | None:
    """Parse a certificate; the result is cached, because a device shows the same one at every call."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None
    name = certificates.device_name(certificate)
    return None if name is None else Device(name, certificates.serial_text(certificate))
