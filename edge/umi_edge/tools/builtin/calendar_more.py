"""More of the calendar's tools: search, change, free time, what repeats or takes whole days, and to-dos.

The embedded models were trained without them, so they are offered on request only.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from umi_edge.reading.spelling import spelt_as_there
from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.calendar_folder import (
    Calendar,
    Changes,
    NewEvent,
    NewTodo,
    Occurrence,
    parsed_clock,
    parsed_day,
)
from umi_edge.tools.builtin.day_spans import Days, Span, spans_of
from umi_edge.tools.builtin.words import has_words, most_told, single_line, tells_of
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Lost, Partial, ToolFailure
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool

__all__ = ["ALL_DAY", "Day", "Id", "Length", "Line", "Start", "events_on", "found_around", "more_tools"]

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", json_schema_extra={"format": "date"})]
Clock = Annotated[str, Field(pattern=r"^[0-9]{2}:[0-9]{2}$", json_schema_extra={"format": "time"})]
DueDay = Annotated[Day, Field(json_schema_extra={"format": "date", "x-may-have-no-day": True})]
DueClock = Annotated[Clock, Field(json_schema_extra={"format": "time", "x-may-have-no-day": True})]
Start = Annotated[str, Field(pattern=r"^([0-9]{2}:[0-9]{2}|all day)$", json_schema_extra={"format": "time"})]
Minutes = Annotated[int, Field(ge=1, le=60 * 24 * 14, json_schema_extra={"format": "minutes"})]
Length = Annotated[Minutes, Field(json_schema_extra={"format": "minutes", "x-length-may-be-said": True})]
Line = Annotated[str, Field(min_length=1, max_length=300)]
Id = Annotated[str, Field(min_length=1, max_length=1000)]
ALL_DAY = "all day"
Often = Literal["daily", "weekly", "monthly", "yearly"]

_IN_EVENTS = {
    "title": ("title",),
    "date": ("start", "end"),
    "time": ("start", "end"),
    "duration_minutes": ("end",),
    "guests": ("attendees",),
    "location": ("location",),
}
_HIT = tuple(f"search.everywhere: $.hits[*].{member}" for member in ("title", "snippet"))
"""Where an event is told of besides, where it can be searched."""
_GAPS = ("calendar.free: $.free[*].start", "calendar.free: $.free[*].end")
_ANY = ("id", "title", "start", "end", "location")
"""All of an event that repeats, of which how often and until when say how many there are."""
_MAX_FOUND = 20
_MAX_COMING = 10
"""Events of days without an end."""
_MAX_FREE_DAYS = 7
Found = tuple[list[Occurrence], tuple[Lost, ...]]
_BACK, _AHEAD = timedelta(31), timedelta(366)


def stored_events(*readers: str, more: Mapping[str, tuple[str, ...]] | None = None) -> dict[str, list[str]]:
    """Where the arguments that make an event come back, in the results of these tools."""
    return {
        argument: [
            *(f"{reader}: $.events[*].{member}" for reader in readers for member in members),
            *(_besides(argument) if "calendar.search" in readers else ()),
        ]
        for argument, members in {**_IN_EVENTS, **(more or {})}.items()
    }


def _besides(argument: str) -> tuple[str, ...]:
    """Where it comes back besides, where events can be searched: as a hit, and as time that is not free."""
    if argument == "guests":
        return ()
    return (*_HIT, *(() if argument in ("title", "location") else _GAPS))


def more_tools(calendar: Calendar) -> tuple[Tool, ...]:
    """`calendar.search`, `calendar.update`, `calendar.free`, `calendar.repeat`, and those of to-dos."""

    @tool(name="calendar.search", source="builtin", read_only=True, returns=shapes.EVENTS)
    def search(query: Line | None = None, person: Line | None = None, when: Days | None = None) -> Sourced:
        """Find events in the user's calendar by their words, by who comes, or by their days; those to come first.

        Args:
            query: Words of the title, the place or the description.
            person: A name or an e-mail address of somebody who comes.
            when: The day, as YYYY-MM-DD, or the first and the last, as YYYY-MM-DD/YYYY-MM-DD. Without it: a year.
        """
        if when:
            anything = query is None and person is None
            there, lost = events_on(calendar, spans_of(when), most=_MAX_COMING if anything else None)
        else:
            there, lost = _around(calendar)
        found = _meant(there, query, person)
        return Sourced(
            Partial.counted({"events": [calendar.as_json(one) for one in found[:_MAX_FOUND]]}, lost),
            tuple(one.record(("events", index)) for index, one in enumerate(found[:_MAX_FOUND])),
        )

    readers = ("calendar.list", "calendar.search")

    @tool(
        name="calendar.update",
        source="builtin",
        destructive=True,
        returns=shapes.UPDATED,
        stored_as={**stored_events(*readers), "id": []},  # it chooses an event, and is written nowhere
    )
    def update(
        id: Id,  # noqa: A002
        date: Day | None = None,
        time: Clock | None = None,
        duration_minutes: Minutes | None = None,
        title: Line | None = None,
        guests: Annotated[list[Line], Field(max_length=100)] | None = None,
        location: Line | None = None,
    ) -> Sourced:
        """Move or change an event of the user's calendar; what is not given stays as it is.

        Args:
            id: The id of the event, as calendar.search or calendar.list gives it.
            date: Its new day, as YYYY-MM-DD.
            time: When it starts now, as HH:MM.
            duration_minutes: How long it takes now.
            title: What it is called now.
            guests: The e-mail addresses of all guests now.
            location: Where it is now.
        """
        _one_line(title, location, *(guests or []))
        changes = Changes(
            title=title,
            day=parsed_day(date) if date else None,
            clock=parsed_clock(time) if time else None,
            length=timedelta(minutes=duration_minutes) if duration_minutes else None,
            guests=tuple(guests) if guests is not None else None,
            location=location,
        )
        if changes == Changes():
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "nothing to change is given")
        calendar.update(id, changes)
        return Sourced({"updated": True}, (Record(at=(), texts=(), id=id.partition("#")[0]),))

    @tool(name="calendar.free", source="builtin", read_only=True, returns=shapes.FREE)
    def free(
        date: Days, duration_minutes: Minutes = 30, earliest: Clock = "08:00", latest: Clock = "20:00"
    ) -> Partial:
        """When the user has time on a day: what no event takes.

        Args:
            date: The day, as YYYY-MM-DD; or the first and the last, as YYYY-MM-DD/YYYY-MM-DD.
            duration_minutes: How long the time must be.
            earliest: Not before, as HH:MM.
            latest: Not after, as HH:MM.
        """
        first, last = parsed_clock(earliest), parsed_clock(latest)
        told: list[JSON] = []
        lost: tuple[Lost, ...] = ()
        for day in _free_days(calendar.today(), spans_of(date)):
            gaps, unread = calendar.free(day, first, last, timedelta(minutes=duration_minutes))
            told += [{"start": calendar.moment(start), "end": calendar.moment(end)} for start, end in gaps]
            lost += tuple(one for one in unread if one not in lost)
        return Partial.counted({"free": told}, lost)

    repeated = stored_events(*readers, more={"often": _ANY, "until": _ANY})

    @tool(
        name="calendar.repeat",
        source="builtin",
        returns=shapes.CREATED,
        stored_as={name: places for name, places in repeated.items() if name != "guests"},
    )
    def repeat(
        title: Line,
        date: Day,
        often: Often | None = None,
        time: Start | None = None,
        duration_minutes: Length = 60,
        until: Day | None = None,
        location: Line | None = None,
    ) -> Sourced:
        """Create an event that repeats, or that takes the whole day.

        Args:
            title: What it is.
            date: The first day, as YYYY-MM-DD.
            often: How often it repeats; without it, it does not.
            time: When it starts, as HH:MM; without it, it takes the whole day.
            duration_minutes: How long it takes.
            until: The last day that it may be on, as YYYY-MM-DD.
            location: Where it is.
        """
        _one_line(title, location)
        day, clock = parsed_day(date), parsed_clock(time) if time and time != ALL_DAY else None
        rule = f"FREQ={often.upper()}" if often else ""
        if rule and until:
            rule += f";UNTIL={parsed_day(until):%Y%m%d}" + ("T235959" if clock else "")
        new = NewEvent(
            title=title,
            start=calendar.instant(day, clock) if clock else day,
            length=timedelta(minutes=duration_minutes) if clock else timedelta(days=1),
            location=location or "",
            rule=rule,
        )
        uid = calendar.create(new)
        return Sourced({"id": uid}, (Record(at=(), texts=(), id=uid),))

    return (search, update, free, repeat, *_todo_tools(calendar))


def _todo_tools(calendar: Calendar) -> tuple[Tool, ...]:
    @tool(name="calendar.todos", source="builtin", read_only=True, returns=shapes.TODOS)
    def todos() -> Sourced:
        """List the user's open to-dos, those that are due first at the top."""
        found, lost = calendar.todos()
        told: list[JSON] = [
            {
                "id": one.uid,
                "title": one.title,
                "due": None if one.due is None else calendar.moment(one.due),
                **({"source": one.source} if one.source else {}),
            }
            for one in found
        ]
        records = (
            Record(at=("todos", index), texts=(one.title,), id=one.uid) for index, one in enumerate(found)
        )
        return Sourced(Partial.counted({"todos": told}, lost), tuple(records))

    @tool(
        name="calendar.add_todo",
        source="builtin",
        returns=shapes.CREATED,
        stored_as={
            "title": ["calendar.todos: $.todos[*].title"],
            "date": ["calendar.todos: $.todos[*].due"],
            "time": ["calendar.todos: $.todos[*].due"],
        },
    )
    def add_todo(title: Line, date: DueDay | None = None, time: DueClock | None = None) -> Sourced:
        """Add a to-do or a reminder.

        Args:
            title: What is to be done.
            date: The day that it is due, as YYYY-MM-DD.
            time: When on that day, as HH:MM.
        """
        _one_line(title)
        if time and not date:
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "a time needs a day")
        due: date_ | datetime | None = parsed_day(date) if date else None
        if date and time:
            due = calendar.instant(parsed_day(date), parsed_clock(time))
        uid = calendar.add_todo(NewTodo(title, due))
        return Sourced({"id": uid}, (Record(at=(), texts=(), id=uid),))

    @tool(name="calendar.finish_todo", source="builtin", returns=shapes.FINISHED, stored_as={"id": []})
    def finish_todo(id: Id) -> JSON:  # noqa: A002
        """Mark a to-do as done.

        Args:
            id: The id of the to-do, as calendar.todos gives it.
        """
        calendar.finish_todo(id)
        return {"finished": True}

    return todos, add_todo, finish_todo


