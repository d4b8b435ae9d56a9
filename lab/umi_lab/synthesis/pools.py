"""Pools: lists of words to draw from, whose last part is kept for held-out episodes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from umi_lab.synthesis.switches import Switch

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
    switches: frozenset[Switch] = frozenset()
    """How varied the drawn things are."""

    def has(self, switch: Switch) -> bool:
        """Whether that is varied."""
        return switch in self.switches

    def part(self, pool: Sequence[T]) -> Sequence[T]:
        """The part of a pool for this draw: the last fifth, or one thing, is held out; a pool of one is for both."""
        kept = max(1, len(pool) // 5)
        if len(pool) == 1:
            return pool
        return pool[-kept:] if self.held_out else pool[:-kept]

    def one(self, pool: Sequence[T]) -> T:
        """One thing of the part of a pool that this draw may use."""
        return self.rng.choice(self.part(pool))

    def some(self, pool: Sequence[T], count: int) -> list[T]:
        """Up to `count` different things of the part of a pool that this draw may use."""
        part = self.part(pool)
        return self.rng.sample(part, min(count, len(part)))

    def chance(self, probability: float) -> bool:
        """Whether something with this probability happens."""
        return self.rng.random() < probability
