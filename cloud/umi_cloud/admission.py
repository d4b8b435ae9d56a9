"""Admission control: how many requests run, how many wait, and whose turn is next."""

import asyncio
import time
from bisect import insort
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from umi_cloud.adaptive_limit import AdaptiveLimit
from umi_cloud.tickets import Tickets
from umi_shared.errors import RefusedError

__all__ = ["Admission", "AdmissionLimits", "Turn"]

_SMOOTHING = 0.2
RUNNING_UNKNOWN = 64
"""Requests at once where nobody says how many the engine takes."""
DEVICES_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionLimits:
    """How many requests may run and wait at once."""

    running: int = 0
    """Requests in the engine at once; 0 follows the engine: what it takes in one batch, or an endpoint answers well."""
    slowdown: float = 4.0
    """How many times as long a token of an endpoint's may take as with few requests at once, before they wait here."""
    queued: int = 256
    """Requests that may wait for their turn; one more is refused with RESOURCE_EXHAUSTED."""
    queued_per_device: int = 16
    """Waiting requests that one device may have, so that no device can fill the queue alone."""
    retry_seconds_max: float = 30.0
    """The longest wait, in seconds, that a refusal advises."""


@dataclass(slots=True)
class Turn:
    """A request's turn."""

    tokens: int = 0
    """The tokens that were written in it, as far as they are known."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    arrived: float
    turn: asyncio.Future[None]


class Admission:
    """A bounded queue that is fair to devices, and in which whoever is refused keeps its turn.

    Next is the waiting device with the fewest running requests, and among equals the one that has waited longest, since
    its last turn or since it came first. A full queue refuses the youngest: it comes back with the time at which it
    came, which is older than that of all who come later, so every wait ends.

    For one event loop; no locks.
    """

    def __init__(
        self,
        limits: AdmissionLimits = AdmissionLimits(),
        clock: Callable[[], float] = time.monotonic,
        *,
        calendar: Callable[[], float] = time.time,
        tickets: Tickets | None = None,
    ) -> None:
        """`calendar` tells times that other fronts understand. Without `tickets`, under a key of this process."""
        self._limits = limits
        self._clock = clock
        self._calendar = calendar
        self._tickets = tickets or Tickets.temporary()
        self._fixed = limits.running or RUNNING_UNKNOWN
        self._adaptive: AdaptiveLimit | None = None
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, list[_Waiter]] = {}
        self._last_turns: OrderedDict[str, float] = OrderedDict()
        self._seconds_each = 1.0

    @property
    def running(self) -> int:
        """Requests that run now."""
        return self._running.total()

    @property
    def queued(self) -> int:
        """Requests that wait now."""
        return sum(map(len, self._waiting.values()))

    @property
    def at_once(self) -> int:
        """Requests that may run now."""
        return self._fixed if self._adaptive is None else self._adaptive.at_once

    def follow(self, engine_capacity: int, *, adaptive: bool = False) -> None:
        """Let as many run as the engine takes at once, where the limits name no number.

        With `adaptive` that is the most: as many run as the engine answers well.
        """
        if self._limits.running:
            return
        self._fixed = engine_capacity
        if adaptive:
            self._adaptive = AdaptiveLimit(
                ceiling=engine_capacity, slowdown=self._limits.slowdown, start=RUNNING_UNKNOWN
            )
        self._admit_next()

    def engine(self, *, crowded: bool) -> None:
        """The engine says whether it has more requests than it takes; matters where the number follows the engine."""
        if self._adaptive is not None:
            self._adaptive.engine(crowded=crowded)

    @asynccontextmanager
    async def slot(self, device: str, ticket: str = "") -> AsyncIterator[Turn]:
        """Wait for a turn, and give it back at the end; `ticket` is what an earlier refusal gave.

        Raises RefusedError (OVERLOADED, with a ticket and a time to retry after) when the queue, or this device's part
        of it, is full of older requests.
        """
        now = self._calendar()
        await self._enter(device, self._tickets.read(device, ticket, now) or now)
        started, turn = self._clock(), Turn()
        try:
            yield turn
        finally:
            ended = self._clock()
            took = ended - started
            self._seconds_each += _SMOOTHING * (took - self._seconds_each)
            if self._adaptive is not None:
                self._adaptive.observe(seconds=took, tokens=turn.tokens, running=self.running, now=ended)
            self._leave(device)

    async def _enter(self, device: str, arrived: float) -> None:
        if self.running < self.at_once and not self._waiting:
            self._start(device)
            return
        self._make_room(device, arrived)
        waiter = _Waiter(arrived, asyncio.get_running_loop().create_future())
        insort(self._waiting.setdefault(device, []), waiter, key=lambda one: one.arrived)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._leave(device)  # the turn came in the same moment: pass it on
            else:
                self._forget(device, waiter)
            raise

    def _make_room(self, device: str, arrived: float) -> None:
        """Refuse the youngest of the newcomer and those who wait, where there is no place for all."""
        mine = self._waiting.get(device, [])
        full = self.queued >= self._limits.queued
        if len(mine) >= self._limits.queued_per_device:
            youngest = (mine[-1], device)
        elif full:
            youngest = max(
                ((queue[-1], name) for name, queue in self._waiting.items()), key=lambda one: one[0].arrived
            )
        else:
            return
        waiter, name = youngest
        if waiter.arrived <= arrived:
            raise self._overloaded(device, arrived)
        self._forget(name, waiter)
        if not waiter.turn.done():
            waiter.turn.set_exception(self._overloaded(name, waiter.arrived))

    def _start(self, device: str) -> None:
        self._running[device] += 1
        self._last_turns.pop(device, None)
        self._last_turns[device] = self._calendar()
        if len(self._last_turns) > DEVICES_REMEMBERED:
            self._last_turns.popitem(last=False)

    def _leave(self, device: str) -> None:
        self._running[device] -= 1
        if not self._running[device]:
            del self._running[device]
        self._admit_next()

    def _admit_next(self) -> None:
        while self._waiting and self.running < self.at_once:
            device = min(self._waiting, key=self._claim)
            waiter = self._waiting[device][0]
            self._forget(device, waiter)
            if not waiter.turn.done():
                self._start(device)
                waiter.turn.set_result(None)

    def _claim(self, device: str) -> tuple[int, float]:
        """The lower, the sooner."""
        arrived = self._waiting[device][0].arrived
        return self._running[device], max(arrived, self._last_turns.get(device, arrived))

    def _forget(self, device: str, waiter: _Waiter) -> None:
        queue = self._waiting.get(device)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._waiting[device]

    def _overloaded(self, device: str, arrived: float) -> RefusedError:
        rounds = (self.queued + 1) / self.at_once
        wait = min(max(rounds * self._seconds_each, 0.5), self._limits.retry_seconds_max)
        return RefusedError(
            "the server is busy: its queue is full",
            reason="OVERLOADED",
            retry_after_seconds=round(wait, 1),
            ticket=self._tickets.make(device, arrived),
            fix="try again a little later",
        )
