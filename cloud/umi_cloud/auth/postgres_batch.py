"""Statements to PostgreSQL, as many as wait in one message, over libpq's pipeline.

psycopg's own pipeline writes to the socket, and looks at it, at every statement; with some ten short ones that is most
of what a transaction costs a front. Values are adapted by psycopg, and statements are prepared once for a connection;
behind a pooler each time.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from umi_cloud.auth.pooler import is_pooled
from umi_cloud.auth.store import Rows

__all__ = ["PostgresBatch"]

PREPARED_MAX = 512
"""Statements that a connection keeps; any more are told in full each time."""
_VALUE = re.compile(r"(?<!:):([a-z_]+)")

_Key = tuple[str, tuple[int, ...]]
"""A statement's text, and the types of its values."""


@dataclass(slots=True)
class _Prepared:
    """The statements that one connection knows."""

    names: dict[_Key, bytes] = field(default_factory=dict)
    made: int = 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A statement under way; `prepares` where it is told in full, which has a result of its own."""

    key: _Key
    prepares: bool


_prepared: WeakKeyDictionary[AsyncConnection[Any], _Prepared] = WeakKeyDictionary()


class PostgresBatch:
    """What goes to the database over one connection: `add` statements, then `send` them together."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._known = _prepared.setdefault(connection, _Prepared())
        self._transformer = Transformer(connection)
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []
        self.answered = False
        """Whether the database has answered anything."""

    def add(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """A statement, whose values are written `:name`."""
        self._waiting.append((sql, values or {}))

    async def send(self) -> list[Rows]:
        """The rows of each statement that waits here, in order.

        Raises psycopg's error of the first that failed, after which none was done; and OperationalError where the
        connection is lost. A connection that answers to nobody any more, as after a cancellation, is closed.
        """
        waiting, self._waiting = self._waiting, []
        pgconn = self._connection.pgconn
        try:
            pgconn.enter_pipeline_mode()
            asked = [self._ask(pgconn, sql, values) for sql, values in waiting]
            pgconn.pipeline_sync()
            results = iter(await _results(pgconn))
            pgconn.exit_pipeline_mode()
        except BaseException:
            await self._connection.close()
            raise
        self.answered = True
        answers = [(one, [next(results) for _ in range(1 + one.prepares)]) for one in asked]
        failed = None
        for one, (first, *_) in answers:
            if one.prepares and first.status != ExecStatus.COMMAND_OK:
                self._known.names.pop(one.key, None)
        for _, mine in answers:
            failed = failed or next((one for one in mine if one.status == ExecStatus.FATAL_ERROR), None)
        if failed is not None:
            raise _error(failed)
        return [self._rows(mine[-1]) for _, mine in answers]

    def _ask(self, pgconn: PGconn, sql: str, values: Mapping[str, Any]) -> _Asked:
        spelt, names = _numbered(sql)
        adapted = self._transformer.dump_sequence(
            [values[name] for name in names], [PyFormat.AUTO] * len(names)
        )
        types = self._transformer.types or ()
        key = (spelt, types)
        name = self._known.names.get(key)
        prepares = name is None
        if name is None:
            name = b""  # the unnamed statement, which lasts until the next
            if len(self._known.names) < PREPARED_MAX and not is_pooled(self._connection):
                self._known.made += 1
                name = self._known.names[key] = b"umi_%d" % self._known.made
            pgconn.send_prepare(name, spelt.encode(), types)
        pgconn.send_query_prepared(name, adapted, self._transformer.formats)
        return _Asked(key, prepares)

    def _rows(self, result: PGresult) -> Rows:
        if not result.ntuples:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)


async def _results(pgconn: PGconn) -> list[PGresult]:
    """Send what is queued, and read up to the sync at its end."""
    loop, descriptor, ready = asyncio.get_running_loop(), pgconn.socket, asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        while pgconn.flush():  # more than the socket takes at once
            loop.add_writer(descriptor, ready.set)
            await ready.wait()
            loop.remove_writer(descriptor)
            ready.clear()
            pgconn.consume_input()
        results: list[PGresult] = []
        while True:
            while pgconn.is_busy():
                await ready.wait()
                ready.clear()
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:  # the end of one statement's
                if pgconn.status != ConnStatus.OK:
                    raise psycopg.OperationalError("the connection is lost")
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return results
            else:
                results.append(result)
    finally:
        loop.remove_reader(descriptor)
        loop.remove_writer(descriptor)


def _error(result: PGresult) -> psycopg.Error:
    state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    try:
        kind = psycopg.errors.lookup(state)
    except KeyError:
        kind = psycopg.DatabaseError if state else psycopg.OperationalError
    return kind(result.error_message.decode(errors="replace"))


@lru_cache(maxsize=256)
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """A statement with numbers for its values, and the names of these in order.

    >>> _numbered("SELECT a::text FROM t WHERE b = :b AND (c = :c OR d = :b)")
    ('SELECT a::text FROM t WHERE b = $1 AND (c = $2 OR d = $1)', ('b', 'c'))
    """
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return _VALUE.sub(number, sql), tuple(names)
