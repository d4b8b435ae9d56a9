"""Unclear choices: a call takes one of several things that a search found, and the user's words do not say which.

What a call takes is found in what the planner was shown, by handles and clear text. Whether the user's words tell it
from the others is a fact of values that stay, so it is looked at only where the policy tells such facts, and charged.

Covered: whom a call writes to, invites or calls, and what it changes, cancels or answers; through one thing that was
read, too. Not covered: what is told in a letter or a note; a caller that sees values.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from umi_edge.labelling.text import LabelledEntry
from umi_edge.session.item_evidence import MOMENTS, Said, picked, strength, told
from umi_edge.session.item_line import described
from umi_edge.session.listed_items import (
    NAMED,
    Item,
    Listing,
    chooses,
    handle_of,
    leaves,
    listings,
    marks,
    taken_by,
)
from umi_edge.session.named_items import named_items, naming_words
from umi_edge.session.pending_question import pending_question
from umi_edge.session.several_meant import means_several, names_all, says_all
from umi_shared.handles import Handle, parts_of
from umi_shared.transcript import Clock, Instruction

__all__ = ["Choice", "Turn", "begins_at", "choices_of", "reads", "turns_of"]

_MOST_SHOWN = 5
_TOLD_BY = ("company", "department", "role", "from", *MOMENTS, "location", "email", "phone")
"""What tells items apart for a person, the best first."""
_BETWEEN = re.compile("[,;]")
_DEPTH = 3
"""Readings one behind the other that are followed back."""
_READS = re.compile(
    r"(?:.*[._/-])?(?:check|count|describe|download|fetch|find|get|list|look|lookup|open|query|read|search|show|view)"
    r"(?:[._-].*|[A-Z].*)?"
)
_OTHER = re.compile(r"\b(?:other|ander\w+|autre|otr[oa])\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user said in a row: a request, and their replies to what they were asked then."""

    said: tuple[str, ...] = field(repr=False)
    asked_at: int = -1
    """The entry of the last question; -1 where there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several things, or some of them, as a call takes it."""

    items: tuple[Item, ...] = field(repr=False)
    taken: frozenset[int] = field(repr=False)
    listed_at: int
    """The entry of the result that lists them."""
    several: bool = False
    """Whether one argument takes several of them."""

    def is_told(self, turns: Sequence[Turn], said: Callable[[str], Said]) -> bool:
        """Whether what the user said, the last turn at the end, tells what was taken from the rest.

        Where they were asked since, it does: nobody is asked twice, but about several of whom nothing tells that more
        than one is meant.
        """
        latest, known = turns[-1], self._known
        if self.several:
            return self._all_are_meant(latest, said)
        text = " ".join(latest.said)
        if latest.asked_at > self.listed_at or names_all(text):
            return True
        words = said(text)
        worth = strength(words, known)
        if picked(words, known, worth) in self.taken or told(words, known, worth) in self.taken:
            return True
        least = min(worth[number] for number in self.taken)
        most = max(one for number, one in enumerate(worth) if number not in self.taken)
        if least > most:
            return True
        topic = self._topic(turns[:-1], said)
        if topic is None or most > least:
            return False
        return self.taken == {topic} if not _OTHER.search(text) else topic not in self.taken

    def instead(
        self, turns: Sequence[Turn], said: Callable[[str], Said], *, named: bool = False
    ) -> int | None:
        """The item that the user's reply meant, where what was taken is another; that of several that they meant.

        `named`: also the one of which their request says the title.
        """
        latest = turns[-1]
        if self.several:
            return None if self._all_are_meant(latest, said) else self._meant_of_several(turns, said)
        if len(self.taken) != 1:
            return None
        if latest.asked_at <= self.listed_at or len(latest.said) < 2:
            return self._named(said(" ".join(latest.said))) if named else None
        worth = strength(said(" ".join(latest.said[:-1])), self._known)
        all_shown = len(self.items) <= _MOST_SHOWN and len(set(worth)) == 1
        number = picked(said(latest.said[-1]), self._known, by_place=all_shown)
        return None if number in self.taken else number

    def _named(self, words: Said) -> int | None:
        """The one of which words say the title, where they say nothing of the title of what was taken."""
        found = named_items(naming_words(words), self._known, self.taken)
        number = told(words, [self._known[one] for one in found]) if found else None
        return found[number] if number is not None else None

    def _all_are_meant(self, turn: Turn, said: Callable[[str], Said]) -> bool:
        if any(says_all(reply) for reply in turn.said[1:]):
            return True
        return means_several([said(one) for one in turn.said], [self._known[at] for at in sorted(self.taken)])

    def _meant_of_several(self, turns: Sequence[Turn], said: Callable[[str], Said]) -> int | None:
        """The one that the user's words mean, of several that a call takes at once."""
        latest, known = turns[-1], self._known
        if latest.asked_at > self.listed_at and len(latest.said) > 1:
            shown = self.shown([Turn(latest.said[:-1])], said)
            if (number := self.picked(latest.said[-1], said, shown)) is not None:
                return number
        words = said(" ".join(latest.said))
        worth = strength(words, known)
        if (number := told(words, known, worth)) is not None or _OTHER.search(words.text):
            return number
        topic = self._topic(turns[:-1], said)
        return topic if topic is not None and worth[topic] == max(worth) else None

    def is_among(self, other: "Choice") -> bool:
        """Whether it is a choice among the same things."""
        return self.listed_at == other.listed_at and [one.seen for one in self.items] == [
            one.seen for one in other.items
        ]

    def _topic(self, earlier: Sequence[Turn], said: Callable[[str], Said]) -> int | None:
        """The item that was spoken of before."""
        found = (told(said(" ".join(turn.said)), self._known) for turn in reversed(earlier))
        return next((number for number in found if number is not None), None)

    def shown(self, turns: Sequence[Turn], said: Callable[[str], Said]) -> tuple[int, ...]:
        """The items that the user is asked about: those that their words mean no less than what was taken."""
        worth = strength(said(" ".join(turns[-1].said)), self._known)
        least = min(worth[number] for number in self.taken)
        meant = [number for number, one in enumerate(worth) if one >= least]
        return tuple(meant if len(meant) > 1 else range(len(self.items)))

    def picked(self, reply: str, said: Callable[[str], Said], shown: Sequence[int]) -> int | None:
        """The item that a reply to the question means, where it says nothing else."""
        number = picked(said(reply), [self.items[at].known for at in shown[:_MOST_SHOWN]])
        return shown[number] if number is not None else None

    def question(self, shown: Sequence[int]) -> str:
        """What the user is asked, with handles as the planner was shown them: their values are for the user's eyes."""
        first = shown[:_MOST_SHOWN]
        told_by = [name for name in _TOLD_BY if self._differs(name, first)]
        lines = [described(self.items[number], told_by) for number in first]
        *all_but_last, last = lines + (["another"] if len(shown) > len(first) else [])
        both = (", or both" if len(shown) == 2 else ", or all of them") if self.may_be_all(shown) else ""
        return f"Which one do you mean: {', '.join(all_but_last)} or {last}{both}?"

    def may_be_all(self, shown: Sequence[int]) -> bool:
        """Whether "both" is a reply, too: the call takes all that the user is shown."""
        return self.several and self.taken == set(shown)

    def with_item(self, arguments: Mapping[str, Any], number: int) -> dict[str, Any] | None:
        """The arguments with another item in the place of the one that was taken; None where it lacks what they say."""
        if len(self.taken) == 1 and number in self.taken:
            return dict(arguments)
        if len(self.taken) != 1 and not self.several:
            return dict(arguments) if number in self.taken else None
        kept = number if number in self.taken else min(self.taken)
        before, other = self.items[kept], self.items[number]
        dropped = frozenset().union(*(marks(self.items[at]) for at in self.taken - {kept})) - marks(before)
        empty = {place for place, value in leaves(other.known) if value is None or value == ""}
        after = {place: value for place, value in leaves(other.seen) if place not in empty}
        handles: dict[str, Any] = {}
        names: dict[str, Any] = {}
        for place, value in leaves(before.seen):
            if isinstance(value, str) and handle_of(value):
                handles.setdefault(value, after.get(place))
            elif isinstance(value, str) and place and place[-1] in NAMED:
                names.setdefault(value, after.get(place))
        nobody = dict.fromkeys(filter(handle_of, dropped))
        changed: dict[str, Any] = {}
        for name, value in arguments.items():
            try:
                left = _without(value, dropped) if chooses(name) else value
                changed[name] = _replaced(left, (handles | names if chooses(name) else handles) | nobody)
            except LookupError:
                return None
        return changed

    @property
    def _known(self) -> list[Any]:
        return [item.known for item in self.items]

    def _differs(self, name: str, numbers: Sequence[int]) -> bool:
        values = [_member(self.items[number].known, name) for number in numbers]
        return any(values) and len({json.dumps(value) for value in values}) > 1


