"""Changes: what was done for a request, told by the device out of the record.

A small summarizer says that Tunde was mailed where Liv was, that both were invited where one was, and in its own words
what a letter says. The device has the calls: it says what each did, with the values that the tool was given.

Whether it does depends on what the planner has seen alone: the calls, their arguments and results. What it writes for
the user may depend on all that is known here; what the models are told of it later does not.

Covered: tools of umi's own, where all that was looked up led to a change. Not covered: a change and a question in one
request that were both seen to; things that no result of this conversation showed; tools of others.

I1: docs/design.md#i1-release-only
I3: docs/design.md#i3-noninterference
I4: docs/design.md#i4-handles-resolve-in-one-place
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from umi_edge.labelling.text import DEVICE, LabelledEntry
from umi_edge.session.added_contact import REACHED
from umi_edge.session.device_answer.listed import Listed, Written
from umi_edge.session.device_answer.style import Moment, Style
from umi_edge.session.listed_items import (
    Item,
    Listing,
    as_made,
    handle_of,
    listings,
    marks,
    read_json,
    taken_by,
)
from umi_edge.session.look_up_words import look_up_words
from umi_shared.labels import PLANNER
from umi_shared.transcript import Call, Instruction, Observation

__all__ = ["changes_done"]

_HOUR = 60
"""Minutes of an event whose length is not said, as the calendar's tools have it."""
_LOOK_UP = "contacts.search"


@dataclass(frozen=True)
class _Change:
    """One call that changed something."""

    tool: str
    given: Item = field(repr=False)
    """Its arguments."""
    things: Callable[[str], Item | None] = field(repr=False)
    """What a result showed of the thing that an argument takes."""
    style: Style = field(repr=False)

    @cached_property
    def _listed(self) -> Listed:
        return Listed((self.given,), self.style)

    def text(self, name: str) -> str:
        """An argument in one line; empty where it has none."""
        return self._listed.text(self.given, name)

    @property
    def thing(self) -> Item | None:
        """What the call takes by its id."""
        return self.things(str(self.given.seen.get("id")))

    def called(self, name: str) -> str:
        """A text of that thing; empty where it has none."""
        return self._listed.text(self.thing, name) if self.thing is not None else ""

    @property
    def title(self) -> str:
        """What a note is called, where it was found, or what the call says."""
        found = self.things(str(self.given.seen.get("title")))
        return (self._listed.text(found, "title") if found is not None else "") or self.text("title")

    def people(self, *names: str) -> list[str]:
        """Those whom arguments reach, by name where a result showed it, each with their address."""
        found = []
        for name in names:
            value = self.given.seen.get(name)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str):
                    item = self.things(one)
                    called = self._listed.text(item, "name") if item is not None else ""
                    found.append(f"{called} ({one})" if called and called != one else one)
        return found

    @property
    def start(self) -> Moment | None:
        """When it begins now, of a change of an event too; None where nothing says so, or where it stays."""
        day, clock = self._given_day, self._clock
        before = self._listed.moment(self.thing, "start") if self.thing is not None else None
        if day is None and (clock is None or before is None):
            return None
        if day is None and before is not None:
            day = before.date() if isinstance(before, datetime) else before
        if clock is None and isinstance(before, datetime):
            clock = before.time()
        return day if clock is None or day is None else datetime.combine(day, clock)

    @property
    def _given_day(self) -> date | None:
        day = self._listed.moment(self.given, "date")
        return (
            None
            if day is None or handle_of(str(self.given.seen["date"])) or isinstance(day, datetime)
            else day
        )

    @property
    def _clock(self) -> time | None:
        clock = self.text("time")
        try:
            return time.fromisoformat(clock) if clock and handle_of(clock) is None else None
        except ValueError:
            return None

    @property
    def when(self) -> str:
        """That, as the user writes days; moments that stay each for itself."""
        stay = [one for name in ("date", "time") if handle_of(one := self.text(name)) is not None]
        if stay or self.start is None:
            return ", ".join(filter(None, (self.text("date"), self.text("time"))))
        return self.style.moment(self.start)

    @property
    def span(self) -> str:
        """From when to when."""
        minutes = self.given.known.get("duration_minutes", _HOUR)
        if (
            not isinstance(self.start, datetime)
            or not isinstance(minutes, int)
            or handle_of(self.text("time"))
        ):
            return self.when
        return self.style.span(self.start, self.start + timedelta(minutes=minutes))


def _mailed(one: _Change) -> str:
    return one.style.say("mailed", who=one.style.joined(one.people("to", "cc")), text=one.text("body"))


def _answered(one: _Change) -> str:
    return one.style.say("answered", who=one.style.joined(one.people("to")), text=one.text("body"))


def _forwarded(one: _Change) -> str:
    who = one.style.joined(one.people("to", "cc"))
    return _and(one.style.say("forwarded", title=one.text("subject"), who=who), one.text("body"))


def _entered(one: _Change) -> str:
    said = one.style.say("entered", when=one.span, title=one.text("title"))
    often = one.given.known.get("often")
    return _and(said, one.style.often(often) if isinstance(often, str) else "", *_where(one))


def _moved(one: _Change) -> str | None:
    if not (title := one.called("title")):
        return None
    changed = one.style.say("changed", title=title)
    now = one.style.say("now", when=one.when) if one.when else ""
    return _and(changed, one.text("title"), now, *_where(one))


def _where(one: _Change) -> tuple[str, ...]:
    people = one.people("guests")
    return (one.text("location"), one.style.say("with", people=one.style.joined(people)) if people else "")


