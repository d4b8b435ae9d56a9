"""A place in the queue that a refused request takes along: when it came first, under a key of the deployment.

Whoever is refused comes back with the ticket, to this front or to another, and keeps its turn. A ticket is good for its
device and for some minutes, and says nothing that the device does not know.
"""

import base64
import hmac
import secrets
import struct
from dataclasses import dataclass, field
from typing import Self

__all__ = ["TICKET_KEY", "Tickets"]

TICKET_KEY = "umi-ticket"
SECONDS_MAX = 600.0
SKEW_SECONDS = 30.0
"""How far the clock of the front that made a ticket may be ahead."""
_KEY_BYTES = 32
_TAG_BYTES = 16
_TIME = struct.Struct(">d")


@dataclass(frozen=True, slots=True)
class Tickets:
    """Makes tickets, and reads those that it, or another front with its key, has made."""

    key: bytes = field(repr=False)

    @classmethod
    def temporary(cls) -> Self:
        """Under a key of this process."""
        return cls(secrets.token_bytes(_KEY_BYTES))

    def make(self, device: str, arrived: float) -> str:
        """The ticket of a request that came at this time (seconds since 1970).

        >>> tickets = Tickets(bytes(32))
        >>> tickets.read("a", tickets.make("a", 50.0), now=60.0), tickets.read("b", tickets.make("a", 50.0), now=60.0)
        (50.0, None)
        """
        packed = _TIME.pack(arrived)
        return base64.urlsafe_b64encode(packed + self._tag(device, packed)).decode()

    def read(self, device: str, ticket: str, now: float) -> float | None:
        """When the request came first; None for a ticket that is not ours, not this device's, or too old."""
        if not ticket:
            return None
        try:
            raw = base64.urlsafe_b64decode(ticket.encode())
        except ValueError:
            return None
        packed, tag = raw[: _TIME.size], raw[_TIME.size :]
        if len(packed) != _TIME.size or not hmac.compare_digest(tag, self._tag(device, packed)):
            return None
        arrived: float = _TIME.unpack(packed)[0]
        return min(arrived, now) if now - SECONDS_MAX <= arrived <= now + SKEW_SECONDS else None

    def _tag(self, device: str, packed: bytes) -> bytes:
        return hmac.digest(self.key, packed + device.encode(), "sha256")[:_TAG_BYTES]
