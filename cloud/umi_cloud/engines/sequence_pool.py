"""Which sequence of a context reads the next prompt, and which of those that rest make room for it."""

import itertools
from dataclasses import dataclass, field

from umi_shared.prefix import shared_prefix

__all__ = ["MIN_COPY", "SequencePool", "Slot"]

MIN_COPY = 64
"""Fewer tokens in common are not worth a copy."""


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence: what the cache holds of it, the session that used it last, and when."""

    number: int
    tokens: list[int] = field(default_factory=list, repr=False)
    session: str = ""
    used: int = 0
    needs: int = 0
    """Tokens that its generation may come to; 0 when it rests."""


class SequencePool:
    """Gives out the sequences of one context, whose cache has fewer cells than they might fill. For one thread.

    A session goes back to its own sequence; a new one gets one that nobody has used, or that rests the longest. What
    it has in common with another sequence is copied from there (`donor`), so no session loses its own cache to one
    that is only alike. No generation starts unless its last token will find a cell.
    """

    def __init__(self, sequences: int, cells: int) -> None:
        self.slots = tuple(Slot(number) for number in range(sequences))
        self._cells = cells
        self._ticks = itertools.count(1)

    def take(self, session: str, needs: int) -> Slot | None:
        """A sequence for a generation that may come to `needs` tokens; None while there is no room for it."""
        idle = [slot for slot in self.slots if not slot.needs]
        if not idle or sum(slot.needs for slot in self.slots) + needs > self._cells:
            return None
        own = next((slot for slot in idle if session and slot.session == session), None)
        slot = own or min(idle, key=lambda one: one.used)
        slot.needs, slot.session = needs, session
        return slot

    def surplus(self) -> list[Slot]:
        """The resting sequences that must be forgotten so that all who run find cells; the longest unused first."""
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
        """Another sequence that holds notably more of a prompt's beginning, and how much; never the whole prompt."""
        others = (other for other in self.slots if other is not slot)
        best = max(others, key=lambda other: shared_prefix(other.tokens, tokens), default=None)
        count = min(shared_prefix(best.tokens, tokens), len(tokens) - 1) if best else 0
        return (best, count) if best and count - len(slot.tokens) >= MIN_COPY else None

    def give(self, slot: Slot) -> None:
        """The generation ended; what the cache holds of it stays."""
        slot.needs, slot.used = 0, next(self._ticks)
