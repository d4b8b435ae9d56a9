"""Appending to the ledger.

An entry is in the file before its message is sent; when it cannot be written, nothing is sent (I2). Several processes
may use one ledger: each write holds a lock and first reads what others have added.

What survives: a killed process loses nothing that was appended. A power failure may lose the entries since the last
checkpoint, unless `LedgerConfig.sync_each` is on; a checkpoint, made at the end of each session, is always synced.

I2: docs/design.md#i2-fail-closed
"""

import base64
import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from filelock import FileLock, Timeout

from umi_edge.ledger.chain import LineError, Link, entry_of, follow, signed, written
from umi_edge.ledger.errors import BrokenLedgerError, LedgerError
from umi_edge.ledger.files import LedgerFiles, last_line, lines
from umi_edge.ledger.heads import Heads
from umi_edge.ledger.verification import LedgerReport, LedgerVerifier
from umi_shared.durable_file import write_durably
from umi_shared.errors import ConfigError
from umi_shared.labels import Sink
from umi_shared.released import Disclosure

__all__ = ["Ledger", "LedgerConfig"]

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerConfig:
    """How much a ledger may hold, and how it is written."""

    file_bytes: int = 16 << 20
    """A file that would grow beyond this is closed, and a new one begun."""
    files: int = 16
    """How many files are kept, at least 2. Beyond that the oldest is deleted, and a signed entry says so."""
    sync_each: bool = False
    """Wait for the disk at every entry, some milliseconds each, and not at checkpoints only."""
    lock_seconds: float = 10
    """How long to wait for another umi that is writing."""
    second_head: Path | None = None
    """Where the last checkpoint is noted a second time: a file of another folder."""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Appends to one ledger; make it with `open`."""

    path: Path
    clock: Callable[[], str]
    """The time of an entry, as ISO 8601 text; given, so that tests and replays are exact."""
    config: LedgerConfig
    _key: Ed25519PrivateKey = field(repr=False)
    _lock: FileLock = field(repr=False)
    _verifier: LedgerVerifier = field(repr=False)
    _first: int = 1
    """The number of the current file's first entry."""
    _end: Link = field(default_factory=Link)
    _kind: str = ""
    """The time of the last entry."""
    _known: tuple[int, int] = (0, 0)
    """Identity and size of the current file as this process left it."""

    @classmethod
    def open(
        cls,
        path: Path,
        key: Ed25519PrivateKey,
        clock: Callable[[], str],
        config: LedgerConfig = LedgerConfig(),
    ) -> Self:
        """Open a ledger to append to. An entry that a crash cut short is kept in it, as an entry of kind `torn`.

        Raises `LedgerError` when it cannot be written, or its current file is not sound.
        """
        lock = FileLock(str(LedgerFiles(path).lock), timeout=config.lock_seconds, mode=0o600)
        verifier = LedgerVerifier(path, key.public_key(), config.second_head)
        ledger = cls(path=path, clock=clock, config=config, _key=key, _lock=lock, _verifier=verifier)
        with ledger._writing("opened"):
            pass
        return ledger

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies the checkpoints."""
        return self._key.public_key()

    def append(
        self,
        *,
        session: str,
        sink: Sink,
        request_id: str,
        message: bytes,
        disclosures: Sequence[Disclosure],
        peer: str = "",
    ) -> str:
        """Record a message that is about to leave to `peer`; returns the SHA-256 of its bytes.

        Raises `LedgerError` when the entry does not reach the file: then the message must not be sent.
        """
        digest = hashlib.sha256(message).hexdigest()
        entry = {
            "kind": "sent",
            "time": self.clock(),
            "session": session,
            "sink": sink,
            "peer": peer,
            "request": request_id,
            "bytes": len(message),
            "sha256": digest,
            "clearances": [
                {"entry": one.entry, "rule": one.rule, "clear_bytes": one.clear_bytes} for one in disclosures
            ],
        }
        with self._writing("written"):
            size = self._known[1]
            if size and size + len(message) * 4 // 3 > self.config.file_bytes:
                self._rotate()
            self._write(entry, sync=self.config.sync_each, message=message)
        return digest

    def checkpoint(self) -> None:
        """Sign the chain so far, and wait until it is on the disk. Does nothing when there is no new entry."""
        with self._writing("synced"):
            self._checkpoint()

    def verify(self) -> LedgerReport:
        """Check the ledger: whole the first time, later what was added since. Raises as `verify_ledger` does."""
        return self._verifier.verify()

    def close(self) -> None:
        """End the use of the ledger; no file stays open between writes."""
        self._lock.release(force=True)

    @property
    def _files(self) -> LedgerFiles:
        return LedgerFiles(self.path)

    @contextlib.contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        """Hold the lock, know what others wrote, and turn what the system says into a `LedgerError`."""
        so = "" if what == "synced" else "; nothing was sent"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._catch_up()
                yield
        except Timeout as error:
            raise LedgerError(
                f"the ledger {self.path} is being written to by another program{so}",
                fix="wait for it, or end it",
            ) from error
        except OSError as error:
            raise LedgerError(
                f"the ledger {self.path} cannot be {what}: {error.strerror}{so}",
                fix="make room on the disk, and make the folder one that you may write to",
            ) from error
        except ConfigError as error:  # of write_durably
            raise LedgerError(f"{error.message}{so}", fix=error.fix) from error

    def _catch_up(self) -> None:
        """Follow what is in the files and this process did not write; put a torn end away."""
        known = self._state()
        if known == self._known != (0, 0) and not self._files.torn.exists():
            return
        grown = known[0] == self._known[0] and known[1] > self._known[1] > 0
        offset = self._known[1] if grown else 0
        if not grown:
            self._end, self._kind = self._end_of_archives()
            self._first = self._end.number + 1
        torn = self._follow_from(offset) if known != (0, 0) else b""
        if not grown:
            self._check_heads()
        if torn or self._files.torn.exists():
            self._put_away(torn)
        self._known = self._state()

    def _state(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return (0, 0)
        return (found.st_ino, found.st_size)

    def _end_of_archives(self) -> tuple[Link, str]:
        archives = self._files.archives()
        if not archives:
            return Link(), ""
        try:
            entry, link = entry_of(last_line(archives[-1]))
        except LineError as error:
            raise self._unsound(archives[-1], str(error)) from error
        return link, str(entry.get("kind"))

    def _follow_from(self, offset: int) -> bytes:
        """Follow the current file's lines; returns the torn end, if there is one."""
        for line, whole in lines(self.path, offset):
            if not whole:
                return line
            try:
                entry, self._end = follow(line, self._end)
            except LineError as error:
                raise self._unsound(self.path, str(error)) from error
            self._kind = str(entry.get("kind"))
        return b""

    @property
    def _heads(self) -> Heads:
        return self._files.heads(self.config.second_head)

    def _check_heads(self) -> None:
        """A new ledger gets its notes before its first entry; any other has them, and ends no earlier than they say."""
        heads = self._heads
        try:
            noted = heads.read(self.public_key)
            heads.check(noted, self.path, self._end)
        except BrokenLedgerError as error:
            raise self._unsound(error.file, error.reason) from error
        if len(noted) < len(heads.files):
            heads.write(self._end, self._key)

    def _unsound(self, file: Path, reason: str) -> LedgerError:
        older = self._files.archive(0).name.replace("000000000", "*")
        second = f", and {self.config.second_head}," if self.config.second_head else ""
        return LedgerError(
            f"the ledger {file} is not sound: {reason}; nothing was sent",
            fix=f"see `umi ledger verify`; to begin a new ledger, move {self.path.name}* and {older} "
            f"out of {self.path.parent}{second} and keep them",
        )

    def _put_away(self, torn: bytes) -> None:
        """Make an entry of what a crash left of one, so that nothing is lost; a crash in here loses nothing either."""
        files = self._files
        kept = files.torn.read_bytes() if files.torn.exists() else b""
        if torn:
            kept += b"" if kept.endswith(torn) else torn
            write_durably(files.torn, kept)
            os.truncate(self.path, self.path.stat().st_size - len(torn))
        self._write(
            {
                "kind": "torn",
                "time": self.clock(),
                "bytes": len(kept),
                "fragment": base64.b64encode(kept).decode(),
            },
            sync=True,
        )
        files.torn.unlink()

    def _checkpoint(self) -> None:
        if self._kind in ("", "checkpoint"):
            return
        self._write({"kind": "checkpoint", "time": self.clock(), **signed(self._end, self._key)}, sync=True)
        self._heads.write(self._end, self._key)

    def _rotate(self) -> None:
        """Sign the current file, put it among the full ones, and let the oldest go where there are too many."""
        self._checkpoint()
        try:
            self.path.replace(self._files.archive(self._first))
        except PermissionError:  # Windows, while somebody reads it: the next entry tries again
            return
        self._first = self._end.number + 1
        surplus = self._files.archives()[: -(max(self.config.files, 2) - 1)]
        if not surplus:
            return
        _, last = entry_of(last_line(surplus[-1]))
        note = {"kind": "trimmed", "time": self.clock(), "through": last.number, "hash_through": last.hash}
        self._write(note, sync=True)
        for path in surplus:
            try:
                path.unlink()
            except OSError:  # the note stands; the next rotation tries again, and no gap comes about
                return

    def _write(self, entry: Mapping[str, Any], *, sync: bool, message: bytes | None = None) -> None:
        """Add one whole line, or leave the file as it was and raise `OSError`."""
        line, end = written(entry, self._end, message)
        descriptor = os.open(self.path, _FLAGS, 0o600)
        try:
            start = os.fstat(descriptor).st_size
            try:
                _write_all(descriptor, line)
                if sync:
                    os.fsync(descriptor)
            except BaseException:
                with contextlib.suppress(OSError):  # a torn end is found and put away by the next write
                    os.ftruncate(descriptor, start)
                raise
            found = os.fstat(descriptor)
            self._known = (found.st_ino, found.st_size)
        finally:
            os.close(descriptor)
        self._end, self._kind = end, str(entry["kind"])


def _write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: the system may take a part, as it does when the disk fills."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
