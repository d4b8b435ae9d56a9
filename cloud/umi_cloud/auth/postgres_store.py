"""The registry in PostgreSQL, which any number of fronts share (`pip install 'umi-runtime[postgres]'`).

Times are the database's own: fronts whose clocks differ agree. One more connection listens for revocations; where it is
lost, or a pooler in between swallows notices, `changed` returns often enough to look for oneself. Behind a pooler a
session is not ours for longer than a transaction: each says its settings, and all of its statements.
"""

import asyncio
import json
import logging
import math
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from umi_cloud.auth.pooler import is_pooled, note_pooled
from umi_cloud.auth.postgres_batch import PostgresBatch
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
from umi_shared.errors import ConfigError

__all__ = ["SCHEMA_REVISION", "SETTINGS", "PostgresStore", "place_of", "settings_sql", "unavailable"]

T = TypeVar("T")
SCHEMA_REVISION = "0004"
"""The newest step in `migrations/versions`."""
CONNECTIONS = 8
"""At most, for each front; one more listens."""
CONNECTION_SECONDS = 2.0
"""The longest wait for a connection."""
STATEMENT_MILLISECONDS = 5_000
TRY_SECONDS = 6.0
"""The longest that a transaction may take. A database that hangs keeps its connections, and answers nothing at all."""
OFFSET_SECONDS = 1.0
"""How long this machine's clock is believed to go as the database's, once they were compared."""
POLL_SECONDS = 0.5
LISTEN_RETRY_SECONDS = 1.0
TRIES = 3
_PARAMETERS: dict[str, Any] = {
    "connect_timeout": 2,
    # A database behind a broken network is noticed within seconds.
    "tcp_user_timeout": 4_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "application_name": "umi-cloud",
    "prepare_threshold": None,  # what is prepared is prepared by `PostgresBatch`, which knows of poolers
}
SETTINGS: dict[str, int] = {
    # The same the other way round: a row that a server had locked when it went without a word is free within seconds.
    # By itself a database waits two hours for a word of it.
    "tcp_user_timeout": 4_000,
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 2,
}
"""Of each session, in the database."""
_OF_THE_POOL: dict[str, int | str] = {
    "statement_timeout": STATEMENT_MILLISECONDS,
    "idle_in_transaction_session_timeout": 10_000,  # longer than `TRY_SECONDS`: a server that stands still
    "synchronous_commit": "off",
}
_OF_THE_TRANSACTION = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', true)" for name, value in _OF_THE_POOL.items()
)
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"
_AGAIN = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
_log = logging.getLogger("umi_cloud.registry")