date_ = date
"""The type, where an argument has its name."""


def found_around(calendar: Calendar, query: str | None) -> Found:
    """The events of a month back and a year ahead that have all words, those to come first; of a series the next."""
    found, lost = _around(calendar)
    return [one for one in found if query is None or tells_of(_text(one), query)], lost


def _around(calendar: Calendar) -> Found:
    today, now = calendar.today(), calendar.now()
    found, lost = calendar.search(today - _BACK, today + _AHEAD, lambda _: True)
    # What is to come, then what has been, the latest first.
    over = [one for one in found if one.ends <= now]
    return _once([*(one for one in found if one.ends > now), *reversed(over)]), lost


def _meant(events: Sequence[Occurrence], query: str | None, person: str | None) -> list[Occurrence]:
    """The events that somebody comes to, and that words tell of; a person who comes to none is words, too."""
    found = list(events)
    if person is not None:
        theirs = [one for one in found if has_words(" ".join((one.title, *one.people)), person)]
        if not theirs:
            query = f"{query or ''} {person}"
        found = theirs or found
    if query is None:
        return found
    texts = [_text(one, *one.people) for one in found]
    told = most_told(texts, query) or most_told(texts, spelt_as_there(texts, query))
    return [found[place] for place in told]


def _text(one: Occurrence, *more: str) -> str:
    return " ".join((one.title, one.location or "", str(one.component.get("DESCRIPTION", "")), *more))


