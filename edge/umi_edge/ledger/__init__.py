"""The ledger: every byte that left, hash-chained and signed (I7).

One JSON object a line; the messages are in it exactly as sent, since they hold no value that stays. `chain` is the
form of a line, `files` where the lines lie, `ledger` appends, `verification` checks and reads, `outbound` shows a
message as the view that it was.

I7: docs/design.md#i7-the-ledger-has-every-byte-that-left
"""

from umi_edge.ledger.errors import BrokenLedgerError, LedgerError
from umi_edge.ledger.ledger import Ledger, LedgerConfig
from umi_edge.ledger.verification import LedgerReport, read_ledger, verify_ledger

__all__ = [
    "BrokenLedgerError",
    "Ledger",
    "LedgerConfig",
    "LedgerError",
    "LedgerReport",
    "read_ledger",
    "verify_ledger",
]
