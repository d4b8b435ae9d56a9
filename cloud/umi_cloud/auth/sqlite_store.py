"""The registry in one SQLite file, which the server and the operator's commands on one machine share.

Each operation runs whole in a thread of the store's own, so a file that is locked or a slow disk never stops the event
loop.
"""

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from umi_cloud.auth.store import (
    Operation,
    Read,
    Reader,
    RegistryUnavailableError,
    Rows,
    StoreClock,
    Write,
    with_rows,
)
from umi_shared.durable_file import make_private_directory
from umi_shared.errors import ConfigError

__all__ = ["SqliteStore"]

T = TypeVar("T")
FILE_NAME = "devices.sqlite"
SCHEMA_VERSION = 5
BUSY_TIMEOUT_SECONDS = 5.0
POLL_SECONDS = 0.5
"""How soon a revocation by another process is seen; within a second, as everywhere."""

# From one version to the next; all are run on a new file. A statement ends with a line.
_VERSIONS = {
    1: """
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
""",
    2: """
ALTER TABLE devices ADD COLUMN bucket_level REAL;
ALTER TABLE devices ADD COLUMN bucket_at REAL;
CREATE INDEX certificates_revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE TABLE fronts (id TEXT PRIMARY KEY, seen_at REAL NOT NULL) STRICT;
CREATE TABLE calls (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, front TEXT NOT NULL REFERENCES fronts (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX calls_of_device ON calls (name);
CREATE INDEX calls_of_front ON calls (front);
""",
    3: """
ALTER TABLE devices ADD COLUMN last_seen_at REAL;
ALTER TABLE devices ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN held_at REAL;
ALTER TABLE tokens ADD COLUMN label TEXT NOT NULL DEFAULT '';
CREATE TABLE audit (
    id TEXT PRIMARY KEY, at REAL NOT NULL, event TEXT NOT NULL, device TEXT NOT NULL,
    serial TEXT NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
    BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit WHEN OLD.at >= CAST(strftime('%s', 'now') AS INTEGER) - 30 * 86400
    BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;
""",
    4: """
ALTER TABLE devices ADD COLUMN owner TEXT;
ALTER TABLE devices ADD COLUMN team TEXT;
ALTER TABLE certificates ADD COLUMN authority TEXT;
ALTER TABLE certificates ADD COLUMN used_at REAL;
""",
    5: """
CREATE TABLE people (
    subject TEXT PRIMARY KEY, name TEXT NOT NULL, seen_at REAL NOT NULL, revoked_at REAL, held_at REAL
) STRICT;
INSERT INTO people (subject, name, seen_at)
    SELECT owner, max(label), max(enrolled_at) FROM devices WHERE owner IS NOT NULL GROUP BY owner;
ALTER TABLE certificates ADD COLUMN followed_day TEXT;
ALTER TABLE certificates ADD COLUMN followed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX audit_backups ON audit (at) WHERE event = 'backed-up';
""",
}


