"""Renews this device's certificate beside whatever it is used for: nothing waits for it, and a failure ends nothing.

A certificate is good for days after it can be renewed first, so there is time to try again. One that has ended, because
the laptop was off, is renewed before the session: nothing could be done with it.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from umi_edge.connection.connection import CLOCKS_DIFFER, Connection
from umi_edge.connection.enroll import EnrolmentTimeouts, renew, renew_late
from umi_edge.connection.kept_renewal import clear, kept_renewal, taken_up
from umi_edge.connection.presence import is_there
from umi_shared.errors import RefusedError, TransportError, UmiError

__all__ = ["Renewals", "in_date", "renewal_due"]

RETRY_SECONDS = 600.0
"""The shortest time between two tries of one process."""
LEAVE_SECONDS = 3.0
"""How long a program that ends waits for a renewal that it has begun."""
_SHARE = 3
"""A certificate is renewed in the last third of its life."""
PATIENCE_SECONDS = 120.0
"""How long a planner that is full is asked again."""
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_BUSY = ("RATE_LIMITED", "OVERLOADED", "STATE_UNAVAILABLE")
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


async def in_date(
    connection: Connection,
    now: datetime,
    *,
    tell: Callable[[str], None] = lambda _line: None,
    left_in: Path | None = None,
) -> Connection:
    """The same connection; or a new one, where the certificate has ended, or ends within what clocks may be apart.

    A planner that is full, as when all laptops of a company come back at once, is asked again for two minutes; `tell`
    is given a line for the user then. Where it renews this certificate no more, what a move has left is taken up; it is
    looked for in `left_in`, by default the connection's own directory. Raises RefusedError where the planner does not
    renew it, TransportError, MalformedError; nothing while the certificate may still be good.
    """
    if now < connection.expires - CLOCKS_DIFFER:
        clear(connection)
        return connection
    ended = now >= connection.expires + CLOCKS_DIFFER
    try:
        return await (_patiently(connection, tell) if ended else renew_late(connection, timeouts=_IN_DOUBT))
    except TransportError as error:
        if not ended:
            return connection
        raise TransportError(
            f"this laptop's certificate has ended, and it cannot be renewed now: {error.message}",
            fix=error.fix,
        ) from error
    except (UmiError, OSError) as error:
        later = isinstance(error, RefusedError) and error.reason == "CERTIFICATE_EXPIRED"
        left = kept_renewal(connection, left_in or connection.directory) if later else None
        if left is not None:
            return await in_date(await taken_up(connection, left), now, tell=tell, left_in=left_in)
        if not ended:
            return connection
        raise


async def _patiently(connection: Connection, tell: Callable[[str], None]) -> Connection:
    """Renew late, however many others do. Raises as `renew_late` does."""
    loop = asyncio.get_running_loop()
    end, pause, lost, there = loop.time() + PATIENCE_SECONDS, _PAUSE_SECONDS, False, False
    while True:
        try:
            return await renew_late(connection)
        except RefusedError as error:
            wait = error.retry_after_seconds or 0.0
            if error.reason not in _BUSY:
                raise
            failure: UmiError = error
            there = True
        except TransportError as error:
            there = there or (lost and await is_there(connection))
            if lost and not there:  # a port that is full ends connections, too
                raise
            failure, wait, lost = error, 0.0, True
        wait += random.uniform(0.5, 1.5) * pause  # noqa: S311  # a spread, and no secret
        if loop.time() + wait > end:
            raise failure
        if pause == _PAUSE_SECONDS:
            tell(f"{failure.message}: trying to renew this laptop's certificate for two minutes.")
        await asyncio.sleep(wait)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


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
