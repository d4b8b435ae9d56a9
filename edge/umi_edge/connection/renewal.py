"""Renews this device's certificate beside whatever it is used for: nothing waits for it, and a failure ends nothing.

A certificate is good for days after it can be renewed first, so there is time to try again. One that has ended, because
the laptop was off, is renewed before the session: nothing could be done with it.
"""

import asyncio
import hashlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from umi_edge.connection.connection import CLOCKS_DIFFER, Connection
from umi_edge.connection.enroll import EnrolmentTimeouts, renew, renew_late
from umi_shared.errors import TransportError, UmiError

__all__ = ["Renewals", "in_date", "renewal_due"]

RETRY_SECONDS = 600.0
"""The shortest time between two tries of one process."""
LEAVE_SECONDS = 3.0
"""How long a program that ends waits for a renewal that it has begun."""
_SHARE = 3
"""A certificate is renewed in the last third of its life."""
_IN_DOUBT = EnrolmentTimeouts(call_seconds=5.0)
"""How long a session waits where the certificate may be good yet."""


class Renewals:
    """The renewals of one connection, for as long as a program runs. For one event loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._task: asyncio.Task[Connection | None] | None = None
        self._tried_at: float | None = None

    def poke(self, now: datetime | None = None) -> None:
        """Begin a renewal where it is due, none runs, and none failed a moment ago."""
        at = asyncio.get_running_loop().time()
        rested = self._tried_at is None or at - self._tried_at >= RETRY_SECONDS
        if self._task is None and rested and renewal_due(self._connection, now or datetime.now(UTC)):
            self._tried_at = at
            self._task = asyncio.create_task(self._try())

    def renewed(self) -> Connection | None:
        """The new connection, once, when a renewal has ended well."""
        if self._task is None or not self._task.done():
            return None
        connection = self._task.result()
        self._task = None
        self._connection = connection or self._connection
        return connection

    async def late(self) -> Connection | None:
        """The new connection, when the certificate had ended. Raises as `in_date` does."""
        connection = await in_date(self._connection, datetime.now(UTC))
        if connection is self._connection:
            return None
        self._connection = connection
        return connection

    async def close(self) -> None:
        """Let a renewal that runs end soon, or give it up."""
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=LEAVE_SECONDS)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _try(self) -> Connection | None:
        try:
            return await renew(self._connection)
        except (UmiError, OSError):  # the certificate is good yet; `umi doctor` says until when
            return None


async def in_date(connection: Connection, now: datetime) -> Connection:
    """The same connection; or a new one, where the certificate has ended, or ends within what clocks may be apart.

    Raises RefusedError where the planner does not renew it, TransportError, MalformedError; nothing while the
    certificate may still be good.
    """
    if now < connection.expires - CLOCKS_DIFFER:
        return connection
    ended = now >= connection.expires + CLOCKS_DIFFER
    try:
        return await renew_late(connection, timeouts=EnrolmentTimeouts() if ended else _IN_DOUBT)
    except TransportError as error:
        if not ended:
            return connection
        raise TransportError(
            f"this laptop's certificate has ended, and it cannot be renewed now: {error.message}",
            fix=error.fix,
        ) from error
    except (UmiError, OSError):
        if not ended:
            return connection
        raise


def renewal_due(connection: Connection, now: datetime) -> bool:
    """Whether it is time to renew: some time in the last third of the certificate's life, before it ends.

    When exactly differs from device to device, over half of that time: laptops that were enrolled together do not all
    come back together.
    """
    third = (connection.expires - connection.starts) / _SHARE
    word = f"{connection.device}\0{connection.starts.isoformat()}".encode()
    place = int.from_bytes(hashlib.sha256(word).digest()[:8]) / 2**64
    due = connection.expires - third + timedelta(seconds=third.total_seconds() / 2 * place)
    return due <= now < connection.expires
