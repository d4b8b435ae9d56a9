"""Reading a ledger, and checking that it is whole.

Covered: a changed, missing, moved or added byte in any entry; entries missing at the front without a note, in the
middle, or at the end before the last checkpoint, also where a note of that is gone (`heads`); a checkpoint of another
key; an entry that a crash cut short.
Not covered: entries after the last checkpoint that somebody removes whole, or rewrites together with all after
them; somebody who holds this device's key, or who puts an older copy of all the files back, the second note too.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from filelock import FileLock, Timeout

from umi_edge.ledger.chain import GENESIS, LineError, Link, check_content, entry_of, follow
from umi_edge.ledger.errors import BrokenLedgerError, LedgerError
from umi_edge.ledger.files import LedgerFiles, lines

__all__ = ["LedgerReport", "LedgerVerifier", "read_ledger", "verify_ledger"]

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
class _Followed:
    """One file, as far as it was followed, and what has been seen in it."""

    identity: int
    """Its inode: a file that is full gets another name."""
    start: Link
    """The end of the chain before its first line."""
    lines: int = 0
    """How many whole lines it had."""
    last: int = 0
    """Where the last of them starts, in bytes."""
    offset: int = 0
    """Where it ends, in bytes."""
    entries: int = 0
    sent_bytes: int = 0
    checkpoints: int = 0
    unsigned: int = 0
    torn_bytes: int = 0
    recovered: int = 0
    trims: set[Link] = field(default_factory=set)

    def is_there(self, path: Path) -> bool:
        """Whether this is the file, maybe with more in it."""
        state = path.stat()
        return state.st_ino == self.identity and state.st_size >= self.offset

    def ends_with(self, path: Path, end: Link) -> bool:
        """Whether the last line that was followed is unchanged."""
        line, _ = next(lines(path, self.last))
        try:
            return self.last + len(line) + 1 == self.offset and entry_of(line)[1] == end
        except LineError:
            return False

    def add(self, entry: dict[str, Any]) -> None:
        """Count an entry."""
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


def verify_ledger(
    path: Path, key: Ed25519PublicKey | None = None, second_head: Path | None = None, *, is_copy: bool = False
) -> LedgerReport:
    """Check the chain through all files, each message against its digest, each checkpoint's signature, and the end.

    `key` is the device's own; without it any key that signs is believed. `second_head` is the second note of the last
    checkpoint; a ledger that is a copy needs no note. A ledger that is not there is an empty one. Raises
    `BrokenLedgerError` at the first line that does not hold, `LedgerError` where a file cannot be read.
    """
    return LedgerVerifier(path, key, second_head, is_copy=is_copy).verify()


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


@dataclass(slots=True)
class LedgerVerifier:
    """Checks one ledger: whole the first time, then from where it was, as long as that is still there.

    Covered from the second time on: all that `verify_ledger` covers in entries that are new; and files that are gone
    without a note, replaced or shorter, or a last line that was changed, which make it look at everything again. Not
    covered: a byte that is changed under a running program in what it has verified. The next program notices.

    The first time may take seconds. Writers are kept out only while it looks at what was added meanwhile. Threads may
    share one.
    """

    path: Path
    key: Ed25519PublicKey | None = None
    second_head: Path | None = None
    is_copy: bool = False
    _seen: list[_Followed] = field(default_factory=list)
    _end: Link = field(default_factory=Link)
    _one: Lock = field(default_factory=Lock, repr=False)

    def verify(self) -> LedgerReport:
        """Check it. Raises as `verify_ledger` does."""
        with self._one:
            if not self._seen:
                with suppress(
                    BrokenLedgerError, OSError
                ):  # maybe a writer's doing: it is looked at again, and counts
                    self._verified()
            with _readable(self.path), _between_writes(self.path):
                return self._verified()

    def _verified(self) -> LedgerReport:
        # (1) The notes of the last checkpoint. (2) Each line follows the one before, and holds by itself.
        # (3) What is missing at the front was let go on purpose. (4) Nothing is missing at the end.
        files = LedgerFiles(self.path)
        heads, found = files.heads(self.second_head), files.all()
        noted = heads.read(self.key)  # (1)
        seen, end = self._still_there(found)
        self._seen = []
        for place, file in enumerate(found):
            if place == len(seen):
                seen.append(_Followed(file.stat().st_ino, end))
            if place >= len(seen) - 1:
                end = self._follow(file, seen[place], end, noted.values())  # (2)
        start = seen[0].start if seen else Link()
        if start != Link() and not any(start in one.trims for one in seen):  # (3)
            raise BrokenLedgerError(found[0], 1, f"entries 1 to {start.number} are missing")
        if noted or not self.is_copy:
            heads.check(noted, self.path, end)  # (4)
        self._seen, self._end = seen, end  # only what held is not looked at again
        return _report(seen)

    def _still_there(self, found: list[Path]) -> tuple[list[_Followed], Link]:
        """The files that need not be followed from their beginning; none unless all are there that were not let go."""
        seen = [one for one in self._seen if one.offset]
        if found and seen:
            oldest = found[0].stat().st_ino
            while seen and seen[0].identity != oldest:
                seen.pop(0)
            there = len(seen) <= len(found) and all(map(_Followed.is_there, seen, found))
            if seen and there and seen[-1].ends_with(found[len(seen) - 1], self._end):
                return seen, self._end
        return [], Link()

    def _follow(self, file: Path, seen: _Followed, end: Link, noted: Collection[Link]) -> Link:
        """Follow one file from where it was left; returns the chain's end after it."""
        seen.torn_bytes = 0
        for line, whole in lines(file, seen.offset):
            if not whole and file == self.path:
                seen.torn_bytes = len(line)
                break
            try:
                if end == Link():
                    seen.start = end = _before_first(line)
                entry, end = follow(line, end)
                check_content(entry, self.key)
                if any(end.number == head.number and end != head for head in noted):
                    raise LineError("this is not the checkpoint that was written here")
                seen.add(entry)
            except (LineError, KeyError, TypeError) as error:
                reason = str(error) if isinstance(error, LineError) else "this entry lacks a field"
                raise BrokenLedgerError(file, seen.lines + 1, reason) from error
            seen.lines, seen.last, seen.offset = seen.lines + 1, seen.offset, seen.offset + len(line) + 1
        return end


def _report(seen: list[_Followed]) -> LedgerReport:
    unsigned = 0
    for one in seen:
        unsigned = one.unsigned + (0 if one.checkpoints else unsigned)
    return LedgerReport(
        entries=sum(one.entries for one in seen),
        sent_bytes=sum(one.sent_bytes for one in seen),
        checkpoints=sum(one.checkpoints for one in seen),
        unsigned=unsigned,
        torn_bytes=sum(one.torn_bytes for one in seen),
        recovered=sum(one.recovered for one in seen),
        files=len(seen),
        trimmed=seen[0].start.number if seen else 0,
    )


def _before_first(line: bytes) -> Link:
    """What the first line that is there says it follows; the genesis, unless older files were let go."""
    entry, link = entry_of(line)
    if link.number == 1:
        return Link(0, GENESIS)
    return Link(link.number - 1, str(entry.get("previous")))
