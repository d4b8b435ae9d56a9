"""The calendar's tools, over a folder of iCalendar files as calendars synchronise them."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.calendar_folder import (
    Calendar,
    CalendarConfig,
    NewEvent,
    parsed_clock,
    parsed_day,
)
from umi_edge.tools.builtin.words import single_line
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Lost, Partial, ToolFailure
from umi_edge.tools.record import Record, Sourced
from umi_edge.tools.tool import Tool, tool

__all__ = ["CalendarConfig", "tools"]

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Clock = Annotated[str, Field(pattern=r"^[0-9]{2}:[0-9]{2}$")]
Line = Annotated[str, Field(min_length=1, max_length=300)]


def tools(config: CalendarConfig) -> tuple[Tool, ...]:
    """`calendar.list`, `calendar.create` and `calendar.cancel`."""
    calendar = Calendar(config)

    @tool(name="calendar.list", source="builtin", read_only=True, returns=shapes.EVENTS)
    def events(date: Day) -> Sourced:
        """List the events of one day in the user's calendar.

        Args:
            date: The day, as YYYY-MM-DD.
        """
        found, lost = calendar.on(parsed_day(date))
        return Sourced(
            _with_lost({"events": [calendar.as_json(one) for one in found]}, lost),
            tuple(one.record(("events", index)) for index, one in enumerate(found)),
        )

    stored_as = {
        argument: [f"calendar.list: $.events[*].{member}" for member in members]
        for argument, members in {
            "title": ("title",),
            "date": ("start", "end"),
            "time": ("start", "end"),
            "duration_minutes": ("end",),
            "guests": ("attendees",),
            "location": ("location",),
        }.items()
    }

    @tool(name="calendar.create", source="builtin", returns=shapes.CREATED, stored_as=stored_as)
    def create(
        title: Line,
        date: Day,
        time: Clock,
        duration_minutes: Annotated[int, Field(ge=1, le=60 * 24 * 14)] = 60,
        guests: Annotated[list[Line], Field(max_length=100)] | None = None,
        location: Line | None = None,
    ) -> Sourced:
        """Create an event in the user's calendar.

        Args:
            title: What it is.
            date: The day, as YYYY-MM-DD.
            time: When it starts, as HH:MM.
            duration_minutes: How long it takes.
            guests: The e-mail addresses of the guests.
            location: Where it is.
        """
        if not all(single_line(text) for text in (title, location or "", *(guests or []))):
            raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "each part of an event is one line of text")
        new = NewEvent(
            title=title,
            start=calendar.instant(parsed_day(date), parsed_clock(time)),
            length=timedelta(minutes=duration_minutes),
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
    def cancel(id: Annotated[str, Field(min_length=1, max_length=1000)]) -> JSON:  # noqa: A002
        """Cancel an event of the user's calendar.

        Args:
            id: The id of the event, as calendar.list gives it.
        """
        calendar.cancel(id)
        return {"cancelled": True}

    return events, create, cancel


def _with_lost(result: dict[str, JSON], lost: tuple[Lost, ...]) -> Partial:
    """A result with how much could not be read, and for the user what and why."""
    return Partial({**result, **({"skipped": len(lost)} if lost else {})}, lost)