class SqliteStore:
    """One SQLite file in a deployment's state directory."""

    def __init__(self, folder: Path, *, clock: StoreClock | None = None, existing: bool = False) -> None:
        """Where there is no file, `open` makes it; with `existing` that is an error, as for a mistyped folder."""
        self.path = folder / FILE_NAME
        self.place = str(self.path)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._existing = existing
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="umi-registry")
        self._database: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Device and inode of the file that is open."""

    async def open(self) -> None:
        """Open the file. Raises as `Store.open` does."""
        if self._existing and not self.path.is_file():
            raise ConfigError(
                f"there is no registry of devices in {self.path.parent}",
                fix="run `umi-cloud enroll NAME` first, or name the state directory with --state",
            )
        make_private_directory(self.path.parent)
        try:
            await self._in_thread(self._open)
        except RegistryUnavailableError as error:
            await self.close()
            raise ConfigError(error.message, fix=error.fix) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the file, once what is under way is done."""
        if self._database is not None:
            await self._in_thread(self._database.close)
            self._database = None
        self._thread.shutdown()

    async def read(self, operation: Callable[[float], Operation[T]]) -> T:
        """Run an operation that only reads."""
        return await self._in_thread(lambda: _run(self._opened(), operation(self.now())))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        """All rows as they are now: a read transaction of its own sees no later write."""
        database = await self._in_thread(self._begin_snapshot)
        try:
            yield _Snapshot(lambda work: self._in_thread(lambda: work(database)), self.now)
        finally:
            await self._in_thread(database.close)

    async def write(self, operation: Callable[[float], Operation[T]], *, durable: bool) -> T:
        """Run an operation in one transaction."""
        return await self._in_thread(lambda: self._transaction(operation, durable=durable))

    async def changed(self, seconds: float) -> None:
        """Wait: SQLite tells nobody what other processes write, so look again soon."""
        await asyncio.sleep(min(seconds, POLL_SECONDS))

    # In the thread.

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def explained() -> T:
            with self._explained():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, explained)

    def _open(self) -> None:
        # Made here, so that SQLite's other files get the same mode, which shuts other users out.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connect()

    def _connect(self) -> None:
        file = self._identity()
        database = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA foreign_keys = ON")
            _transact(database, self._prepare(), durable=True)
        except BaseException:
            database.close()
            raise
        if self._database is not None:
            self._database.close()
        self._database, self._file = database, file

    def _begin_snapshot(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM devices").fetchall()  # it begins with the first read
        except BaseException:
            database.close()
            raise
        return database

    def _prepare(self) -> Operation[None]:
        ((version,),) = (yield (Read("PRAGMA user_version", {}),))[0]
        if version > SCHEMA_VERSION:
            raise ConfigError(
                f"{self.path} was written by another version of umi-cloud (schema {version})",
                fix="run the umi-cloud that wrote it, or restore the file from your backup",
            )
        for number in range(version + 1, SCHEMA_VERSION + 1):
            yield [Write(one, {}) for one in filter(str.strip, _VERSIONS[number].split(";\n"))]
        yield (Write(f"PRAGMA user_version = {SCHEMA_VERSION}", {}),)

    def _transaction(self, operation: Callable[[float], Operation[T]], *, durable: bool) -> T:
        return _transact(self._opened(), operation(self.now()), durable=durable)

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            raise RegistryUnavailableError(f"the registry of devices {self.path} is closed")
        if self._identity() != self._file:
            self._follow()
        return self._database

    def _identity(self) -> tuple[int, int]:
        """Which file is at the path. Raises `OSError` where there is none."""
        found = self.path.stat()
        return found.st_dev, found.st_ino

    def _follow(self) -> None:
        """Go over to the file that was put in the place of the open one.

        The operator's commands write that one, so who is revoked there would else go on here.
        """
        try:
            self._connect()
        except ConfigError as error:
            raise RegistryUnavailableError(error.message, fix=error.fix) from error

    def now(self) -> float:
        """The time of the registry."""
        return self._clock().timestamp()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise RegistryUnavailableError(
                f"the registry of devices {self.path} cannot be used: {error}",
                fix="check the disk and the file's owner; if it is damaged, restore it from your backup",
            ) from error


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Reads in a transaction that is open for as long as this is used."""

    _do: Callable[[Callable[[sqlite3.Connection], Any]], Awaitable[Any]]
    _now: Callable[[], float]

    async def read(self, operation: Callable[[float], Operation[T]]) -> T:
        """Run an operation that only reads."""
        found: T = await self._do(lambda database: _run(database, operation(self._now())))
        return found


def _transact(database: sqlite3.Connection, operation: Operation[T], *, durable: bool) -> T:
    # NORMAL survives a kill; FULL survives a power cut, too, and costs an fsync.
    database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    database.execute("BEGIN IMMEDIATE")
    try:
        result = _run(database, operation)
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # a full disk makes SQLite roll back by itself
            database.execute("ROLLBACK")
        raise
    return result


def _run(database: sqlite3.Connection, operation: Operation[T]) -> T:
    try:
        batch = next(operation)
        while True:
            batch = operation.send(_rows(database, batch))
    except StopIteration as done:
        result: T = done.value
        return result


def _rows(database: sqlite3.Connection, batch: Sequence[Read | Write]) -> list[Rows]:
    found = []
    for statement in batch:
        cursor = database.execute(_spelled(statement.sql), _values(statement))
        if isinstance(statement, Read):
            found.append(cursor.fetchall())
    return found


@lru_cache(maxsize=256)
def _spelled(sql: str) -> str:
    return with_rows(sql, _rows_of_json)


def _rows_of_json(columns: Sequence[tuple[str, str]]) -> str:
    names = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name, _ in columns)
    return f"(SELECT {names} FROM json_each(:given)) AS given"  # noqa: S608  # constants


def _values(statement: Read | Write) -> dict[str, Any]:
    rows = statement.values.get("given")
    return statement.values if rows is None else {**statement.values, "given": json.dumps(rows)}