def reads(tool: str) -> bool:
    """Whether a foreign tool only reads, by its name: its server may not have said so, and no harm comes of it.

    >>> reads("get_issue"), reads("github.getIssue"), reads("issues.list"), reads("send_mail"), reads("target.move")
    (True, True, True, False, False)
    """
    return _READS.fullmatch(tool) is not None


def turns_of(entries: Sequence[LabelledEntry], words: Sequence[str], lost_at: int = -1) -> list[Turn]:
    """What the user said, turn by turn; `words` are what they typed, instruction by instruction.

    The question at `lost_at` has lost the call that waited for it: the reply goes on with the turn, and settles none.
    """
    turns: list[Turn] = []
    typed = iter(words)
    for at, entry in enumerate(entries):
        if not isinstance(entry.template, Instruction):
            continue
        said = next(typed)
        before = [number for number in range(at) if not isinstance(entries[number].template, Clock)]
        if turns and pending_question([entries[number] for number in before]):
            asked_at = turns[-1].asked_at if before[-1] == lost_at else at - 1
            turns[-1] = Turn((*turns[-1].said, said), asked_at)
        else:
            turns.append(Turn((said,)))
    return turns


def choices_of(
    arguments: Mapping[str, Any], entries: Sequence[LabelledEntry], *, beside: Collection[str] = ()
) -> list[Choice]:
    """What a call takes of results that list several; nothing of those of which it takes all, but in one argument.

    `arguments` are as they were written, handles unresolved; those `beside` choose nothing, as days do.
    """
    results = listings(entries)
    found: dict[tuple[int, tuple[Item, ...]], frozenset[int]] = {}
    several: set[tuple[int, tuple[Item, ...]]] = set()
    for name, value in arguments.items():
        here: dict[tuple[int, tuple[Item, ...]], list[frozenset[int]]] = {}
        for token in taken_by({name: value}) if name not in beside else ():
            if (choice := _choice(token, results, _DEPTH)) is not None:
                here.setdefault((choice.listed_at, choice.items), []).append(choice.taken)
        for place, taken in here.items():
            found[place] = found.get(place, frozenset()).union(*taken)
            # Two cards may have one address: whoever is taken by one of them is not several.
            if chooses(name) and frozenset().union(*taken) not in taken:
                several.add(place)
    return [
        Choice(items=place[1], taken=taken, listed_at=place[0], several=place in several)
        for place, taken in found.items()
        if len(taken) < len(place[1]) or place in several
    ]


