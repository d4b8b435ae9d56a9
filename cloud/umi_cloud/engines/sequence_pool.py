"""Which sequence of a context reads the next prompt, and which idle ones give up their cache for it."""

import itertools
from dataclasses import dataclass, field

from umi_shared.prefix import shared_prefix

__all__ = ["MIN_COPY", "SequencePool", "Slot"]

MIN_COPY = 64
"""The fewest common tokens that are worth a copy."""


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence: what the cache holds of it, the session that used it last, and when."""

    number: int
    tokens: list[int] = field(default_factory=list, repr=False)
    session: str = ""
    used: int = 0
    """When it was used last, on the pool's own count; 0 for never."""
    needs: int = 0
    """How many tokens its generation may reach; 0 when no generation uses it."""


class SequencePool:
    """Gives out the sequences of one context, whose cache has fewer cells than they might fill. For one thread.

    A session returns to its own sequence; a new session gets one that was never used, or else the one idle for longest.
    What a prompt has in common with another sequence is copied from it (`donor`), so that no session loses its cache
    to one that only begins alike. No generation starts unless there is a cell for its last token, too.
    """

    def __init__(self, sequences: int, cells: int) -> None:
        self.slots = tuple(Slot(number) for number in range(sequences))
        self._cells = cells
        self._ticks = itertools.count(1)

    def take(self, session: str, needs: int) -> Slot | None:
        """A sequence for a generation that may reach `needs` tokens; None while there is no room for it."""
        idle = [slot for slot in self.slots if not slot.needs]
        if not idle or sum(slot.needs for slot in self.slots) + needs > self._cells:
            return None
        own = next((slot for slot in idle if session and slot.session == session), None)
        slot = own or min(idle, key=lambda one: one.used)
        slot.needs, slot.session = needs, session
        return slot

    def surplus(self) -> list[Slot]:
        """The idle sequences that must give up their cells to those that run; the longest unused first."""
        resting = sorted((slot for slot in self.slots if not slot.needs), key=lambda slot: slot.used)
        excess = sum(slot.needs or len(slot.tokens) for slot in self.slots) - self._cells
        found = []
        for slot in resting:
            if excess <= 0:
                break
            if slot.tokens:
                excess -= len(slot.tokens)
                found.append(slot)
        return found

    def donor(self, slot: Slot, tokens: list[int]) -> tuple[Slot, int] | None:
        """Another sequence that holds at least `MIN_COPY` more tokens of a prompt's beginning, and how many it holds.

        Never the whole prompt: its last token must be decoded to give the first new one.
        """
        others = (other for other in self.slots if other is not slot)
        best = max(others, key=lambda other: shared_prefix(other.tokens, tokens), default=None)
        count = min(shared_prefix(best.tokens, tokens), len(tokens) - 1) if best else 0
        return (best, count) if best and count - len(slot.tokens) >= MIN_COPY else None

    def give(self, slot: Slot) -> None:
        """Return a sequence whose generation has ended; the cache keeps its tokens."""
        slot.needs, slot.used = 0, next(self._ticks)
