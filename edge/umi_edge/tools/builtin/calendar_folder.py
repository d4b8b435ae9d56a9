"""The calendar's folder: what is on a day or anywhere, and changes that leave all else as it was written."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

import icalendar

from umi_edge.tools.builtin.calendar_file import CalendarFile, Entry, Series, Unread
from umi_edge.tools.builtin.folder import Folder
from umi_edge.tools.builtin.organizer import INVITATION, is_invitation, plain_address
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Lost, ToolFailure
from umi_edge.tools.record import Record
from umi_edge.values.json_walk import Location

__all__ = ["Calendar", "CalendarConfig", "NewEvent", "Occurrence"]

_OCCURRENCE = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
_YEARS = range(1970, 2500)  # where every platform knows its local time
_NOT_READ = Unread("it cannot be read, or is too large")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarConfig:
    """Where the calendar files are, and the zone whose days count."""

    folder: Path
    zone: tzinfo | None = None
    """None: the zone that the laptop is in."""
    own_addresses: tuple[str, ...] = field(default=(), repr=False)
    """The user's own e-mail addresses: an event that anybody else organizes is an invitation."""
    max_files: int = 10_000
    max_file_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What an event is made of."""

    title: str = field(repr=False)
    start: date | datetime = field(repr=False)
    length: timedelta
    guests: tuple[str, ...] = field(default=(), repr=False)
    location: str = field(default="", repr=False)
    rule: str = field(default="", repr=False)
    """How it repeats, as an RRULE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event, or one time of a repeated one."""

    component: Any = field(repr=False)
    repeated: bool
    begins: datetime = field(repr=False)
    ends: datetime = field(repr=False)
    invited: bool = False
    """Whether somebody else organizes it."""
    file: str = field(default="", repr=False)
    """The file that it is in, from the folder on, with slashes."""

    def record(self, at: Location) -> Record:
        """It, as the record that a result tells of."""
        texts = tuple(filter(None, (self.title, self.location, *self.attendees)))
        doubt = INVITATION if self.invited else None
        return Record(at=at, texts=texts, id=str(self.component["UID"]), path=self.file, doubt=doubt)

    @property
    def id(self) -> str:
        """The UID; with `#` and the original start where it is one of a series."""
        return _identity(self.component) if self.repeated else str(self.component["UID"])

    @property
    def all_day(self) -> bool:
        """Whether it is about days and not about hours."""
        return not isinstance(self.component.start, datetime)

    @property
    def title(self) -> str:
        """What it is called; empty where it is called nothing."""
        return str(self.component.get("SUMMARY", ""))

    @property
    def location(self) -> str | None:
        """Where it is."""
        return str(self.component["LOCATION"]) if self.component.get("LOCATION") else None

    @property
    def attendees(self) -> list[str]:
        """Who comes, by address where there is one."""
        attendees = self.component.get("ATTENDEE", [])
        return [_person(a) for a in (attendees if isinstance(attendees, list) else [attendees])]


class Calendar:
    """The entries of one folder.

    Cancelling keeps the event and marks it CANCELLED, so that nothing is lost. What cannot be read is told beside
    what can; a file is read again when its content has changed.
    """

    def __init__(self, config: CalendarConfig) -> None:
        self._zone = config.zone
        self._own = frozenset(map(plain_address, config.own_addresses))
        self._folder = Folder(
            path=config.folder,
            suffix=".ics",
            max_files=config.max_files,
            max_file_bytes=config.max_file_bytes,
        )
        self._read: dict[str, tuple[bytes, CalendarFile]] = {}

    def between(self, start: datetime, end: datetime) -> tuple[list[Occurrence], tuple[Lost, ...]]:
        """The events that touch the time from `start` to before `end`, by start, and what could not be read."""
        found: list[Occurrence] = []
        lost: list[Lost] = []
        for path, file in self._files(lost):
            for series in file.series:
                if series.kind != "VEVENT":
                    continue
                components, unread = series.between(start, end)
                name = path.relative_to(self._folder.path).as_posix()
                found += [self._occurrence(component, series, name) for component in components]
                if unread is not None:
                    lost.append(Lost(path.name, unread.why))
        touching = [one for one in found if one.begins < end and (one.ends > start or one.begins >= start)]
        return sorted(touching, key=lambda one: (one.begins, one.title)), tuple(lost)

    def on(self, day: date) -> tuple[list[Occurrence], tuple[Lost, ...]]:
        """The events that touch the local `day`."""
        return self.between(self.midnight(day), self.midnight(day + timedelta(days=1)))

    def create(self, new: NewEvent) -> str:
        """Write a new event; its id is returned."""
        event = icalendar.Event()
        uid = f"{secrets.token_hex(16)}@umi.invalid"
        event.add("uid", uid)
        event.add("summary", new.title)
        # In UTC: one event has one instant, and the file needs no time zone table.
        event.add("dtstamp", datetime.now(UTC))
        event.add("dtstart", _in_utc(new.start))
        event.add("dtend", _in_utc(new.start + new.length))
        if new.location:
            event.add("location", new.location)
        for guest in new.guests:
            event.add("attendee", _attendee(guest), encode=0)
        calendar = icalendar.Calendar()
        calendar.add("prodid", "-//umi//umi//EN")
        calendar.add("version", "2.0")
        calendar.add_component(event)
        self._folder.add(secrets.token_hex(8), calendar.to_ical())
        return uid

    def cancel(self, identity: str) -> None:
        """Mark an event, or one occurrence of a repeated one, as cancelled."""
        self._change(identity, lambda lines, _: _with_line(lines, "STATUS:CANCELLED"))

    def instant(self, day: date, clock: time) -> datetime:
        """The instant of a local date and time."""
        local = datetime.combine(day, clock)
        # Without a configured zone the platform decides, per date: its summer time is respected.
        return local.replace(tzinfo=self._zone) if self._zone else local.astimezone()

    def midnight(self, day: date) -> datetime:
        """When the local `day` begins."""
        return self.instant(day, time())

    def as_json(self, one: Occurrence) -> dict[str, JSON]:
        """An event as the tools give it."""
        return {
            "id": one.id,
            "title": one.title,
            "start": self._moment(one.component.start),
            "end": self._moment(one.component.end),
            "location": one.location,
            "attendees": list(one.attendees),
        }

    def _files(self, lost: list[Lost]) -> Iterator[tuple[Path, CalendarFile]]:
        for document in self._folder.documents():
            if document.content is None:
                lost.append(Lost(document.name, _NOT_READ.why))
                continue
            digest = hashlib.sha256(document.content).digest()
            before = self._read.get(document.name)
            file = before[1] if before and before[0] == digest else CalendarFile.parsed(document.content)
            self._read[document.name] = digest, file
            lost += [Lost(document.name, unread.why) for unread in file.unread]
            yield document.path, file

    def _occurrence(self, component: Any, series: Series, file: str) -> Occurrence:
        return Occurrence(
            component=component,
            repeated=series.repeats,
            invited=is_invitation((entry.component for entry in series.entries), self._own),
            file=file,
            begins=self._as_instant(component.start),
            ends=self._as_instant(component.end),
        )

    def _change(self, identity: str, change: "Callable[[tuple[str, ...], Entry], tuple[str, ...]]") -> None:
        """Write the lines of an event, or of one occurrence of it, anew; an occurrence gets lines of its own."""
        uid, _, occurrence = identity.rpartition("#")
        if not (uid and _OCCURRENCE.fullmatch(occurrence)):
            uid, occurrence = identity, ""
        for path, file in self._files([]):
            for series in file.series:
                if series.uid == uid and series.kind == "VEVENT":
                    self._folder.replace(path, _changed(file, series, occurrence, change))
                    return
        raise ToolFailure(FailureKind.NOT_FOUND, "no event has that id")

    def _as_instant(self, moment: date | datetime) -> datetime:
        if not isinstance(moment, datetime):
            return self.midnight(moment)
        if moment.tzinfo is None:  # a floating time is local wherever one is
            return self.instant(moment.date(), moment.time())
        return moment

    def _moment(self, moment: date | datetime) -> str:
        if not isinstance(moment, datetime):
            return moment.isoformat()
        return self._as_instant(moment).astimezone(self._zone).isoformat(timespec="minutes")


def parsed_day(day: str) -> date:
    """The date that `day` spells as YYYY-MM-DD. Raises `ToolFailure`."""
    try:
        parsed = date.fromisoformat(day)
        if parsed.year not in _YEARS:
            raise ValueError
        return parsed
    except ValueError:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "the date is not a day of the calendar") from None


def parsed_clock(clock: str) -> time:
    """The time of day that `clock` spells as HH:MM. Raises `ToolFailure`."""
    try:
        return time.fromisoformat(clock)
    except ValueError:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "the time is not a time of day") from None


def _changed(
    file: CalendarFile,
    series: Series,
    occurrence: str,
    change: "Callable[[tuple[str, ...], Entry], tuple[str, ...]]",
) -> bytes:
    content = file.content
    suffix = f"#{occurrence}" if occurrence else ""
    chosen = [entry for entry in series.entries if _identity(entry.component).endswith(suffix)]
    for entry in sorted(chosen, key=lambda entry: entry.start, reverse=True):
        new = entry.written(change(entry.lines, entry))
        content = content[: entry.start] + new + content[entry.end :]
    if chosen:
        return content
    # An occurrence that only the rule makes: it is written down (RFC 5545, 3.8.4.4).
    master = next((entry for entry in series.entries if "RECURRENCE-ID" not in entry.component), None)
    if master is None or not any(name in master.component for name in ("RRULE", "RDATE")):
        raise ToolFailure(FailureKind.NOT_FOUND, "the event has no such occurrence")
    new = master.written(change(_occurrence_lines(master, occurrence), master))
    gap = b"" if content[: master.end].endswith((b"\n", b"\r")) else b"\r\n"
    return content[: master.end] + gap + new + content[master.end :]


def _occurrence_lines(master: Entry, occurrence: str) -> tuple[str, ...]:
    """The lines of one occurrence: those of its series, at another time, without the rule."""
    start = master.component.start
    moment = icalendar.vDDDTypes.from_ical(occurrence)
    if isinstance(start, datetime) and isinstance(moment, datetime) and moment.tzinfo is None:
        moment = moment.replace(tzinfo=start.tzinfo)
    if isinstance(start, datetime) != isinstance(moment, datetime):
        raise ToolFailure(FailureKind.NOT_FOUND, "the event has no such occurrence")
    length = master.component.end - start
    dropped = ("RRULE", "RDATE", "EXDATE", "DTSTART", "DTEND", "DURATION", "SEQUENCE", "EXRULE")
    kept = tuple(line for line in master.lines if _name(line) not in dropped)
    return (
        *kept,
        time_line(master, "RECURRENCE-ID", moment),
        time_line(master, "DTSTART", moment),
        time_line(master, "DTEND", moment + length),
    )


def time_line(entry: Entry, name: str, moment: date | datetime) -> str:
    """A line that says a time the way the entry says its start: in the same zone, by the same name."""
    written = next((line for line in entry.lines if _name(line) == "DTSTART"), "DTSTART:Z")
    head, _, value = written.rpartition(":")
    parameters = head[len("DTSTART") :]
    if not isinstance(moment, datetime):
        return f"{name};VALUE=DATE:{moment:%Y%m%d}"
    if value.strip().upper().endswith("Z"):
        return f"{name}:{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    start = entry.component.start
    if not isinstance(start, datetime):
        return f"{name}:{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    there = moment.astimezone(start.tzinfo) if start.tzinfo and moment.tzinfo else moment
    return f"{name}{parameters}:{there:%Y%m%dT%H%M%S}"


def _with_line(lines: tuple[str, ...], line: str) -> tuple[str, ...]:
    """The lines with one more, in the place of those of the same name."""
    return (*(other for other in lines if _name(other) != _name(line)), line)


def _name(line: str) -> str:
    return re.split("[;:]", line, maxsplit=1)[0].upper()


def _identity(component: Any) -> str:
    """The UID; with `#` and the original start where the component is one of a series."""
    uid = str(component.get("UID", ""))
    occurrence = component.get("RECURRENCE-ID")
    return f"{uid}#{occurrence.to_ical().decode()}" if occurrence is not None else uid


def _in_utc(moment: date | datetime) -> date | datetime:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment


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
