"""What strangers may ask of the enrolment port, and how long the certificates are good that it gives: `enrolment`."""

from dataclasses import dataclass
from typing import Annotated

from umi_cloud.auth.certificates import Lifetimes
from umi_cloud.connections import ConnectionLimits
from umi_shared.errors import ConfigError
from umi_shared.settings import MAY_BE_ZERO

__all__ = ["EnrolmentLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentLimits:
    """What strangers may ask of the enrolment port."""

    attempts_per_minute_per_peer: int = 10
    """Attempts from one IPv4 address, or from one IPv6 /64."""
    attempts_per_minute: int = 600
    """Attempts from all addresses together."""
    peers: int = 4096
    """How many addresses are remembered; the one unseen for longest is forgotten first."""
    message_bytes: int = 16 * 1024
    """Bytes in one request."""
    metadata_bytes: int = 8 * 1024
    """Bytes of metadata in one request."""
    concurrent_calls: int = 32
    """Calls open at the same time, from all addresses together."""
    connections: int = 256
    """Connections at once: a budget of the enrolment port's own."""
    connections_per_address: int = 16
    """Connections at once from one IPv4 address, or from one IPv6 /64."""
    handshake_seconds: float = 10.0
    """How long a TLS handshake may take."""
    connection_seconds: int = 60
    """How long one connection may last."""
    renewals_per_minute_per_device: int = 4
    """Renewals that one device may ask for."""
    certificate_days: int = 7
    """How long a device's certificate is good. Laptops renew it in the last third of its life."""
    renew_expired_days: Annotated[int, MAY_BE_ZERO] = 90
    """How long after its end a device's certificate is renewed all the same, for a laptop that was off; 365 at most."""

    def __post_init__(self) -> None:
        if not 0 <= self.renew_expired_days <= 365:
            raise ConfigError(
                "`renew_expired_days` is out of range",
                fix="choose 0 to 365 days; 0 renews no expired certificate",
            )

    @property
    def lifetimes(self) -> Lifetimes:
        """How long the certificates are good that are given out."""
        return Lifetimes(device_days=self.certificate_days)

    @property
    def connection_limits(self) -> ConnectionLimits:
        """Who may hold connections to the enrolment port open."""
        return ConnectionLimits(
            open=self.connections,
            strangers_per_address=self.connections_per_address,
            handshake_seconds=self.handshake_seconds,
            silent_seconds=self.connection_seconds,
        )
