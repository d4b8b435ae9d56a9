"""The way out: what happens to every message, whoever reads it, right before it is sent.

The guard scans the serialized bytes, and the ledger records them. Keeps I2 (where either fails, nothing is sent) and
I7.

I2: docs/design.md#i2-fail-closed
I7: docs/design.md#i7-the-ledger-has-every-byte-that-left
"""

from dataclasses import dataclass, field
from typing import Any

from umi_edge.egress.guard import EgressGuard
from umi_edge.ledger import Ledger
from umi_shared.released import Released

__all__ = ["WayOut"]


@dataclass(frozen=True, slots=True)
class WayOut:
    """For the messages of one session."""

    guard: EgressGuard
    ledger: Ledger
    session: str = field(repr=False)
    """The random word that groups them in the ledger."""
    peer: str
    """How messages name the other side."""

    def let_out(self, message: bytes, view: Released[Any], request_id: str) -> str:
        """Let a released view leave, serialized as these bytes; gives their SHA-256. Raises `PrivacyError`."""
        self.guard.check(message, view.sink)
        return self.ledger.append(
            session=self.session,
            sink=view.sink,
            request_id=request_id,
            message=message,
            disclosures=view.disclosures,
            peer=self.peer,
        )
