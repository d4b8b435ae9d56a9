"""What a reader should know of a ledger beside that it is sound."""

from collections.abc import Iterator

from umi_edge.ledger.verification import LedgerReport

__all__ = ["remarks"]


def remarks(report: LedgerReport, *, signer_known: bool) -> Iterator[str]:
    """One line each, with a sign before it: `!` is to look at, `·` to know."""
    if report.checkpoints and not signer_known:
        yield "! the key that signs here is gone, so nobody can say whether it was this device that signed"
    if report.unsigned:
        yield f"! {report.unsigned} messages are not signed yet: their session runs, or was killed"
    if report.torn_bytes:
        yield f"! {report.torn_bytes} bytes at the end are of an entry that a crash cut short; it was not sent"
    if report.recovered:
        yield f"· {report.recovered} entries were cut short by crashes before, and are kept as they were found"
    if report.trimmed:
        yield f"· the oldest {report.trimmed:,} entries were let go, to keep within the ledger's bounds"
