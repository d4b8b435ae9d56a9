"""Whether a pooler, such as PgBouncer, stands between this process and PostgreSQL.

Behind one, the next transaction may run in another session: nothing can be left in a session for later, so no prepared
statements, no settings and no listening. Covered: poolers that answer a client themselves when it connects, in whatever
mode. Not covered: one that shares statements out and not transactions (PgBouncer's `pool_mode = statement`): it refuses
transactions, and its own words say so.
"""

from typing import Any
from weakref import WeakSet

from psycopg import AsyncConnection, Connection

__all__ = ["OWN_PROCESS", "is_pooled", "note_pooled", "serves_itself"]

OWN_PROCESS = "SELECT pg_backend_pid()"
_pooled: WeakSet[AsyncConnection[Any]] = WeakSet()


def serves_itself(connection: Connection[Any] | AsyncConnection[Any], process: object) -> bool:
    """Whether the database's process that runs our statements (`OWN_PROCESS`) is the one that we have connected to."""
    return connection.info.backend_pid == process


async def note_pooled(connection: AsyncConnection[Any]) -> bool:
    """Look whether there is a pooler, and remember it of this connection."""
    row = await (await connection.execute(OWN_PROCESS)).fetchone()
    pooled = row is None or not serves_itself(connection, row[0])
    if pooled:
        _pooled.add(connection)
    return pooled


def is_pooled(connection: AsyncConnection[Any]) -> bool:
    """What `note_pooled` found."""
    return connection in _pooled