def _once(found: list[Occurrence]) -> list[Occurrence]:
    """Of each series its first occurrence."""
    first: dict[str, Occurrence] = {}
    for one in found:
        first.setdefault(f"{one.file} {one.component['UID']}", one)
    return list(first.values())


def events_on(calendar: Calendar, spans: Sequence[Span], most: int | None = _MAX_COMING) -> Found:
    """The events of some days, by start; of days without an end those of a year, the first `most` of them."""
    there: dict[tuple[str, str, datetime], Occurrence] = {}
    lost: tuple[Lost, ...] = ()
    for span in spans:
        found, unread = calendar.search(span.first, span.last or span.first + _AHEAD, lambda _: True)
        found = found if span.last else found[:most]
        there |= {(one.file, one.id, one.begins): one for one in found}
        lost += tuple(one for one in unread if one not in lost)
    return sorted(there.values(), key=lambda one: (one.begins, one.title)), lost


def _free_days(today: date, spans: Iterable[Span]) -> Sequence[date]:
    """The days of which free time is told: those of a span that has begun, from today on; a week of them at most."""
    days: dict[date, None] = {}
    for span in spans:
        first = max(span.first, today) if span.last is None or span.last >= today else span.first
        length = _MAX_FREE_DAYS if span.last is None else (span.last - first).days + 1
        days |= dict.fromkeys(first + timedelta(ahead) for ahead in range(min(length, _MAX_FREE_DAYS)))
    return list(days)[:_MAX_FREE_DAYS]


def _one_line(*texts: str | None) -> None:
    if not all(single_line(text or "") for text in texts):
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "each part of an event is one line of text")
