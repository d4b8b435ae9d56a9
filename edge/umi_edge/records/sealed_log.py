"""A sealed log: lines that are added and never changed, each encrypted under a key of this device.

A line is a nonce and the ciphertext of AES-256-GCM, in base64; what is authenticated with it is the line before. A
second small file, sealed too, says how many lines there are, so that an end that is cut off is missed.

Covered: a line that is changed, moved, taken out or cut off, either file gone; whoever reads the disk learns how many
lines there are, and how long. Not covered: both files put back to how they were, or both gone.
"""

import base64
import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from filelock import FileLock, Timeout

from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.errors import ConfigError

__all__ = ["Read", "SealedLog"]

_NONCE = 12
_FIRST = b"umi sealed log 1"
_COUNT = b"umi sealed log 1, lines"


@dataclass(frozen=True, slots=True)
class Read:
    """What a log holds."""

    lines: tuple[bytes, ...] = field(repr=False)
    """Every line that is whole, in order."""
    damage: str = field(default="", repr=False)
    """What is wrong with it, value-free; nothing where it is sound."""


@dataclass(frozen=True, slots=True)
class SealedLog:
    """The log at one path. Several programs of one user may use it."""

    path: Path
    key: bytes = field(repr=False)
    lock_seconds: float = 10

    @property
    def _count_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.count")

    def state(self) -> tuple[int, int, int]:
        """What changes when somebody adds to it, cheap to ask for; zeros for a log that is not there."""
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_ino, found.st_size, found.st_mtime_ns)

    def read(self) -> Read:
        """All of it; a log that was never begun is empty, and sound. Raises `ConfigError` where the lock is held."""
        with self._locked():
            return self._read()

    def add(self, line: bytes) -> int:
        """Add a line, and wait until it is on the disk; gives its number. Raises `ConfigError`."""
        with self._locked():
            sealed = self._whole_lines()
            if not self.path.exists() and not self._count_file.exists():
                self._note(0)  # so that a log without its note is never one that has just begun
            self._append(self._sealed(line, sealed[-1] if sealed else _FIRST), after=sealed)
            self._note(len(sealed) + 1)
            return len(sealed) + 1

    def renew(self, lines: Iterable[bytes]) -> None:
        """Begin it anew with these lines. Raises `ConfigError`."""
        with self._locked():
            before, sealed = _FIRST, []
            for line in lines:
                before = self._sealed(line, before)
                sealed.append(before)
            write_durably(self.path, b"".join(line + b"\n" for line in sealed))
            self._note(len(sealed))

    def _read(self) -> Read:
        noted = self._noted()
        if not self.path.exists():
            return Read((), "it is gone" if noted is not None else "")
        try:
            sealed = self._whole_lines()
        except ConfigError as error:
            return Read((), error.message)
        lines, damage, before = [], "", _FIRST
        for number, line in enumerate(sealed, start=1):
            opened = self._opened(line, before)
            before = line
            if opened is None:
                damage = damage or f"line {number} was changed, or one before it is missing"
            else:
                lines.append(opened)
        if not damage and (noted is None or len(sealed) < noted):
            damage = "its end is missing" if noted is not None else f"{self._count_file.name} is missing"
        return Read(tuple(lines), damage)

    def _whole_lines(self) -> list[bytes]:
        """Every line but a last one without its end: it is what a crash left, and the call it tells of was not made."""
        try:
            return self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be read: {error.strerror}", fix="mend its permissions"
            ) from error

    def _append(self, sealed: bytes, *, after: list[bytes]) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                file.truncate(sum(len(line) + 1 for line in after))
                file.seek(0, os.SEEK_END)
                file.write(sealed + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigError(
                f"cannot write {self.path}: {error.strerror}",
                fix=f"make room in {self.path.parent}, or make it a directory that you may write to",
            ) from error

    def _note(self, count: int) -> None:
        write_durably(self._count_file, self._sealed(str(count).encode(), _COUNT))

    def _noted(self) -> int | None:
        """How many lines there should be; None where no note is there that opens."""
        try:
            opened = self._opened(self._count_file.read_bytes(), _COUNT)
        except OSError:
            return None
        return int(opened) if opened is not None else None

    def _sealed(self, content: bytes, before: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return base64.b64encode(nonce + AESGCM(self.key).encrypt(nonce, content, before))

    def _opened(self, line: bytes, before: bytes) -> bytes | None:
        try:
            sealed = base64.b64decode(line, validate=True)
            return AESGCM(self.key).decrypt(sealed[:_NONCE], sealed[_NONCE:], before)
        except (InvalidTag, ValueError):
            return None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        make_private_directory(self.path.parent)
        lock = FileLock(f"{self.path}.lock", timeout=self.lock_seconds, mode=0o600)
        try:
            with lock:
                yield
        except Timeout as error:
            raise ConfigError(
                f"{self.path} is being written to by another program", fix="wait for it, or end it"
            ) from error