def begins_at(arguments: Mapping[str, Any], entries: Sequence[LabelledEntry]) -> datetime | None:
    """When the one thing begins that a call takes by its id, as the planner was shown it."""
    identity = arguments.get("id")
    if not isinstance(identity, str):
        return None
    things = (
        item.seen for result in reversed(listings(entries)) for items in result.lists for item in items
        if identity in marks(item)
    )  # fmt: skip
    start = _member(next(things, None), "start")
    try:
        return (
            datetime.fromisoformat(start).replace(tzinfo=None)
            if isinstance(start, str) and "T" in start
            else None
        )
    except ValueError:
        return None


def _choice(token: str, results: Sequence[Listing], depth: int) -> Choice | None:
    """The choice among the things of the newest result that has one; of a result that is one, what it was read by."""
    for number in range(len(results) - 1, -1, -1):
        result = results[number]
        for items in result.lists:
            taken = frozenset(at for at, item in enumerate(items) if token in marks(item))
            if taken and len(items) > 1:
                return Choice(items=items, taken=taken, listed_at=result.at)
            if taken:
                read_by = taken_by(result.given) if depth else []
                behind = (_choice(one, results[:number], depth - 1) for one in read_by)
                return next((one for one in behind if one is not None), None)
    return None


def _without(value: Any, dropped: Collection[str]) -> Any:
    """A list without what stands for things that are dropped; a line of addresses likewise."""
    if isinstance(value, list):
        return [one for one in value if one not in dropped]
    parts = [part.strip() for part in _BETWEEN.split(value)] if isinstance(value, str) else []
    if len(parts) > 1 and all(map(handle_of, parts)):
        return ", ".join(part for part in parts if part not in dropped)
    return value


def _replaced(value: Any, instead: Mapping[str, Any]) -> Any:
    """A value with what stands for another item. Raises `LookupError` where that item has nothing in its place."""
    if isinstance(value, list):
        return [_replaced(one, instead) for one in value]
    if isinstance(value, Mapping):
        return {name: _replaced(one, instead) for name, one in value.items()}
    if not isinstance(value, str):
        return value
    if value in instead:
        return _found(instead[value])
    parts = parts_of(value)
    return "".join(
        str(_found(instead[str(part)])) if isinstance(part, Handle) and str(part) in instead else str(part)
        for part in parts
    )


def _found(value: Any) -> Any:
    if value is None:
        raise LookupError
    return value


def _member(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, Mapping) else None
