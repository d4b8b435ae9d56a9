"""Item look-ups: how the device finds the thing that a planned change needs, where nothing shows it as yet.

"Move dinner with Luca to eight" is planned as a change by a planner that has looked up Luca, and no dinner. The device
then makes the search itself that the planner left out, by the user's own words as the planner reads them. It is a call
like any other, in the transcript and in the record.

Covered: umi's own tools that change, cancel, finish or answer something by its id, and notes by their titles.
Not covered: tools of others; a caller that sees values.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from umi_edge.labelling.text import LabelledEntry
from umi_edge.session.item_evidence import Said
from umi_edge.session.listed_items import Item, Listing, as_made, listings
from umi_edge.session.named_items import naming_words
from umi_edge.session.time_arguments import SpokenTimes
from umi_edge.session.time_wording import TimeKind
from umi_edge.values.word_lists import word_lists
from umi_shared.transcript import Instruction, View, text_of

__all__ = ["ItemLookUp", "items_shown", "lists_shown", "look_up_of", "was_made_last"]

_LONGEST_QUERY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLookUp:
    """How the things that a tool changes are found."""

    tool: str
    """What finds them."""
    query: str = ""
    """Its argument for words; empty where it takes none."""
    days: str = ""
    """Its argument for the days that a thing is on."""
    moves: bool = False
    """Whether a day that the user speaks of may be the one that the thing is to be on."""
    takes: str = "id"
    """The argument of the changing tool that takes a thing, and the member of the thing that it takes."""
    shown_by: frozenset[str]
    """The tools whose results have such things."""
    made_by: frozenset[str] = frozenset()
    """The tools that make such things, and give their ids."""
    titled: bool = False
    """Whether a request calls such a thing by its title; who is written to is called by other words."""
    after_failure: bool = False
    """Whether the call is made first as the caller writes it: a note may be called as the user says."""

    def arguments(self, view: View, times: SpokenTimes) -> dict[str, Any] | None:
        """What to search by, of the newest request that names anything; None where nothing does."""
        said = [text for text in map(_said, view.entries) if text]
        for text in said[:-3:-1]:
            words = naming_words(Said(text, times.words)) if not self.after_failure else text
            if words or not self.query:
                found = {self.query: words[:_LONGEST_QUERY]} if self.query else {}
                return found | self._days(text, times)
        return None

    def _days(self, text: str, times: SpokenTimes) -> dict[str, str]:
        """The day that the thing is on, in the user's words; nothing where they say none, or the one it is moved to."""
        said = sorted(times.offered(TimeKind.DAYS), key=len, reverse=True) if self.days else []
        there = [one for one in said if one in text]
        if not there or (self.moves and (len(there) > 1 or _is_aim(there[0], text))):
            return {}
        return {self.days: there[0]}


_EVENTS = frozenset({"calendar.list", "calendar.search"})
_ENTERS = frozenset({"calendar.create", "calendar.repeat"})
_LETTERS = frozenset({"mail.search", "mail.read"})
_NOTES = frozenset({"notes.search", "notes.read"})
_LETTER = ItemLookUp(tool="mail.search", query="query", shown_by=_LETTERS)
_NOTE = ItemLookUp(tool="notes.search", query="query", takes="title", shown_by=_NOTES, after_failure=True)
_LOOK_UPS: Mapping[str, ItemLookUp] = {
    "calendar.cancel": ItemLookUp(
        tool="calendar.search", query="query", days="when", titled=True, shown_by=_EVENTS, made_by=_ENTERS
    ),
    "calendar.update": ItemLookUp(
        tool="calendar.search",
        query="query",
        days="when",
        moves=True,
        titled=True,
        shown_by=_EVENTS,
        made_by=_ENTERS,
    ),
    "calendar.finish_todo": ItemLookUp(
        tool="calendar.todos",
        titled=True,
        shown_by=frozenset({"calendar.todos"}),
        made_by=frozenset({"calendar.add_todo"}),
    ),
    "contacts.change": ItemLookUp(
        tool="contacts.search", query="name", shown_by=frozenset({"contacts.search", "contacts.list"})
    ),
    "mail.forward": _LETTER,
    "mail.reply": _LETTER,
    "notes.append": _NOTE,
    "notes.edit": _NOTE,
}


def look_up_of(tool: str) -> ItemLookUp | None:
    """How the things are found that a tool of umi's own changes; None where it changes none that is there."""
    return _LOOK_UPS.get(tool)


def items_shown(look_up: ItemLookUp, entries: Sequence[LabelledEntry]) -> list[Item]:
    """The things that results of a transcript have shown, and that the changing tool may take; the newest last."""
    return [item for items in lists_shown(look_up, entries) for item in items]


def lists_shown(look_up: ItemLookUp, entries: Sequence[LabelledEntry]) -> list[list[Item]]:
    """The same, result by result; a result that has none is left out."""
    lists = (
        [
            one
            for one in items
            if isinstance(one.seen, Mapping) and isinstance(one.seen.get(look_up.takes), str)
        ]
        for result in listings(entries)
        for items in _of_result(look_up, result, entries)
    )
    return [items for items in lists if items]


def was_made_last(look_up: ItemLookUp, entries: Sequence[LabelledEntry]) -> bool:
    """Whether the newest of these things is one that a call of this conversation made: a correction means it."""
    tools = [getattr(entries[result.at].template, "tool", "") for result in listings(entries)]
    those = [tool for tool in tools if tool in look_up.shown_by | look_up.made_by]
    return bool(those) and those[-1] in look_up.made_by


def _of_result(
    look_up: ItemLookUp, result: Listing, entries: Sequence[LabelledEntry]
) -> Sequence[Sequence[Item]]:
    tool = getattr(entries[result.at].template, "tool", "")
    if tool in look_up.made_by:
        return [
            [made for one in items if (made := as_made(one, entries[result.at - 1]))]
            for items in result.lists
        ]
    return result.lists if tool in look_up.shown_by else ()


def _said(entry: Any) -> str:
    return "".join(map(str, text_of(entry))) if isinstance(entry, Instruction) else ""


def _is_aim(phrase: str, text: str) -> bool:
    """Whether a day is where something is moved to: `to Friday`."""
    towards = rf"\b{_lists().any_of('towards')}\s+(?:\w+\s+)?{re.escape(phrase)}"
    return re.search(towards, text, re.IGNORECASE) is not None


@cache
def _lists() -> Any:
    return word_lists("umi_edge.session.words", "item_look_ups.yaml")
