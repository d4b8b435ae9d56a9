"""Which KV cache reads the next prompt: several sequences per adapter, so that sessions keep their prefixes."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

__all__ = ["SequencePool", "Slot"]

_STEP = 64


class HasPrefix(Protocol):
    """The part of a sequence that the choice looks at."""

    def shared_prefix(self, tokens: list[int]) -> int:
        """How many tokens of a prompt its cache holds."""
        ...

    def close(self) -> None:
        """Free it."""
        ...


S = TypeVar("S", bound=HasPrefix)


@dataclass(slots=True, eq=False)
class Slot(Generic[S]):
    """One sequence, the session that used it last, and when."""

    sequence: S = field(repr=False)
    adapter: str
    session: str = ""
    used: int = 0
    busy: bool = False


class SequencePool(Generic[S]):
    """Gives out sequences. Made lazily: one that nobody needs costs no memory. For one thread.

    A session goes back to its own sequence. A new one gets an unused sequence while there is room, for it will
    grow; else the one that holds most of its prompt (in steps of `_STEP` tokens, or a few tokens that happen to
    be alike would cost an active session its cache), and among equals the longest unused. Copying the catalogue's
    prefix from one sequence to another would spare a new session that too: issue 5.
    """

    def __init__(self, make: Callable[[str], S], per_adapter: int) -> None:
        self._make = make
        self._per_adapter = per_adapter
        self._slots: list[Slot[S]] = []
        self._ticks = itertools.count(1)

    def warm(self, adapter: str) -> None:
        """Make one sequence of the adapter now. Raises as `make` does."""
        self._slots.append(Slot(self._make(adapter), adapter))

    def take(self, adapter: str, session: str, tokens: list[int]) -> Slot[S] | None:
        """A sequence for this prompt, or None while all of the adapter's are busy. Raises as `make` does."""
        slots = [slot for slot in self._slots if slot.adapter == adapter]
        idle = [slot for slot in slots if not slot.busy]
        own = next((slot for slot in idle if session and slot.session == session), None)
        slot = own or next((slot for slot in idle if not slot.used), None)
        if slot is None and len(slots) < self._per_adapter:
            slot = Slot(self._make(adapter), adapter)
            self._slots.append(slot)
        if slot is None and idle:
            slot = max(idle, key=lambda one: (one.sequence.shared_prefix(tokens) // _STEP, -one.used))
        if slot is not None:
            slot.busy, slot.session = True, session
        return slot

    def give(self, slot: Slot[S]) -> None:
        """The generation ended; the cache stays."""
        slot.busy, slot.used = False, next(self._ticks)

    def drop(self, slot: Slot[S]) -> None:
        """The sequence failed in a way that leaves its state unknown: free it."""
        self._slots.remove(slot)
        slot.sequence.close()

    def close(self) -> None:
        """Free them all."""
        for slot in self._slots:
            slot.sequence.close()
        self._slots.clear()
