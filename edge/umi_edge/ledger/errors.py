"""What can be wrong with a ledger.

I2: docs/design.md#i2-fail-closed
"""

from pathlib import Path

from umi_shared.errors import PrivacyError, UmiError

__all__ = ["BrokenLedgerError", "LedgerError"]


class LedgerError(PrivacyError):
    """The ledger cannot be written or trusted, so nothing is sent (I2)."""


class BrokenLedgerError(UmiError):
    """A ledger does not verify; `file` and `line` (1-based) say from where on."""

    def __init__(self, file: Path, line: int, reason: str, *, fix: str | None = None) -> None:
        super().__init__(
            f"{file}:{line}: {reason}",
            fix=fix
            or "what comes before this line is sound; keep the files, and see who else can write to them",
        )
        self.file = file
        self.line = line
        self.reason = reason
