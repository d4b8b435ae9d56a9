"""Which devices, certificates and one-time tokens are accepted, and how much each device has used.

One SQLite file, shared by the server and the operator's commands: a revocation is a committed row, so it holds
from the next call on, in every process.

Invariants: a token is kept as its SHA-256 only; a token gives one certificate, even to two redeemers at once;
what was revoked stays so after a crash or a power cut.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from umi_cloud.auth.authority import SignedCertificate
from umi_shared.durable_file import make_private_directory
from umi_shared.enrolment_token import check_device_name
from umi_shared.errors import ConfigError, RefusedError

__all__ = ["DeviceRecord", "Registry", "Standing"]

FILE_NAME = "devices.sqlite"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_SECONDS = 5.0
TOKENS_KEPT_DAYS = 30

_SCHEMA = """
CREATE TABLE devices (
    name TEXT PRIMARY KEY, enrolled_at REAL NOT NULL, revoked_at REAL,
    requests INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY, name TEXT NOT NULL REFERENCES devices (name),
    issued_at REAL NOT NULL, expires_at REAL NOT NULL, revoked_at REAL
) STRICT;
CREATE INDEX certificates_of_device ON certificates (name);
CREATE TABLE tokens (
    digest BLOB PRIMARY KEY, name TEXT NOT NULL, created_at REAL NOT NULL,
    expires_at REAL NOT NULL, used_at REAL
) STRICT;
CREATE TABLE spending (
    name TEXT NOT NULL, day TEXT NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (name, day)
) STRICT;
"""


class Standing(StrEnum):
    """Whether a certificate is accepted."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    INVITED = "invited"
    """A device with a token that it has not used yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """One device, as the operator sees it."""

    name: str
    standing: Standing
    serial: str
    """The serial number of its newest certificate; empty before it has one."""
    issued: datetime | None
    expires: datetime | None
    """When its certificate ends, or its token while it is invited."""
    revoked: datetime | None
    requests: int
    """Requests so far."""
    tokens: int
    """Model tokens so far, read and written."""


class Registry:
    """The devices of one deployment. One object may be used by several threads."""

    def __init__(self, state: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open the registry in the directory `state`, and make it where there is none."""
        self.path = state / FILE_NAME
        self._clock = clock
        self._lock = threading.Lock()
        make_private_directory(state)
        with self._explained():
            # Made here, so that SQLite's other files get the same mode, which shuts other users out.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def existing(cls, state: Path) -> Self:
        """Open the registry, but make none: a mistyped directory is an error. Raises ConfigError."""
        if not (state / FILE_NAME).is_file():
            raise ConfigError(
                f"there is no registry of devices in {state}",
                fix="run `umi-cloud enroll NAME` first, or name the state directory with --state",
            )
        return cls(state)

    def close(self) -> None:
        """Close the file; the registry cannot be used any more."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Tokens and certificates.

    def add_token(self, name: str, digest: bytes, valid: timedelta) -> datetime:
        """Let the token with this SHA-256 enrol `name` once; returns when it expires."""
        check_device_name(name)
        now = self._now()
        expires = now + valid.total_seconds()
        with self._transaction(durable=True) as database:
            database.execute("DELETE FROM tokens WHERE expires_at < ?", (now - TOKENS_KEPT_DAYS * 86_400,))
            database.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, NULL)", (digest, name, now, expires))
        return datetime.fromtimestamp(expires, UTC)

    def redeem(self, digest: bytes, issue: Callable[[str], SignedCertificate]) -> SignedCertificate:
        """Spend a token and record the certificate that `issue(name)` signs, in one transaction.

        When `issue` raises, the token is not spent. Older certificates of the device are refused from now on: enrolling
        a name again is how an operator replaces a lost laptop.
        Raises RefusedError: TOKEN_UNKNOWN, TOKEN_USED, TOKEN_EXPIRED.
        """
        with self._transaction(durable=True) as database:
            now = self._now()
            name = self._spend_token(database, digest, now)
            certificate = issue(name)
            _revoke_certificates(database, name, now)
            database.execute(
                "INSERT INTO devices (name, enrolled_at) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET enrolled_at = excluded.enrolled_at, revoked_at = NULL",
                (name, now),
            )
            _insert_certificate(database, certificate)
        return certificate

    def add_certificate(self, certificate: SignedCertificate) -> None:
        """Record a renewal; the certificate before it is accepted until it expires, in case the reply gets lost.

        Raises RefusedError (CERTIFICATE_REVOKED) when the device was shut out in the meantime.
        """
        with self._transaction(durable=True) as database:
            row = database.execute(
                "SELECT revoked_at FROM devices WHERE name = ?", (certificate.name,)
            ).fetchone()
            if row is None or row[0] is not None:
                raise RefusedError(f"{certificate.name} was revoked", reason="CERTIFICATE_REVOKED")
            _insert_certificate(database, certificate)

    def revoke(self, name: str) -> bool:
        """Shut a device out, its unused tokens too; False when there is no such device."""
        now = self._now()
        with self._transaction(durable=True) as database:
            tokens = database.execute("DELETE FROM tokens WHERE name = ? AND used_at IS NULL", (name,))
            devices = database.execute(
                "UPDATE devices SET revoked_at = coalesce(revoked_at, ?) WHERE name = ?", (now, name)
            )
            _revoke_certificates(database, name, now)
        return bool(tokens.rowcount or devices.rowcount)

    def standing(self, name: str, serial: str) -> Standing:
        """Whether this certificate of this device is accepted now; read from the file at every call."""
        row = self._row(
            "SELECT coalesce(c.revoked_at, d.revoked_at), c.expires_at FROM certificates c"
            " JOIN devices d ON d.name = c.name WHERE c.serial = ? AND c.name = ?",
            (serial, name),
        )
        if row is None:
            return Standing.UNKNOWN
        return _standing(row[0], row[1], self._now())

    def is_active(self, name: str, serial: str) -> bool:
        """Whether a call with this certificate may go on."""
        return self.standing(name, serial) is Standing.ACTIVE

    def expires(self, serial: str) -> datetime:
        """When a certificate ends. Raises RefusedError (CERTIFICATE_UNKNOWN)."""
        row = self._row("SELECT expires_at, 0 FROM certificates WHERE serial = ?", (serial,))
        if row is None:
            raise RefusedError(
                "the certificate is not in this server's registry", reason="CERTIFICATE_UNKNOWN"
            )
        return datetime.fromtimestamp(row[0], UTC)

    # What devices use.

    def count_request(self, name: str) -> None:
        """Add one to the device's requests."""
        with self._transaction() as database:
            database.execute("UPDATE devices SET requests = requests + 1 WHERE name = ?", (name,))

    def spend_tokens(self, name: str, day: date, tokens: int) -> None:
        """Add model tokens to the device's total and to its day (UTC)."""
        with self._transaction() as database:
            database.execute("UPDATE devices SET tokens = tokens + ? WHERE name = ?", (tokens, name))
            database.execute(
                "INSERT INTO spending VALUES (?, ?, ?)"
                " ON CONFLICT (name, day) DO UPDATE SET tokens = tokens + excluded.tokens",
                (name, day.isoformat(), tokens),
            )

    def tokens_spent(self, name: str, day: date) -> int:
        """Model tokens the device used on `day` (UTC)."""
        row = self._row("SELECT tokens FROM spending WHERE name = ? AND day = ?", (name, day.isoformat()))
        return int(row[0]) if row else 0

    def devices(self) -> tuple[DeviceRecord, ...]:
        """All devices by name, with the newest certificate of each, and those invited."""
        now = self._now()
        with self._lock, self._explained():
            enrolled = self._database.execute(
                "SELECT d.name, d.requests, d.tokens, c.serial, c.issued_at, c.expires_at,"
                " coalesce(c.revoked_at, d.revoked_at), max(c.rowid)"
                " FROM devices d JOIN certificates c ON c.name = d.name GROUP BY d.name"
            ).fetchall()
            invited = self._database.execute(
                "SELECT name, max(expires_at) FROM tokens WHERE used_at IS NULL AND expires_at > ?"
                " AND name NOT IN (SELECT name FROM devices) GROUP BY name",
                (now,),
            ).fetchall()
        records = [_record(row, now) for row in enrolled] + [_invitation(*row) for row in invited]
        return tuple(sorted(records, key=lambda record: record.name))

    # The file.

    def _now(self) -> float:
        return self._clock().timestamp()

    def _prepare(self) -> None:
        with self._explained():
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA foreign_keys = ON")
        with self._transaction(durable=True) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                # Not executescript(): it would commit before it starts.
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise ConfigError(
                    f"{self.path} was written by another version of umi-cloud (schema {version})",
                    fix="run the umi-cloud that wrote it, or restore the file from your backup",
                )

    @contextmanager
    def _transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing, also across a kill; `durable` means across a power cut too (costs an fsync)."""
        with self._lock, self._explained():
            self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk makes SQLite roll back by itself
                    self._database.execute("ROLLBACK")
                raise

    def _row(self, query: str, values: tuple[str, ...]) -> tuple[Any, ...] | None:
        with self._lock, self._explained():
            row: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
        return row

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"the registry of devices {self.path} cannot be used: {error}",
                fix="check the disk and the file's owner; if it is damaged, restore it from your backup",
            ) from error

    def _spend_token(self, database: sqlite3.Connection, digest: bytes, now: float) -> str:
        # The lookup by index is not constant-time, and need not be: whoever guesses does not choose the
        # digest's bytes, only a secret's, and SHA-256 stands between the two.
        row = database.execute(
            "SELECT name, used_at, expires_at FROM tokens WHERE digest = ?", (digest,)
        ).fetchone()
        if row is None:
            raise _token_refused("is not known here", "TOKEN_UNKNOWN")
        name, used_at, expires_at = row
        if used_at is not None:
            raise _token_refused("was used already", "TOKEN_USED")
        if expires_at <= now:
            raise _token_refused("has expired", "TOKEN_EXPIRED")
        database.execute("UPDATE tokens SET used_at = ? WHERE digest = ?", (now, digest))
        return str(name)


def _token_refused(what: str, reason: str) -> RefusedError:
    return RefusedError(
        f"the enrolment token {what}",
        reason=reason,
        fix="ask your operator for a new one (`umi-cloud enroll`)",
    )


def _revoke_certificates(database: sqlite3.Connection, name: str, now: float) -> None:
    database.execute(
        "UPDATE certificates SET revoked_at = coalesce(revoked_at, ?) WHERE name = ?", (now, name)
    )


def _insert_certificate(database: sqlite3.Connection, certificate: SignedCertificate) -> None:
    times = (certificate.issued.timestamp(), certificate.expires.timestamp())
    database.execute(
        "INSERT INTO certificates VALUES (?, ?, ?, ?, NULL)", (certificate.serial, certificate.name, *times)
    )


def _standing(revoked_at: float | None, expires_at: float, now: float) -> Standing:
    if revoked_at is not None:
        return Standing.REVOKED
    return Standing.EXPIRED if expires_at <= now else Standing.ACTIVE


def _record(row: tuple[str, int, int, str, float, float, float | None, int], now: float) -> DeviceRecord:
    name, requests, tokens, serial, issued_at, expires_at, revoked_at, _ = row
    return DeviceRecord(
        name=name,
        standing=_standing(revoked_at, expires_at, now),
        serial=serial,
        issued=datetime.fromtimestamp(issued_at, UTC),
        expires=datetime.fromtimestamp(expires_at, UTC),
        revoked=None if revoked_at is None else datetime.fromtimestamp(revoked_at, UTC),
        requests=requests,
        tokens=tokens,
    )


def _invitation(name: str, expires_at: float) -> DeviceRecord:
    return DeviceRecord(
        name=name,
        standing=Standing.INVITED,
        serial="",
        issued=None,
        expires=datetime.fromtimestamp(expires_at, UTC),
        revoked=None,
        requests=0,
        tokens=0,
    )
