"""Memory: the conversations that clients had, as the sessions they were, for as long as the door is open.

Clients send a whole conversation again with each request, with real values in the answers. What was said is looked up
here and leaves as the handles that it was; what is not known here stays as a whole.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from umi_edge.doors.chat_request import Turn
from umi_edge.labelling.vault import Kept
from umi_edge.session.snapshot import Snapshot
from umi_shared.labels import PLANNER

__all__ = ["Memory", "Recalled"]

_SHORTEST = 4
"""Shorter values, a day of the month say, are no sign that a text came from another conversation."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is known of a conversation."""

    snapshot: Snapshot | None = None
    """The session after the last turn that is known."""
    rest: Sequence[Turn] = field(default=(), repr=False)
    """The turns after that one, of which umi knows nothing."""


class Memory:
    """Sessions after each of their turns, and the values that they keep; the oldest are forgotten."""

    def __init__(self, *, most_turns: int = 1000, most_values: int = 50_000) -> None:
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._values: OrderedDict[str, Kept] = OrderedDict()
        self._most_turns = most_turns
        self._most_values = most_values

    def recall(self, turns: Sequence[Turn]) -> Recalled:
        """The longest beginning of a conversation that is known, up to an answer of umi's."""
        keys = list(_keys(turns))
        for length in range(len(turns), 0, -1):
            if (known := self._snapshots.get(keys[length - 1])) is not None:
                self._snapshots.move_to_end(keys[length - 1])
                return Recalled(known, turns[length:])
        return Recalled(None, turns)

    def keep(self, turns: Sequence[Turn], snapshot: Snapshot) -> None:
        """Remember the session as it is after these turns, the last of which is umi's answer."""
        *_, key = _keys(turns)
        self._snapshots[key] = snapshot
        for kept in snapshot.kept:
            if _stays(kept):
                self._values[kept.value] = kept
                self._values.move_to_end(kept.value)
        _forget(self._snapshots, self._most_turns)
        _forget(self._values, self._most_values)

    def kept_in(self, texts: Iterable[str]) -> list[Kept]:
        """The values of any conversation that stand in these texts: they stay in every other one, too."""
        whole = "\n".join(texts).casefold()
        return [kept for value, kept in self._values.items() if value.casefold() in whole]

    def __repr__(self) -> str:
        return f"<Memory of {len(self._snapshots)} turns>"


def _stays(kept: Kept) -> bool:
    value = kept.value
    return isinstance(value, str) and len(value) >= _SHORTEST and not kept.label.may_read(PLANNER)


def _keys(turns: Sequence[Turn]) -> Iterator[str]:
    """For each turn, what the conversation up to it is known by."""
    key = ""
    for turn in turns:
        key = hashlib.sha256(json.dumps([key, turn.role, turn.bare]).encode()).hexdigest()
        yield key


def _forget(things: "OrderedDict[str, Snapshot] | OrderedDict[str, Kept]", most: int) -> None:
    while len(things) > most:
        things.popitem(last=False)
