"""Which sequence of a context reads the next prompt, and which idle ones give up their cache for it.

Invariant: a prompt reuses nothing that was read for another namespace, but for what both sides call common.
"""

import itertools
from collections import Counter
from dataclasses import dataclass, field

from umi_shared.prefix import shared_prefix

__all__ = ["MIN_COPY", "Reader", "SequencePool", "Slot"]

MIN_COPY = 64
"""The fewest common tokens that are worth a copy."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A prompt that is to be read, and whose it is."""

    tokens: list[int] = field(repr=False)
    namespace: str = field(default="", repr=False)
    common: int = 0
    """How many of its first tokens other namespaces may reuse."""

    def reusable(self, tokens: list[int], namespace: str, common: int) -> int:
        """How many first tokens this prompt may take over from what was read for a namespace.

        Never the whole prompt: its last token must be decoded to give the first new one.
        """
        count = min(shared_prefix(tokens, self.tokens), len(self.tokens) - 1)
        # Both bounds: with its own alone, a prompt could call another's instruction a tool's card.
        return count if namespace == self.namespace else min(count, common, self.common)


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence: what the cache holds of it, whose that is, the session that used it last, and when."""

    number: int
    tokens: list[int] = field(default_factory=list, repr=False)
    namespace: str = field(default="", repr=False)
    common: int = 0
    session: str = ""
    used: int = 0
    """When it was used last, on the pool's own count; 0 for never."""
    needs: int = 0
    """How many tokens its generation may reach; 0 when no generation uses it."""

    def reusable(self, reader: Reader) -> int:
        """How many of its tokens a prompt may reuse."""
        return reader.reusable(self.tokens, self.namespace, self.common)


class SequencePool:
    """Gives out the sequences of one context, whose cache has fewer cells than they might fill. For one thread.

    A session returns to its own sequence; a new session gets one that was never used, or else the one idle for longest
    of the namespace that has most. So a device with many sessions loses its own before it takes another's last one.
    What a prompt has in common with another sequence is copied from it (`donor`), so that no session loses its cache
    to one that only begins alike. No generation starts unless there is a cell for its last token, too.
    """

    def __init__(self, sequences: int, cells: int) -> None:
        self.slots = tuple(Slot(number) for number in range(sequences))
        self._cells = cells
        self._ticks = itertools.count(1)

    def take(self, reader: Reader, session: str, needs: int) -> tuple[Slot, int] | None:
        """A sequence for a generation that may reach `needs` tokens; None while there is no room for it.

        With it comes how many of its tokens the prompt may keep: all others must be forgotten before anything is read.
        """
        idle = [slot for slot in self.slots if not slot.needs]
        if not idle or sum(slot.needs for slot in self.slots) + needs > self._cells:
            return None
        mine = (slot for slot in idle if session and slot.session == session)
        own = next((slot for slot in mine if slot.namespace == reader.namespace), None)
        held = Counter(slot.namespace for slot in self.slots if slot.used or slot.needs)
        slot = own or min(idle, key=lambda one: (one.used > 0, -held[one.namespace], one.used))
        kept = slot.reusable(reader)
        slot.needs, slot.session = needs, session
        slot.namespace, slot.common = reader.namespace, reader.common
        return slot, kept

    def surplus(self) -> list[Slot]:
        """The idle sequences that must give up their cells to those that run.

        First those of the namespace that holds most cells, and of these the longest unused.
        """
        resting = {slot for slot in self.slots if not slot.needs and slot.tokens}
        held = Counter[str]()
        for slot in self.slots:
            held[slot.namespace] += slot.needs or len(slot.tokens)
        excess = held.total() - self._cells
        found = []
        while excess > 0 and resting:
            slot = min(resting, key=lambda one: (-held[one.namespace], one.used))
            resting.remove(slot)
            held[slot.namespace] -= len(slot.tokens)
            excess -= len(slot.tokens)
            found.append(slot)
        return found

    def donor(self, slot: Slot, reader: Reader) -> tuple[Slot, int] | None:
        """Another sequence from which a prompt may take at least `MIN_COPY` more tokens than its own holds, and how
        many it may take.
        """
        others = [(other.reusable(reader), other) for other in self.slots if other is not slot]
        count, best = max(others, key=lambda one: one[0], default=(0, None))
        return (best, count) if best and count - len(slot.tokens) >= MIN_COPY else None

    def give(self, slot: Slot) -> None:
        """Return a sequence whose generation has ended; the cache keeps its tokens."""
        slot.needs, slot.used = 0, next(self._ticks)
