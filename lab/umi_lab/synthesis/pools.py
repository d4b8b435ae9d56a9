"""Pools: lists of words to draw from, whose last part is kept for held-out episodes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Draw"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws from pools, from the part for training or from the part that training never sees.

    >>> seen, kept = Draw(random.Random(1), held_out=False), Draw(random.Random(1), held_out=True)
    >>> pool = tuple("abcdefghij")
    >>> set(seen.part(pool)) & set(kept.part(pool))
    set()
    """

    rng: random.Random
    held_out: bool
    variety: int = 0
    """How far things are varied beyond the first data set: see `ScenarioConfig`."""

    def part(self, pool: Sequence[T]) -> Sequence[T]:
        """The part of a pool that this draw may use: a fifth of it, at least one, is held out."""
        kept = max(1, len(pool) // 5)
        if len(pool) == 1:
            return pool
        return pool[-kept:] if self.held_out else pool[:-kept]

    def one(self, pool: Sequence[T]) -> T:
        """One of the pool's part."""
        return self.rng.choice(self.part(pool))

    def some(self, pool: Sequence[T], count: int) -> list[T]:
        """Different ones of the pool's part."""
        part = self.part(pool)
        return self.rng.sample(part, min(count, len(part)))

    def chance(self, probability: float) -> bool:
        """Whether something with this probability happens."""
        return self.rng.random() < probability
