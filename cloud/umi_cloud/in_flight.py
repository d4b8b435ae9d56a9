"""The requests under way: their deadlines, and how a drain waits for them and ends them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from umi_shared.errors import RefusedError

__all__ = ["InFlightRequests"]

_DRAINING_RETRY_SECONDS = 1.0
_ENDING_SECONDS = 5.0
"""How long a request may take that was told to end, so that an engine that hangs does not keep the process alive."""


class InFlightRequests:
    """Knows every request under way. For one event loop."""

    def __init__(self, seconds_max: float) -> None:
        self._seconds_max = seconds_max
        self._clocks: set[asyncio.Timeout] = set()
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._hurry = asyncio.Event()
        self._draining = False

    @property
    def count(self) -> int:
        """Requests under way now, including those that wait for a turn."""
        return len(self._clocks)

    @contextlib.asynccontextmanager
    async def bounded(self, seconds: float | None) -> AsyncIterator[None]:
        """Bound one request by its own deadline and the server's.

        Raises `RefusedError` with the reason DRAINING for a request that comes during a drain or is ended by one, and
        DEADLINE at the deadline.
        """
        if self._draining:
            raise _draining()
        limit = self._seconds_max if seconds is None else min(seconds, self._seconds_max)
        clock = asyncio.timeout(limit)
        self._clocks.add(clock)
        self._all_ended.clear()
        try:
            async with clock:
                yield
        except TimeoutError as error:
            if not clock.expired():
                raise
            if self._draining:
                raise _draining() from error
            raise RefusedError(
                f"the request was not done within {limit:.0f} s",
                reason="DEADLINE",
                fix="try again when the server is less busy, or allow more time",
            ) from error
        finally:
            self._clocks.discard(clock)
            if not self._clocks:
                self._all_ended.set()

    async def drain(self, seconds: float) -> int:
        """Refuse new requests, let the others run for this long (or until `hurry`), then end them.

        Returns how many were ended.
        """
        self._draining = True
        waits = [asyncio.ensure_future(event.wait()) for event in (self._all_ended, self._hurry)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        late = len(self._clocks)
        now = asyncio.get_running_loop().time()
        for clock in self._clocks:
            if not clock.expired():
                clock.reschedule(now)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_ended.wait(), _ENDING_SECONDS)
        return late

    def hurry(self) -> None:
        """End the requests that a drain still waits for."""
        self._hurry.set()


def _draining() -> RefusedError:
    return RefusedError(
        "the server is shutting down",
        reason="DRAINING",
        retry_after_seconds=_DRAINING_RETRY_SECONDS,
        fix="try again: another server, or this one after its restart, will answer",
    )
