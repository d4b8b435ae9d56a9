"""Calendar: a folder of iCalendar files, as calendars synchronise them."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any

import icalendar
import recurring_ical_events
from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.folder import Document, Folder
from umi_edge.tools.builtin.words import single_line
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Tool, tool

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Clock = Annotated[str, Field(pattern=r"^[0-9]{2}:[0-9]{2}$")]
Line = Annotated[str, Field(min_length=1, max_length=300)]

_OCCURRENCE = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
_YEARS = range(1970, 2500)  # where every platform knows its local time
_TOO_OFTEN = ("SECONDLY", "MINUTELY")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarConfig:
    """Where the calendar files are, and the zone whose days count."""

    folder: Path
    zone: tzinfo | None = None
    """None: the zone that the laptop is in."""
    max_files: int = 10_000
    max_file_bytes: int = 8 << 20


class Calendar:
    """The events of one folder.

    Cancelling keeps the event and marks it CANCELLED, so that nothing is lost. Rules that repeat
    every minute or second are not expanded: they count as files that could not be read.
    """

    def __init__(self, config: CalendarConfig) -> None:
        self._zone = config.zone
        self._folder = Folder(
            path=config.folder,
            suffix=".ics",
            max_files=config.max_files,
            max_file_bytes=config.max_file_bytes,
        )

    def on(self, day: date) -> tuple[list[JSON], int]:
        """The events that touch the local `day`, by start, and how many files could not be read."""
        start, end = self._instant(day, time()), self._instant(day + timedelta(days=1), time())
        found: list[tuple[str, JSON]] = []
        skipped = 0
        for document in self._folder.documents():
            try:
                events = self._between(document, start, end)
            except Exception:  # icalendar and dateutil raise whatever their parsing met
                skipped += 1
                continue
            found.extend((str(event["start"]), event) for event in events)
        return [event for _, event in sorted(found, key=lambda pair: pair[0])], skipped

    def create(
        self, title: str, start: datetime, minutes: int, guests: list[str], location: str | None
    ) -> str:
        """Write a new event; its id is returned."""
        event = icalendar.Event()
        uid = f"{secrets.token_hex(16)}@umi.invalid"
        event.add("uid", uid)
        event.add("summary", title)
        # In UTC: one event has one instant, and the file needs no time zone table.
        event.add("dtstamp", datetime.now(UTC))
        event.add("dtstart", start.astimezone(UTC))
        event.add("dtend", (start + timedelta(minutes=minutes)).astimezone(UTC))
        if location:
            event.add("location", location)
        for guest in guests:
            event.add("attendee", _attendee(guest), encode=0)
        calendar = icalendar.Calendar()
        calendar.add("prodid", "-//umi//umi//EN")
        calendar.add("version", "2.0")
        calendar.add_component(event)
        self._folder.add(secrets.token_hex(8), calendar.to_ical())
        return uid

    def cancel(self, identity: str) -> None:
        """Mark an event, or one occurrence of a repeated one, as cancelled."""
        uid, _, occurrence = identity.rpartition("#")
        if not (uid and _OCCURRENCE.fullmatch(occurrence)):
            uid, occurrence = identity, ""
        for document in self._folder.documents():
            calendar, events = _with_uid(document, uid)
            if calendar is not None and events:
                _mark_cancelled(calendar, events, occurrence)
                self._folder.replace(document.path, calendar.to_ical())
                return
        raise ToolFailure(FailureKind.NOT_FOUND, "no event has that id")

    def _between(self, document: Document, start: datetime, end: datetime) -> list[dict[str, JSON]]:
        calendar = _parsed(document)
        repeated = set()
        for event in calendar.walk("VEVENT"):
            if "RRULE" in event or "RDATE" in event:
                repeated.add(str(event.get("UID", "")))
            rules = event.get("RRULE", [])
            for rule in rules if isinstance(rules, list) else [rules]:
                if any(str(frequency).upper() in _TOO_OFTEN for frequency in rule.get("FREQ", [])):
                    raise ValueError
        return [
            self._as_json(event, repeated)
            for event in recurring_ical_events.of(calendar).between(start, end)
            if str(event.get("STATUS", "")).upper() != "CANCELLED"
        ]

    def instant(self, day: str, clock: str) -> datetime:
        """The instant of a local date and time. Raises `ToolFailure` when there is no such date."""
        return self._instant(parsed_day(day), _parsed_clock(clock))

    def _instant(self, day: date, clock: time) -> datetime:
        local = datetime.combine(day, clock)
        # Without a configured zone the platform decides, per date: its summer time is respected.
        return local.replace(tzinfo=self._zone) if self._zone else local.astimezone()

    def _as_json(self, event: Any, repeated: set[str]) -> dict[str, JSON]:
        attendees = event.get("ATTENDEE", [])
        return {
            # The expansion gives every event a RECURRENCE-ID; only one of a series needs it.
            "id": _identity(event) if str(event.get("UID", "")) in repeated else str(event.get("UID", "")),
            "title": str(event.get("SUMMARY", "")),
            "start": self._moment(event.start),
            "end": self._moment(event.end),
            "location": str(event["LOCATION"]) if event.get("LOCATION") else None,
            "attendees": [_person(a) for a in (attendees if isinstance(attendees, list) else [attendees])],
        }

    def _moment(self, moment: date | datetime) -> str:
        if not isinstance(moment, datetime):
            return moment.isoformat()
        if moment.tzinfo is None:  # a floating time is local wherever one is
            return self._instant(moment.date(), moment.time()).isoformat(timespec="minutes")
        return moment.astimezone(self._zone).isoformat(timespec="minutes")


def parsed_day(day: str) -> date:
    """The date that `day` spells as YYYY-MM-DD."""
    try:
        parsed = date.fromisoformat(day)
        if parsed.year not in _YEARS:
            raise ValueError
        return parsed
    except ValueError:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "the date is not a day of the calendar") from None


def _parsed_clock(clock: str) -> time:
    try:
        return time.fromisoformat(clock)
    except ValueError:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "the time is not a time of day") from None


def _parsed(document: Document) -> icalendar.Calendar:
    if not document.content:
        raise ValueError
    return icalendar.Calendar.from_ical(document.content.decode("utf-8-sig"))


def _with_uid(document: Document, uid: str) -> tuple[icalendar.Calendar | None, list[Any]]:
    try:
        calendar = _parsed(document)
        return calendar, [event for event in calendar.walk("VEVENT") if str(event.get("UID", "")) == uid]
    except Exception:  # `on` counts the same file as skipped
        return None, []


def _identity(event: Any) -> str:
    """The UID; with `#` and the original start where the event is one of a series."""
    uid = str(event.get("UID", ""))
    occurrence = event.get("RECURRENCE-ID")
    return f"{uid}#{occurrence.to_ical().decode()}" if occurrence is not None else uid


def _mark_cancelled(calendar: icalendar.Calendar, events: list[Any], occurrence: str) -> None:
    suffix = f"#{occurrence}" if occurrence else ""
    chosen = [event for event in events if _identity(event).endswith(suffix)]
    if not chosen:  # an occurrence that only the rule makes: write it down, cancelled (RFC 5545, 3.8.4.4)
        series = next((event for event in events if "RECURRENCE-ID" not in event), None)
        if series is None or "RRULE" not in series:
            raise ToolFailure(FailureKind.NOT_FOUND, "the event has no such occurrence")
        chosen = [_occurrence(series, occurrence)]
        calendar.add_component(chosen[0])
    for event in chosen:
        event.pop("STATUS", None)
        event.add("status", "CANCELLED")


def _occurrence(series: Any, occurrence: str) -> icalendar.Event:
    start = series["DTSTART"].dt
    moment = icalendar.vDDDTypes.from_ical(occurrence)
    if isinstance(start, datetime) and isinstance(moment, datetime) and moment.tzinfo is None:
        moment = moment.replace(tzinfo=start.tzinfo)
    event = icalendar.Event()
    for name in ("UID", "SUMMARY"):
        if name in series:
            event[name] = series[name]
    event.add("dtstamp", datetime.now(UTC))
    event.add("recurrence-id", moment)
    event.add("dtstart", moment)
    event.add("dtend", moment + (series.end - series.start))
    return event


def _attendee(guest: str) -> icalendar.vCalAddress:
    """A guest by address, or by name alone as Apple's calendar writes it."""
    if "@" in guest:
        return icalendar.vCalAddress(f"mailto:{guest}")
    attendee = icalendar.vCalAddress("invalid:nomail")
    attendee.params["CN"] = guest.replace('"', "'")
    return attendee


