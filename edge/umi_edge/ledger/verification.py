"""Reading a ledger, and checking that it is whole.

Covered: a changed, missing, moved or added byte in any entry; entries missing at the front without a note, in the
middle, or at the end before the last checkpoint; a checkpoint of another key; an entry that a crash cut short.
Not covered: entries after the last checkpoint that somebody removes whole, or rewrites together with all after
them; somebody who holds this device's key, or who puts an older copy of all the files back.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from filelock import FileLock, Timeout

from umi_edge.ledger.chain import GENESIS, LineError, Link, check_content, entry_of, follow
from umi_edge.ledger.errors import BrokenLedgerError, LedgerError
from umi_edge.ledger.files import LedgerFiles, lines

__all__ = ["LedgerReport", "read_ledger", "verify_ledger"]

_LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """What a verification found."""

    entries: int = 0
    """Messages that left."""
    sent_bytes: int = 0
    checkpoints: int = 0
    unsigned: int = 0
    """Messages after the last checkpoint."""
    torn_bytes: int = 0
    """Bytes at the end of an entry that a crash cut short; its message was not sent."""
    recovered: int = 0
    """Such entries of the past, which are kept in the ledger as they were found."""
    files: int = 0
    trimmed: int = 0
    """Entries that were let go because of the ledger's bounds."""


@dataclass(slots=True)
class _Count:
    """What has been seen so far."""

    entries: int = 0
    sent_bytes: int = 0
    checkpoints: int = 0
    unsigned: int = 0
    torn_bytes: int = 0
    recovered: int = 0
    trims: set[Link] = field(default_factory=set)

    def add(self, entry: dict[str, Any]) -> None:
        match entry["kind"]:
            case "sent":
                self.entries += 1
                self.unsigned += 1
                self.sent_bytes += entry["bytes"]
            case "checkpoint":
                self.checkpoints += 1
                self.unsigned = 0
            case "torn":
                self.recovered += 1
            case "trimmed":
                self.trims.add(Link(entry["through"], entry["hash_through"]))


def read_ledger(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of a ledger, oldest first, each checked on its own only; a torn end is left out.

    Raises `BrokenLedgerError` at a line that was changed, `LedgerError` where a file cannot be read.
    """
    with _readable(path):
        yield from _entries(path)


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for file in LedgerFiles(path).all():
        for number, (line, whole) in enumerate(lines(file), start=1):
            if whole:
                try:
                    yield entry_of(line)[0]
                except LineError as error:
                    raise BrokenLedgerError(file, number, str(error)) from error


def verify_ledger(path: Path, key: Ed25519PublicKey | None = None) -> LedgerReport:
    """Check the chain through all files, each message against its digest, each checkpoint's signature.

    `key` is the device's own; without it any key that signs is believed. A ledger that is not there is an empty
    one. Raises `BrokenLedgerError` at the first line that does not hold, `LedgerError` where a file cannot be read.
    """
    with _readable(path), _between_writes(path):
        return _verified(path, key)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be read: {error.strerror}", fix="mend its permissions"
        ) from error


@contextmanager
def _between_writes(path: Path) -> Iterator[None]:
    """Keep writers out, so that no entry is half there and no file on its way; where that can't be, look anyway."""
    lock = LedgerFiles(path).lock
    held = FileLock(str(lock), timeout=_LOCK_SECONDS, mode=0o600)
    if lock.exists():
        with suppress(OSError, Timeout):  # read-only media, or a writer that hangs
            held.acquire()
    try:
        yield
    finally:
        held.release()


def _verified(path: Path, key: Ed25519PublicKey | None) -> LedgerReport:
    # (1) The last checkpoint that was noted. (2) Each line follows the one before, and holds by itself.
    # (3) What is missing at the front was let go on purpose. (4) Nothing is missing at the end.
    files = LedgerFiles(path)
    head = files.read_head()  # (1)
    count, start, end = _Count(), Link(), Link()
    found = files.all()
    for file in found:
        start, end = _walk(file, file == files.current, key, head, count, start, end)  # (2)
    if start != Link() and start not in count.trims:  # (3)
        raise BrokenLedgerError(found[0], 1, f"entries 1 to {start.number} are missing")
    if head is not None and end.number < head.number:  # (4)
        raise BrokenLedgerError(path, 1, f"entries {end.number + 1} to {head.number} are missing at the end")
    return LedgerReport(
        entries=count.entries,
        sent_bytes=count.sent_bytes,
        checkpoints=count.checkpoints,
        unsigned=count.unsigned,
        torn_bytes=count.torn_bytes,
        recovered=count.recovered,
        files=len(found),
        trimmed=start.number,
    )


def _walk(
    file: Path,
    current: bool,
    key: Ed25519PublicKey | None,
    head: Link | None,
    count: _Count,
    start: Link,
    end: Link,
) -> tuple[Link, Link]:
    """Follow one file; gives where the whole chain starts, and where it ends so far."""
    for number, (line, whole) in enumerate(lines(file), start=1):
        if not whole and current:
            count.torn_bytes = len(line)
            break
        try:
            if end == Link():
                start = end = _before_first(line)
            entry, end = follow(line, end)
            check_content(entry, key)
            if head is not None and end.number == head.number and end.hash != head.hash:
                raise LineError("this is not the checkpoint that was written here")
            count.add(entry)
        except (LineError, KeyError, TypeError) as error:
            reason = str(error) if isinstance(error, LineError) else "this entry lacks a field"
            raise BrokenLedgerError(file, number, reason) from error
    return start, end


def _before_first(line: bytes) -> Link:
    """What the first line that is there says it follows; the genesis, unless older files were let go."""
    entry, link = entry_of(line)
    if link.number == 1:
        return Link(0, GENESIS)
    return Link(link.number - 1, str(entry.get("previous")))