class PostgresStore:
    """One PostgreSQL database, whose tables `umi-cloud state migrate` has made."""

    def __init__(self, conninfo: str, *, clock: StoreClock | None = None) -> None:
        """`conninfo` is a `postgresql://` URL as libpq reads it. Raises ConfigError when it isn't one."""
        self._conninfo = conninfo
        self.place = place_of(conninfo)
        self._clock = clock
        self._offset = 0.0
        self._offset_due = -math.inf
        self._changed = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._listening = False
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            conninfo,
            kwargs={"autocommit": True, **_PARAMETERS},
            min_size=1,
            max_size=CONNECTIONS,
            open=False,
            configure=_configure,
            timeout=CONNECTION_SECONDS,
            reconnect_timeout=CONNECTION_SECONDS,  # after it, the next that asks for a connection tries at once
            name="umi-registry",
        )

    async def open(self) -> None:
        """Connect, and see whether the tables are there. Raises as `Store.open` does."""
        logging.getLogger("psycopg").setLevel(
            logging.ERROR
        )  # an outage is said once, by the registry's watch
        await self._pool.open()
        try:
            await self._check_schema()
        except BaseException:
            await self._pool.close()
            raise
        self._listener = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Close all connections."""
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        await self._pool.close()

    async def read(self, operation: Callable[[float], Operation[T]]) -> T:
        """Run an operation that only reads."""
        return await self._tries(operation, durable=False)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        """All rows as they are now, over a connection of its own."""
        try:
            connection = await AsyncConnection.connect(self._conninfo, autocommit=True, **_PARAMETERS)
            async with connection:
                await note_pooled(connection)
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                await connection.execute(
                    settings_sql({**SETTINGS, "statement_timeout": STATEMENT_MILLISECONDS}, local=True)
                )
                await connection.execute("SELECT 1 FROM devices LIMIT 1")  # it begins with the first read
                yield _Snapshot(connection, self._conninfo, self.now)
        except psycopg.Error as error:
            raise unavailable(self._conninfo, error) from error

    async def write(self, operation: Callable[[float], Operation[T]], *, durable: bool) -> T:
        """Run an operation in one transaction."""
        return await self._tries(operation, durable=durable)

    async def changed(self, seconds: float) -> None:
        """Wait for a notice; where none can come, not longer than a revocation may go unseen."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds if self._listening else min(seconds, POLL_SECONDS)):
                await self._changed.wait()
        self._changed.clear()

    # Transactions.

    async def _tries(self, operation: Callable[[float], Operation[T]], *, durable: bool) -> T:
        for attempt in range(1, TRIES + 1):
            transaction = _Transaction(durable=durable, asks_time=time.monotonic() >= self._offset_due)
            try:
                async with self._pool.connection() as connection:
                    result = await transaction.run(connection, operation(self.now()))
            except (psycopg.Error, PoolTimeout, PoolClosed) as error:
                lost = isinstance(error, psycopg.OperationalError) and not isinstance(
                    error, (PoolTimeout, *_AGAIN)
                )
                if (
                    lost
                ):  # the others in the pool may be of before a restart of the database, or hang like this one
                    await self._pool.drain()
                again = lost and not transaction.committing and not transaction.hung
                if attempt == TRIES or not (again or isinstance(error, _AGAIN)):
                    raise unavailable(self._conninfo, error) from error
            else:
                if transaction.database_time is not None:
                    self._offset = transaction.database_time - time.time()
                    self._offset_due = time.monotonic() + OFFSET_SECONDS
                return result
        raise AssertionError("the last try returns or raises")

    def now(self) -> float:
        """The time of the registry."""
        return self._clock().timestamp() if self._clock else time.time() + self._offset

    async def _check_schema(self) -> None:
        def revision(_now: float) -> Operation[str]:
            (there,) = yield (Read("SELECT to_regclass('alembic_version')::text", {}),)
            if there[0][0] is None:
                return ""
            (found,) = yield (Read("SELECT version_num FROM alembic_version", {}),)
            return str(found[0][0]) if found else ""

        found = await self.read(revision)
        if found != SCHEMA_REVISION:
            what = f"are of another version ({found})" if found else "are not there yet"
            raise ConfigError(
                f"the registry's tables in {self.place} {what}",
                fix="run `umi-cloud state migrate` with this version of umi-cloud",
            )

    # Notices.

    async def _listen(self) -> None:
        while True:
            try:
                async with await AsyncConnection.connect(
                    self._conninfo, autocommit=True, **_PARAMETERS
                ) as connection:
                    if await note_pooled(connection):
                        _log.info(
                            "a pooler stands before the database: revocations are looked for, not heard of"
                        )
                        return
                    await connection.execute(f"{settings_sql(SETTINGS)}; LISTEN umi_revocations")
                    self._listening = True
                    self._changed.set()  # what came before is found by looking
                    async for _ in connection.notifies():
                        self._changed.set()
            except (psycopg.Error, OSError) as error:
                _log.debug("not listening: %s", type(error).__name__)
            self._listening = False
            self._changed.set()
            await asyncio.sleep(LISTEN_RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Reads in a transaction that is open for as long as this is used."""

    _connection: AsyncConnection[Any]
    _conninfo: str = field(repr=False)
    _now: Callable[[], float]

    async def read(self, operation: Callable[[float], Operation[T]]) -> T:
        """Run an operation that only reads."""
        running = operation(self._now())
        try:
            statements = next(running)
            while True:
                batch = PostgresBatch(self._connection)
                _add(batch, statements)
                statements = running.send(_read(statements, await batch.send()))
        except StopIteration as done:
            result: T = done.value
            return result
        except psycopg.Error as error:
            raise unavailable(self._conninfo, error) from error


class _Transaction:
    """One run of one operation. Statements go out together, without waiting for each other's answer."""

    def __init__(self, *, durable: bool, asks_time: bool) -> None:
        self._durable = durable
        self._asks_time = asks_time
        self.committing = False
        self.hung = False
        self.database_time: float | None = None

    async def run(self, connection: AsyncConnection[Any], operation: Operation[T]) -> T:
        """Raises psycopg's OperationalError, with `hung`, for a database that gives no answer in time."""
        timer = asyncio.get_running_loop().call_later(TRY_SECONDS, self._hang_up, connection)
        try:
            return await self._run(connection, operation)
        finally:
            timer.cancel()

    def _hang_up(self, connection: AsyncConnection[Any]) -> None:
        # Not by cancelling: psycopg would ask the database to cancel, and wait for its answer.
        self.hung = True
        with suppress(OSError, psycopg.Error):
            ours = socket.socket(fileno=connection.fileno())
            try:
                ours.shutdown(socket.SHUT_RDWR)
            finally:
                ours.detach()

    async def _run(self, connection: AsyncConnection[Any], operation: Operation[T]) -> T:
        batch = PostgresBatch(connection)
        pooled = is_pooled(connection)
        batch.add("BEGIN")
        if pooled:
            batch.add(_OF_THE_TRANSACTION)
        if self._durable:
            batch.add("SET LOCAL synchronous_commit = on")
        if self._asks_time:
            batch.add(_CLOCK)
        before = 1 + pooled + self._durable + self._asks_time
        try:
            statements = next(operation)
            while True:
                _add(batch, statements)
                found: list[Rows] = []
                if any(isinstance(one, Read) for one in statements):
                    rows = await batch.send()
                    if self._asks_time and self.database_time is None:
                        self.database_time = rows[before - 1][0][0]
                    found = _read(statements, rows[len(rows) - len(statements) :])
                statements = operation.send(found)
        except StopIteration as done:
            result: T = done.value
        if not batch.answered:
            await batch.send()  # of a connection that was lost long ago it is known that nothing was done
        self.committing = True
        batch.add("COMMIT")
        await batch.send()
        return result


def _add(batch: PostgresBatch, statements: Sequence[Read | Write]) -> None:
    for one in statements:
        lock = isinstance(one, Read) and one.lock
        batch.add(_spelled(one.sql, lock=lock), _values(one))


def _read(statements: Sequence[Read | Write], rows: Sequence[Rows]) -> list[Rows]:
    return [found for one, found in zip(statements, rows, strict=True) if isinstance(one, Read)]


@lru_cache(maxsize=256)
def _spelled(sql: str, *, lock: bool) -> str:
    """A statement whose given rows PostgreSQL can read, and which locks what it finds."""
    return with_rows(sql, _recordset) + (" FOR UPDATE" if lock else "")


def _recordset(columns: Sequence[tuple[str, str]]) -> str:
    return (
        f"jsonb_to_recordset(:given::jsonb) AS given({', '.join(f'{name} {kind}' for name, kind in columns)})"
    )


def _values(statement: Read | Write) -> dict[str, Any]:
    rows = statement.values.get("given")
    return statement.values if rows is None else {**statement.values, "given": json.dumps(rows)}


async def _configure(connection: AsyncConnection[Any]) -> None:
    async with asyncio.timeout(CONNECTION_SECONDS):
        if not await note_pooled(connection):  # or they would be those of whoever has the session next
            await connection.execute(settings_sql({**SETTINGS, **_OF_THE_POOL}))


def settings_sql(settings: Mapping[str, int | str], *, local: bool = False) -> str:
    """Statements that give a session its settings, or with `local` a transaction.

    >>> settings_sql({"statement_timeout": 5000, "synchronous_commit": "off"})
    'SET statement_timeout = 5000; SET synchronous_commit = off'
    """
    how = "SET LOCAL" if local else "SET"
    return "; ".join(f"{how} {name} = {value}" for name, value in settings.items())


def unavailable(conninfo: str, error: Exception) -> RegistryUnavailableError:
    """What went wrong by its kind only: the database's own words may hold a statement's values."""
    return RegistryUnavailableError(
        f"the registry of devices in {place_of(conninfo)} cannot be used: {type(error).__name__}",
        fix="check that the database runs, and that its address, user and password are right",
    )


def place_of(conninfo: str) -> str:
    """Where a database is, without a password. Raises ConfigError for what is no address."""
    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        # `from None`: the text may hold a password, and psycopg quotes it.
        raise ConfigError(
            "`state` is not a PostgreSQL address", fix="write postgresql://USER@HOST/DATABASE"
        ) from None
    host = parts.get("host") or parts.get("hostaddr") or "this machine"
    return f"PostgreSQL database {parts.get('dbname') or 'of its user'} on {host}"