def _person(attendee: Any) -> str:
    address = str(attendee)
    if address.lower().startswith("mailto:"):
        return address[len("mailto:") :]
    return str(attendee.params.get("CN", address))


def tools(config: CalendarConfig) -> tuple[Tool, ...]:
    """`calendar.list`, `calendar.create` and `calendar.cancel`."""
    calendar = Calendar(config)

    @tool(name="calendar.list", source="builtin", read_only=True, returns=shapes.EVENTS)
    def events(date: Day) -> JSON:
        """List the events of one day in the user's calendar.

        Args:
            date: The day, as YYYY-MM-DD.
        """
        found, skipped = calendar.on(parsed_day(date))
        return {"events": found, **({"skipped": skipped} if skipped else {})}

    @tool(name="calendar.create", source="builtin", returns=shapes.CREATED)
    def create(
        title: Line,
        date: Day,
        time: Clock,
        duration_minutes: Annotated[int, Field(ge=1, le=60 * 24 * 14)] = 60,
        guests: Annotated[list[Line], Field(max_length=100)] | None = None,
        location: Line | None = None,
    ) -> JSON:
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
        start = calendar.instant(date, time)
        return {"id": calendar.create(title, start, duration_minutes, guests or [], location)}

    @tool(name="calendar.cancel", source="builtin", destructive=True, returns=shapes.CANCELLED)
    def cancel(id: Annotated[str, Field(min_length=1, max_length=1000)]) -> JSON:  # noqa: A002
        """Cancel an event of the user's calendar.

        Args:
            id: The id of the event, as calendar.list gives it.
        """
        calendar.cancel(id)
        return {"cancelled": True}

    return events, create, cancel
