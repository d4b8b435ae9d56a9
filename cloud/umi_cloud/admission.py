"""Admission control: how many requests run, how many wait, and whose turn is next."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from umi_shared.errors import RefusedError

__all__ = ["Admission", "AdmissionLimits"]

_SMOOTHING = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionLimits:
    """How many requests may run and wait at once."""

    running: int = 8
    """Requests in the engine at once."""
    queued: int = 64
    """Requests that may wait for their turn; one more is refused with RESOURCE_EXHAUSTED."""
    queued_per_device: int = 16
    """Waiting requests that one device may have, so that no device can fill the queue alone."""
    retry_seconds_max: float = 30.0
    """The longest wait, in seconds, that a refusal advises."""


class Admission:
    """A bounded queue that is fair to devices: next is the waiting device with the fewest running requests,
    and among equals the one that has waited longest since its last turn.

    For one event loop; no locks.
    """

    def __init__(
        self,
        limits: AdmissionLimits = AdmissionLimits(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._seconds_each = 1.0

    @property
    def running(self) -> int:
        """Requests that run now."""
        return self._running.total()

    @property
    def queued(self) -> int:
        """Requests that wait now."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def slot(self, device: str) -> AsyncIterator[None]:
        """Wait for a turn, and give it back at the end.

        Raises RefusedError (OVERLOADED, with a time to retry after) when the queue, or this device's part of it,
        is full.
        """
        await self._enter(device)
        started = self._clock()
        try:
            yield
        finally:
            took = self._clock() - started
            self._seconds_each += _SMOOTHING * (took - self._seconds_each)
            self._leave(device)

    async def _enter(self, device: str) -> None:
        if self.running < self._limits.running and not self._waiting:
            self._running[device] += 1
            return
        mine = self._waiting.get(device, ())
        if self.queued >= self._limits.queued or len(mine) >= self._limits.queued_per_device:
            raise self._overloaded()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(device, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn came in the same moment: pass it on
                self._leave(device)
            else:
                self._forget(device, turn)
            raise

    def _leave(self, device: str) -> None:
        self._running[device] -= 1
        if not self._running[device]:
            del self._running[device]
        self._admit_next()

    def _admit_next(self) -> None:
        while self._waiting and self.running < self._limits.running:
            # min() takes the first of equals, and a device's queue moves to the end with each turn.
            device = min(self._waiting, key=lambda name: self._running[name])
            queue = self._waiting.pop(device)
            turn = queue.popleft()
            if queue:
                self._waiting[device] = queue
            if not turn.done():
                self._running[device] += 1
                turn.set_result(None)

    def _forget(self, device: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(device)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[device]

    def _overloaded(self) -> RefusedError:
        rounds = (self.queued + 1) / self._limits.running
        wait = min(max(rounds * self._seconds_each, 0.5), self._limits.retry_seconds_max)
        return RefusedError(
            "the server is busy: its queue is full",
            reason="OVERLOADED",
            retry_after_seconds=round(wait, 1),
            fix="try again a little later",
        )
