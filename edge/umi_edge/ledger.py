"""The ledger: every byte that left, hash-chained and signed (I7).

One JSON object a line. Each entry's `hash` covers the entry and the hash before it; a checkpoint signs the hash
so far with the device's Ed25519 key. An entry is on the disk before its message is sent: when it cannot be
written, nothing is sent (I2). The messages themselves are in it, exactly as sent, since they hold no value that
stays.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from umi_shared.errors import PrivacyError, UmiError
from umi_shared.labels import Sink
from umi_shared.released import Clearance

__all__ = ["Ledger", "LedgerError", "LedgerReport", "read_ledger", "verify_ledger"]

_GENESIS = "0" * 64


class LedgerError(PrivacyError):
    """The ledger cannot be written or trusted, so nothing is sent."""


class BrokenLedgerError(UmiError):
    """A ledger does not verify; `line` is the first bad line, 1-based."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(
            f"{path}:{line}: {reason}", fix="what comes before this line is sound; keep the file"
        )
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """What a verification found."""

    entries: int
    sent_bytes: int
    checkpoints: int
    unsigned: int
    """Entries after the last checkpoint."""
    torn_bytes: int
    """Bytes of an entry that a crash cut short, at the end; its message was not sent."""


@dataclass(slots=True)
class Ledger:
    """Appends to one ledger file; one process at a time."""

    path: Path
    clock: Callable[[], str]
    """The time of an entry, as ISO 8601 text; given, so that tests and replays are exact."""
    _key: Ed25519PrivateKey = field(repr=False)
    _file: Any = field(repr=False)
    _hash: str = _GENESIS
    _count: int = 0

    @classmethod
    def open(cls, path: Path, key: Ed25519PrivateKey, clock: Callable[[], str]) -> Self:
        """Open a ledger to append to; a torn tail is cut off into a file beside it, never lost.

        Raises `LedgerError` when the file cannot be opened or its chain is broken.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole, torn = _split(path.read_bytes()) if path.exists() else (b"", b"")
            if torn:
                path.with_suffix(".torn").write_bytes(torn)
                _replace(path, whole)
            last, count = _walk_chain(path, whole, None)
            file = path.open("ab")
        except OSError as error:
            raise LedgerError(
                f"the ledger {path} cannot be opened: {error.strerror}",
                fix="make room, or fix its permissions",
            ) from error
        except BrokenLedgerError as error:
            raise LedgerError(
                f"the ledger is not sound: {error.message}", fix=f"keep it for inspection: move {path} away"
            ) from error
        return cls(path, clock, key, file, last, count)

    def append(
        self, *, session: str, sink: Sink, request_id: str, message: bytes, clearances: Sequence[Clearance]
    ) -> str:
        """Record a message that is about to leave; returns the SHA-256 of its bytes.

        Raises `LedgerError` when the entry does not reach the file: then the message must not be sent.
        """
        digest = hashlib.sha256(message).hexdigest()
        self._write(
            {
                "kind": "sent",
                "time": self.clock(),
                "session": session,
                "sink": sink,
                "request": request_id,
                "bytes": len(message),
                "sha256": digest,
                "clearances": [asdict(clearance) for clearance in clearances],
                "message": base64.b64encode(message).decode(),
            }
        )
        return digest

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies the checkpoints."""
        return self._key.public_key()

    def checkpoint(self) -> None:
        """Sign the chain so far, and wait until it is on the disk."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        signature = self._key.sign(self._hash.encode())
        self._write(
            {
                "kind": "checkpoint",
                "time": self.clock(),
                "of": self._hash,
                "key": public.hex(),
                "signature": signature.hex(),
            }
        )
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise LedgerError(f"the ledger {self.path} cannot be synced: {error.strerror}") from error

    def _write(self, entry: dict[str, Any]) -> None:
        entry = {"number": self._count + 1, "previous": self._hash, **entry}
        hash_ = _entry_hash(entry)
        line = (
            json.dumps({**entry, "hash": hash_}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        )
        start = self._file.tell()
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            self._undo(start)
            raise LedgerError(
                f"the ledger {self.path} cannot be written: {error.strerror}; nothing was sent",
                fix="make room on the disk",
            ) from error
        self._hash, self._count = hash_, self._count + 1

    def _undo(self, start: int) -> None:
        """Take back a half-written line, as far as the disk allows; `open` would find it otherwise."""
        try:
            os.ftruncate(self._file.fileno(), start)
        except OSError:
            return

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _entry_hash(entry: dict[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(entry, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    ).hexdigest()


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Whole lines, and what a crash left of one more."""
    end = raw.rfind(b"\n") + 1
    return raw[:end], raw[end:]


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def read_ledger(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of a ledger, in order, unchecked; a torn tail is left out."""
    whole, _ = _split(path.read_bytes())
    yield from (json.loads(line) for line in whole.splitlines())


def verify_ledger(path: Path, key: Ed25519PublicKey | None = None) -> LedgerReport:
    """Check the chain, each message against its digest, and each checkpoint's signature.

    `key` is the device's own; without it any key that signs consistently is believed.
    Raises `BrokenLedgerError` at the first line that does not hold.
    """
    raw = path.read_bytes()
    whole, torn = _split(raw)
    _walk_chain(path, whole, key)
    entries = [json.loads(line) for line in whole.splitlines()]
    sent = [entry for entry in entries if entry["kind"] == "sent"]
    signed = max((at for at, entry in enumerate(entries) if entry["kind"] == "checkpoint"), default=-1)
    return LedgerReport(
        entries=len(sent),
        sent_bytes=sum(entry["bytes"] for entry in sent),
        checkpoints=sum(entry["kind"] == "checkpoint" for entry in entries),
        unsigned=sum(entry["kind"] == "sent" for entry in entries[signed + 1 :]),
        torn_bytes=len(torn),
    )


def _walk_chain(path: Path, whole: bytes, key: Ed25519PublicKey | None) -> tuple[str, int]:
    """The last hash and the number of entries; raises `BrokenLedgerError`."""
    previous, count = _GENESIS, 0
    for count, line in enumerate(whole.splitlines(), start=1):  # the count outlives the loop
        try:
            entry = json.loads(line)
            hash_ = entry.pop("hash")
            if entry["previous"] != previous or entry["number"] != count:
                raise BrokenLedgerError(path, count, "an entry before this one is missing or moved")
            if _entry_hash(entry) != hash_:
                raise BrokenLedgerError(path, count, "this entry was changed after it was written")
            _check_entry(path, count, entry, previous, key)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BrokenLedgerError(path, count, "this line is not an entry") from error
        previous = hash_
    return previous, count


def _check_entry(
    path: Path, number: int, entry: dict[str, Any], previous: str, key: Ed25519PublicKey | None
) -> None:
    if entry["kind"] == "sent":
        if hashlib.sha256(base64.b64decode(entry["message"])).hexdigest() != entry["sha256"]:
            raise BrokenLedgerError(path, number, "the message is not the one that the digest names")
        return
    signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(entry["key"]))
    try:
        if entry["of"] != previous or (key is not None and signer != key):
            raise InvalidSignature
        signer.verify(bytes.fromhex(entry["signature"]), previous.encode())
    except InvalidSignature as error:
        raise BrokenLedgerError(path, number, "the checkpoint's signature is not this device's") from error
