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
from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.vault import Kept, Vault
from umi_edge.policy.checks import LOOSE_TYPES
from umi_edge.session.snapshot import Snapshot
from umi_shared.labels import PLANNER, SUMMARIZER

__all__ = ["Memory", "Recalled"]


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
        self._most_turns = most_turns
        self._most_values = most_values
        self._known = KnownValues(Vault())

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
        self._note(snapshot)
        while len(self._snapshots) > self._most_turns:
            self._snapshots.popitem(last=False)
        if (
            len(self._known.vault) > self._most_values
        ):  # those of the newest conversations, as many as half of it
            self._known = KnownValues(Vault())
            for one in reversed(self._snapshots.values()):
                if len(self._known.vault) + len(one.kept) > self._most_values // 2:
                    break
                self._note(one)

    def kept_in(self, texts: Iterable[str]) -> list[Kept]:
        """The values of any conversation that stand in these texts: they stay in every other one, too."""
        found = [sighting.kept for text in texts for sighting in self._known.find(text)]
        return list({id(kept): kept for kept in found if not _is_common(kept)}.values())

    def _note(self, snapshot: Snapshot) -> None:
        for kept in snapshot.kept:
            label = kept.label
            if label.may_read(PLANNER) and label.may_read(SUMMARIZER):
                continue
            if label.visible:
                self._known.vault.keep(kept.value, type=kept.handle.type, label=label, origin=kept.origin)
            else:
                self._known.vault.conceal(kept.value, label=label, origin=kept.origin)

    def __repr__(self) -> str:
        return f"<Memory of {len(self._snapshots)} turns>"


def _is_common(kept: Kept) -> bool:
    """Whether it is a single word that no detector and no rule gave a type: `phone` says nothing of another chat."""
    return isinstance(kept.value, str) and kept.value.isalpha() and kept.handle.type in LOOSE_TYPES


def _keys(turns: Sequence[Turn]) -> Iterator[str]:
    """For each turn, what the conversation up to it is known by."""
    key = ""
    for turn in turns:
        key = hashlib.sha256(json.dumps([key, turn.role, turn.bare]).encode()).hexdigest()
        yield key
