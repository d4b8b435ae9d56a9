"""The calendar's tools, over a folder of iCalendar files as calendars synchronise them."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.calendar_folder import (
    Calendar,
    NewEvent,
    parsed_clock,
    parsed_day,
)
from umi_edge.tools.builtin.calendar_more import (
    ALL_DAY,
    Day,
    Id,
    Length,
    Line,
    Start,
    events_on,
    more_tools,
    stored_events,
)
from umi_edge.tools.builtin.day_spans import Days, spans_of
from umi_edge.tools.builtin.words import single_line
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Lost, Partial, ToolFailure
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool

__all__ = ["tools"]

_MAX_LISTED = 100


def tools(calendar: Calendar, *, more: bool = False) -> tuple[Tool, ...]:
    """`calendar.list`, `calendar.create` and `calendar.cancel`; and with `more` those of `calendar_more`."""

    @tool(name="calendar.list", source="builtin", read_only=True, returns=shapes.EVENTS)
    def events(date: Days) -> Sourced:
        """List the events of one day in the user's calendar.

        Args:
            date: The day, as YYYY-MM-DD; or the first and the last, as YYYY-MM-DD/YYYY-MM-DD.
        """
        found, lost = events_on(calendar, spans_of(date))
        if len(found) > _MAX_LISTED:
            many = f"only the first {_MAX_LISTED} of the {len(found)} events of these days are listed"
            found, lost = found[:_MAX_LISTED], (*lost, Lost("the calendar", many))
        return Sourced(
            Partial.counted({"events": [calendar.as_json(one) for one in found]}, lost),
            tuple(one.record(("events", index)) for index, one in enumerate(found)),
        )

    stored_as = stored_events("calendar.list", *(["calendar.search"] if more else []))

    @tool(name="calendar.create", source="builtin", returns=shapes.CREATED, stored_as=stored_as)
    def create(
        title: Line,
        date: Day,
        time: Start,
        duration_minutes: Length = 60,
        guests: Annotated[list[Line], Field(max_length=100)] | None = None,
        location: Line | None = None,
    ) -> Sourced:
        """Create an event in the user's calendar.

        Args:
            title: What it is.
            date: The day, as YYYY-MM-DD.
            time: When it starts, as HH:MM, or `all day`.
            duration_minutes: How long it takes.
            guests: The e-mail addresses of the guests.
            location: Where it is.
        """
        if not all(single_line(text) for text in (title, location or "", *(guests or []))):
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "each part of an event is one line of text")
        day, clock = parsed_day(date), parsed_clock(time) if time != ALL_DAY else None
        new = NewEvent(
            title=title,
            start=calendar.instant(day, clock) if clock else day,
            length=timedelta(minutes=duration_minutes) if clock else timedelta(days=1),
            guests=tuple(guests or ()),
            location=location or "",
        )
        uid = calendar.create(new)
        return Sourced({"id": uid}, (Record(at=(), texts=(), id=uid),))

    @tool(
        name="calendar.cancel",
        source="builtin",
        destructive=True,
        returns=shapes.CANCELLED,
        stored_as={"id": []},  # it chooses an event, and is written nowhere
    )
    def cancel(id: Id) -> JSON:  # noqa: A002
        """Cancel an event of the user's calendar.

        Args:
            id: The id of the event, as calendar.list gives it.
        """
        calendar.cancel(id)
        return {"cancelled": True}

    return (events, create, cancel, *(more_tools(calendar) if more else ()))
