"""An engine with the latencies of a card: plans take as long as they took there, by how many are written at once."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from umi_shared.engine import Chunk, Delta, Finish, Finished, Generation
from umi_shared.transcript import Usage

__all__ = ["H100", "Card", "CardEngine", "PLAN", "PLAN_TOKENS"]

PLAN = "To find the address of <person:1> and of all who wrote of it, use contacts.search. Next: caller."
PLAN_TOKENS = 35
_PROMPT_TOKENS = 700
_PIECES = tuple(
    Delta(PLAN[len(PLAN) * number // PLAN_TOKENS : len(PLAN) * (number + 1) // PLAN_TOKENS])
    for number in range(PLAN_TOKENS)
)


@dataclass(frozen=True, slots=True)
class Card:
    """How many plans a second a card writes, by how many it writes at once; above the last, its batch is full."""

    paces: Mapping[int, float]

    @property
    def batch(self) -> int:
        """The most that it writes at once."""
        return max(self.paces)

    def plan_seconds(self, at_once: int) -> float:
        """How long one plan takes while so many are written.

        >>> Card({8: 32.0, 64: 128.0}).plan_seconds(8), Card({8: 32.0, 64: 128.0}).plan_seconds(36)
        (0.25, 0.375)
        """
        known = {count: count / pace for count, pace in sorted(self.paces.items())}
        least, most = min(known), max(known)
        at_once = min(max(at_once, least), most)
        for low, high in pairwise(known):
            if at_once <= high:
                share = (at_once - low) / (high - low)
                return known[low] + share * (known[high] - known[low])
        return known[most]


H100 = Card(MappingProxyType({8: 28.9, 64: 124.5, 256: 149.0}))
"""vLLM on an H100 with a model of 8 billion parameters and two adapters, plans of some 35 tokens (docs/log.md)."""


@dataclass(slots=True)
class CardEngine:
    """Writes the same plan for everybody, token by token, all of a batch in step; who comes too many waits."""

    card: Card = H100
    running: int = 0
    plans: int = 0
    seconds: list[float] = field(default_factory=list, repr=False)
    """How long each plan took in the engine."""
    _waiting: list[asyncio.Future[None]] = field(default_factory=list, repr=False)
    """Those who wait for the step under way."""
    _places: asyncio.Semaphore | None = field(default=None, repr=False)

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """The plan's pieces, one each step, and its usage."""
        del generation
        loop = asyncio.get_running_loop()
        began = loop.time()
        if self._places is None:
            self._places = asyncio.Semaphore(self.card.batch)
        async with self._places:
            self.running += 1
            try:
                for piece in _PIECES:
                    await self._next_step(loop)
                    yield piece
            finally:
                self.running -= 1
        self.plans += 1
        self.seconds.append(loop.time() - began)
        yield Finished(Finish.STOP, Usage(prompt_tokens=_PROMPT_TOKENS, completion_tokens=PLAN_TOKENS))

    async def close(self) -> None:
        """There is nothing to close."""

    async def _next_step(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._waiting:
            loop.call_later(self.card.plan_seconds(self.running) / PLAN_TOKENS, self._end_step)
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        await waiter

    def _end_step(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
