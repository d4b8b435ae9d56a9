"""Memory: the conversations that clients had lately, as the sessions they were.

Clients send a whole conversation again with each request, with real values in the answers. What was said is looked up
here and leaves as the handles that it was; what is not known here, or no more, stays as a whole. Nothing is written to
a disk, and what was not used for long is forgotten, with its values.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from umi_edge.doors.chat_request import Turn
from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.vault import Kept, Vault
from umi_edge.policy.checks import LOOSE_TYPES
from umi_edge.session.snapshot import Snapshot
from umi_shared.labels import PLANNER, SUMMARIZER

__all__ = ["Limits", "Memory", "Recalled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is remembered. Beyond a limit the conversations that were used longest ago are forgotten."""

    conversations: int = 128
    turns: int = 1000
    """Of all of them."""
    values: int = 50_000
    told_here: int = 100_000
    """Turns that a planner on this device was told."""
    seconds: float = 24 * 3600
    """Since a conversation was used."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is known of a conversation."""

    snapshot: Snapshot | None = None
    """The session after the last turn that is known."""
    rest: Sequence[Turn] = field(default=(), repr=False)
    """The turns after that one, of which umi knows nothing."""
    stays: bool = False
    """Whether turns before these are not told any more, since a planner on this device was told them."""


@dataclass(slots=True)
class _Conversation:
    """The sessions of all chats that begin alike, after each of their turns."""

    used: float
    snapshots: dict[str, Snapshot] = field(default_factory=dict, repr=False)

    def values(self) -> Iterator[Kept]:
        """What they keep, each value once."""
        found = {id(kept): kept for one in self.snapshots.values() for kept in one.kept}
        yield from found.values()


class Memory:
    """Sessions after each of their turns, and the values that they keep."""

    def __init__(self, limits: Limits = Limits(), clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()
        """By their first turn; the one that was used last at the end."""
        self._known = KnownValues(Vault())
        self._told_here: OrderedDict[str, None] = OrderedDict()
        """What a planner on this device was told in place of the shared one; it outlasts its sessions."""

    def recall(self, turns: Sequence[Turn], *, on_device: bool = True) -> Recalled:
        """The longest beginning of a conversation that is known, up to an answer of umi's.

        One that goes on with a planner elsewhere has nothing of what was told on this device.
        """
        self.forget()
        keys = list(_keys(turns))
        here = (
            0 if on_device else max((n for n, key in enumerate(keys, 1) if key in self._told_here), default=0)
        )
        if keys and (conversation := self._conversations.get(keys[0])) is not None:
            self._use(keys[0], conversation)
            for length in range(len(turns), here, -1):
                if (known := conversation.snapshots.get(keys[length - 1])) is not None:
                    return Recalled(known, turns[length:])
        return Recalled(None, turns[here:], stays=here > 0)

    def note_told_here(self, turns: Sequence[Turn]) -> None:
        """Remember that a planner on this device was told these turns; of the turns a hash is kept."""
        *_, last = _keys(turns)
        self._told_here[last] = None
        while len(self._told_here) > self._limits.told_here:
            self._told_here.popitem(last=False)

    def keep(self, turns: Sequence[Turn], snapshot: Snapshot) -> None:
        """Remember the session as it is after these turns, the last of which is umi's answer."""
        first, *_, last = _keys(turns)
        conversation = self._conversations.setdefault(first, _Conversation(self._clock()))
        conversation.snapshots[last] = snapshot
        self._use(first, conversation)
        self._note(snapshot.kept)
        self.forget()

    def forget_sessions(self) -> None:
        """Go on in none of them: their labels are of another policy. The values that they keep go on being known."""
        self._conversations.clear()

    def kept_in(self, texts: Iterable[str]) -> list[Kept]:
        """The values of any conversation that stand in these texts: they stay in every other one, too."""
        found = [sighting.kept for text in texts for sighting in self._known.find(text)]
        return list({id(kept): kept for kept in found if not _is_common(kept)}.values())

    def forget(self) -> None:
        """Let go what is beyond the limits; where there is too much, a quarter more, so that this is rare."""
        limits, now = self._limits, self._clock()
        gone = False
        for first, conversation in list(self._conversations.items()):
            if now - conversation.used < limits.seconds:
                break
            del self._conversations[first]
            gone = True
        if len(self._conversations) > limits.conversations or self._turns > limits.turns:
            gone = True
            while (
                len(self._conversations) > max(1, limits.conversations * 3 // 4)
                or self._turns > limits.turns * 3 // 4
            ):
                self._let_go()
        if gone or (len(self._known.vault) > limits.values and len(self._conversations) > 1):
            self._note_anew()

    @property
    def _turns(self) -> int:
        return sum(len(one.snapshots) for one in self._conversations.values())

    def _let_go(self) -> None:
        """Forget the conversation that was used longest ago; of the only one, its oldest turn."""
        if len(self._conversations) > 1:
            self._conversations.popitem(last=False)
            return
        (only,) = self._conversations.values()
        del only.snapshots[next(iter(only.snapshots))]

    def _note_anew(self) -> None:
        """Know the values of what is left: of the newest conversations, as many as half of all that may be."""
        self._known = KnownValues(Vault())
        for first, conversation in reversed(list(self._conversations.items())):
            values = list(conversation.values())
            if len(self._known.vault) + len(values) > self._limits.values // 2 and len(self._known.vault):
                del self._conversations[first]
                continue
            self._note(values)

    def _use(self, first: str, conversation: _Conversation) -> None:
        conversation.used = self._clock()
        self._conversations.move_to_end(first)

    def _note(self, values: Iterable[Kept]) -> None:
        for kept in values:
            label = kept.label
            if label.may_read(PLANNER) and label.may_read(SUMMARIZER):
                continue
            if label.visible:
                self._known.vault.keep(kept.value, type=kept.handle.type, label=label, origin=kept.origin)
            else:
                self._known.vault.conceal(kept.value, label=label, origin=kept.origin)

    def __repr__(self) -> str:
        return f"<Memory of {len(self._conversations)} conversations>"


def _is_common(kept: Kept) -> bool:
    """Whether it is a single word that no detector and no rule gave a type: `phone` says nothing of another chat."""
    return isinstance(kept.value, str) and kept.value.isalpha() and kept.handle.type in LOOSE_TYPES


def _keys(turns: Sequence[Turn]) -> Iterator[str]:
    """For each turn, what the conversation up to it is known by."""
    key = ""
    for turn in turns:
        key = hashlib.sha256(json.dumps([key, turn.role, turn.bare]).encode()).hexdigest()
        yield key