def _cancelled(one: _Change) -> str | None:
    if one.thing is None or not (title := one.called("title")):
        return None
    listed = Listed((one.thing,), one.style)
    start = listed.moment(one.thing, "start")
    when = one.called("start") if listed.stays("start") or start is None else one.style.moment(start)
    return one.style.say("cancelled", when=when, title=title)


def _to_do(one: _Change) -> str:
    when = one.style.say("due", when=one.when) if one.when else ""
    return _and(one.style.say("on_list", title=one.text("title")), when)


def _finished(one: _Change) -> str | None:
    title = one.called("title")
    return one.style.say("finished", title=title) if title else None


def _noted(one: _Change) -> str:
    return one.style.say("noted", title=one.title, text=one.text("text"))


def _added(one: _Change) -> str:
    return one.style.say("added", title=one.title, text=one.text("text"))


def _edited(one: _Change) -> str:
    return one.style.say("edited", title=one.title, old=one.text("old"), new=one.text("new"))


_FIELDS = (*REACHED, "company", "role")


def _card(one: _Change) -> str:
    return _and(one.style.say("card", name=one.text("name")), *map(one.text, _FIELDS))


def _card_changed(one: _Change) -> str | None:
    if not (name := one.called("name")):
        return None
    told = _and(one.style.say("card_changed", name=name), *map(one.text, ("name", *_FIELDS)))
    kept = [one.called(reached) for reached in REACHED if one.text(reached) not in ("", one.called(reached))]
    return _and(told, *(one.style.say("card_kept", value=value) for value in kept if value))


def _and(first: str, *more: str) -> str:
    return ", ".join(filter(None, (first, *more)))


_WRITE: Mapping[str, Callable[[_Change], str | None]] = {
    "mail.send": _mailed,
    "mail.reply": _answered,
    "mail.forward": _forwarded,
    "calendar.create": _entered,
    "calendar.repeat": _entered,
    "calendar.update": _moved,
    "calendar.cancel": _cancelled,
    "calendar.add_todo": _to_do,
    "calendar.finish_todo": _finished,
    "notes.create": _noted,
    "notes.append": _added,
    "notes.edit": _edited,
    "contacts.add": _card,
    "contacts.change": _card_changed,
}


def changes_done(
    entries: Sequence[LabelledEntry], request: str, style: Style, own: Callable[[str], bool]
) -> Written | None:
    """What was done for the newest request, a line each; None where nothing was, or a model is to say it.

    `request` is as the planner sees it. `own` says whether a tool is umi's own, and its results show their shape.
    """
    begin = max(at for at, one in enumerate(entries) if isinstance(one.template, Instruction))
    tools = [one.template.tool for one in entries[begin:] if isinstance(one.template, Call)]
    if not all(map(own, tools)):
        return None
    done = _done(entries, begin, style)
    if not done or not _led(entries, begin, done, request):
        return None
    lines = [_WRITE[one.tool](one) for one in done]
    if None in lines:
        return None
    told = ", ".join(one.tool for one in done)
    return Written("\n".join(filter(None, lines)), f"I did it: {told}.")


def _done(entries: Sequence[LabelledEntry], begin: int, style: Style) -> list[_Change]:
    things: dict[str, Item] = {}
    for listing in listings(entries):
        if _tool(entries[listing.at]) in _WRITE:
            things |= _made(listing, entries[listing.at - 1])
        else:
            things |= _found(listing)
    done = []
    for call, result in zip(entries[begin:], entries[begin + 1 :], strict=False):
        template = result.template
        if not isinstance(call.template, Call) or not isinstance(template, Observation) or template.failure:
            continue
        seen, known = read_json(call, PLANNER), read_json(call, DEVICE)
        if template.tool in _WRITE and isinstance(seen, Mapping) and isinstance(known, Mapping):
            done.append(_Change(template.tool, Item(seen, known), things.get, style))
    return done


def _found(listing: Listing) -> dict[str, Item]:
    """What a search found, by what a call may take it by; an address that two people share tells neither."""
    marked = [(token, one) for several in listing.lists for one in several for token in marks(one)]
    times = Counter(token for token, _ in marked)
    return {token: one for token, one in marked if times[token] == 1}


def _made(listing: Listing, call: LabelledEntry) -> dict[str, Item]:
    """What a call of this conversation made, by its id."""
    found: dict[str, Item] = {}
    for several in listing.lists:
        for one in several:
            if (made := as_made(one, call)) is not None:
                found |= dict.fromkeys(marks(one), Item(_with_start(made.seen), _with_start(made.known)))
    return found


def _with_start(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a call was given, with the moment that it makes of an event."""
    start = "T".join(one for name in ("date", "time") if isinstance(one := given.get(name), str))
    return {**given, "start": start} if start else given


def _led(entries: Sequence[LabelledEntry], begin: int, done: Iterable[_Change], request: str) -> bool:
    """Whether all that was looked up led to a change, so that none of it is an answer.

    A person who was looked up is none, where the request asks for nothing of them.
    """
    taken = {token for one in done for token in taken_by(one.given.seen)}
    for listing in listings(entries):
        tool = _tool(entries[listing.at])
        if listing.at < begin or tool in _WRITE:
            continue
        if any(marks(one) & taken for several in listing.lists for one in several):
            continue
        if tool != _LOOK_UP or look_up_words().asks.search(request):
            return False
    return True


def _tool(entry: LabelledEntry) -> str:
    return entry.template.tool if isinstance(entry.template, Observation) else ""
