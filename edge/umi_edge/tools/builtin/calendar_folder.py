"""The calendar's folder: what is on a day or anywhere, and changes that leave all else as it was written."""

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

import icalendar
from icalendar.parser import Contentline

from umi_edge.tools.builtin.calendar_file import CalendarFile, Series
from umi_edge.tools.builtin.calendar_lines import (
    Change,
    Lines,
    Standing,
    as_text,
    attendee_of,
    changed,
    identity_of,
    in_utc,
    name_of,
    person_of,
    time_line,
    with_line,
)
from umi_edge.tools.builtin.copied_folder import CopiedFolder, beside, gaps_of_copies, source_of
from umi_edge.tools.builtin.folder import Folder
from umi_edge.tools.builtin.organizer import INVITATION, is_invitation, plain_address
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, Lost, ToolFailure
from umi_edge.tools.record import Doubt, Record
from umi_edge.values.json_walk import Location

__all__ = [
    "Calendar",
    "CalendarConfig",
    "Changes",
    "NewEvent",
    "NewTodo",
    "Occurrence",
    "parsed_clock",
    "parsed_day",
]

_OCCURRENCE = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
_YEARS = range(1970, 2500)  # where every platform knows its local time


_KINDS = {"VEVENT": "event", "VTODO": "to-do"}
_DONE = ("COMPLETED", "CANCELLED")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarConfig:
    """Where the calendar files are, and the zone whose days count."""

    folder: Path
    zone: tzinfo | None = None
    """None: the zone that the laptop is in."""
    own_addresses: tuple[str, ...] = field(default=(), repr=False)
    """The user's own e-mail addresses: an event that anybody else organizes is an invitation."""
    now: Callable[[], datetime] | None = None
    """The clock; None: the laptop's."""
    copies: tuple[CopiedFolder, ...] = field(default=(), repr=False)
    """What was fetched from servers, in it or beside it; nothing is written there."""
    max_files: int = 50_000
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
class Changes:
    """What is to be otherwise about an event; None: as it is."""

    title: str | None = field(default=None, repr=False)
    day: date | None = field(default=None, repr=False)
    clock: time | None = field(default=None, repr=False)
    length: timedelta | None = None
    guests: tuple[str, ...] | None = field(default=None, repr=False)
    location: str | None = field(default=None, repr=False)

    @property
    def moves(self) -> bool:
        """Whether the event is then at another time."""
        return (self.day, self.clock, self.length) != (None, None, None)


@dataclass(frozen=True, slots=True)
class NewTodo:
    """What a to-do is made of."""

    title: str = field(repr=False)
    due: date | datetime | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTodo:
    """What is still to be done."""

    uid: str = field(repr=False)
    title: str = field(repr=False)
    due: date | datetime | None = field(repr=False)
    source: str = field(default="", repr=False)
    """Where it is from, where there is more than one such place."""


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
    source: str = field(default="", repr=False)
    """Where it is from, where there is more than one such place."""

    def record(self, at: Location) -> Record:
        """It, as the record that a result tells of."""
        texts = tuple(filter(None, (self.title, self.location, *self.attendees)))
        doubt = INVITATION if self.invited else None
        return Record(at=at, texts=texts, id=str(self.component["UID"]), path=self.file, doubt=doubt)

    @property
    def id(self) -> str:
        """The UID; with `#` and the original start where it is one of a series."""
        return identity_of(self.component) if self.repeated else str(self.component["UID"])

    @property
    def all_day(self) -> bool:
        """Whether it is about days and not about hours."""
        return not isinstance(self.component.start, datetime)

    @property
    def busy(self) -> bool:
        """Whether one is not free then."""
        said = str(self.component.get("TRANSP", "")).upper()
        return said == "OPAQUE" if self.all_day else said != "TRANSPARENT"

    @property
    def title(self) -> str:
        """What it is called; empty where it is called nothing."""
        return str(self.component.get("SUMMARY", ""))

    @property
    def location(self) -> str | None:
        """Where it is."""
        return str(self.component["LOCATION"]) if self.component.get("LOCATION") else None

    @property
    def people(self) -> list[str]:
        """Who comes, by every name and address that the event has."""
        attendees = self.component.get("ATTENDEE", [])
        return [
            f"{one} {getattr(one, 'params', {}).get('CN', '')}"
            for one in (attendees if isinstance(attendees, list) else [attendees])
        ]

    @property
    def attendees(self) -> list[str]:
        """Who comes, by address where there is one."""
        attendees = self.component.get("ATTENDEE", [])
        return [person_of(a) for a in (attendees if isinstance(attendees, list) else [attendees])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """A journal entry: a text, of a day or of none."""

    uid: str = field(repr=False)
    title: str = field(repr=False)
    text: str = field(repr=False)
    day: date | None = field(repr=False)
    file: str = field(repr=False)
    """The file that it is in, from the folder on, with slashes."""
    doubt: Doubt | None
    """What makes it somebody else's."""


class Calendar:
    """The entries of a folder, and of the copies beside it.

    Cancelling keeps the event and marks it CANCELLED, so that nothing is lost. What cannot be read is told beside
    what can; a file is read again when its content has changed.
    """

    def __init__(self, config: CalendarConfig) -> None:
        self._zone = config.zone
        self._now = config.now
        self._copies = config.copies
        self._own = frozenset(map(plain_address, config.own_addresses))
        self._folder = Folder(
            path=config.folder,
            suffix=".ics",
            max_files=config.max_files,
            max_file_bytes=config.max_file_bytes,
        )
        self._source = source_of(config.folder, config.copies)
        self._shelves = {self._source: (self._folder, config.folder)}
        """By what their source is called: the folder, and from where the names of its files count."""
        for one in beside(config.folder, config.copies):
            self._shelves[one.account] = (replace(self._folder, path=one.path), one.path.parent)
        self._read: dict[Path, tuple[bytes, CalendarFile]] = {}

    def between(self, start: datetime, end: datetime) -> tuple[list[Occurrence], tuple[Lost, ...]]:
        """The events that touch the time from `start` to before `end`, by start, and what could not be read."""
        found: list[Occurrence] = []
        lost: list[Lost] = []
        for path, file, source in self._files(lost):
            for series in file.series:
                if series.kind != "VEVENT":
                    continue
                components, unread = series.between(start, end)
                name = self._name_of(path, source)
                found += [self._occurrence(component, series, name, source) for component in components]
                if unread is not None:
                    lost.append(Lost(path.name, unread.why))
        touching = [one for one in found if one.begins < end and (one.ends > start or one.begins >= start)]
        return sorted(touching, key=lambda one: (one.begins, one.title)), tuple(lost)

    def on(self, day: date) -> tuple[list[Occurrence], tuple[Lost, ...]]:
        """The events that touch the local `day`."""
        return self.between(self.midnight(day), self.midnight(day + timedelta(days=1)))

    def search(
        self, first: date, last: date, matches: Callable[[Occurrence], bool]
    ) -> tuple[list[Occurrence], tuple[Lost, ...]]:
        """The events from the local day `first` to the end of `last` that match, by start."""
        found, lost = self.between(self.midnight(first), self.midnight(last + timedelta(days=1)))
        return [one for one in found if matches(one)], lost

    def free(
        self, day: date, earliest: time, latest: time, least: timedelta
    ) -> tuple[list[tuple[datetime, datetime]], tuple[Lost, ...]]:
        """The times of a day that no event takes, from `least` on. An event about whole days takes none, unless it
        says so.
        """
        start, end = self.instant(day, earliest), self.instant(day, latest)
        found, lost = self.between(start, end)
        gaps: list[tuple[datetime, datetime]] = []
        for one in found:
            if one.busy:
                if one.begins - start >= least:
                    gaps.append((start, one.begins))
                start = max(start, one.ends)
        if end - start >= least:
            gaps.append((start, end))
        return gaps, lost

    def todos(self) -> tuple[list[OpenTodo], tuple[Lost, ...]]:
        """The to-dos that are open, those that are due first first."""
        lost: list[Lost] = []
        found = []
        for _, file, source in self._files(lost):
            for series in file.series:
                todo = series.entries[0].component
                if series.kind == "VTODO" and str(todo.get("STATUS", "")).upper() not in _DONE:
                    due = todo["DUE"].dt if "DUE" in todo else None
                    due = due if due is None or due.year in _YEARS else None
                    title = str(todo.get("SUMMARY", ""))
                    found.append(OpenTodo(uid=series.uid, title=title, due=due, source=source))
        far = datetime.max.replace(tzinfo=UTC)
        found.sort(key=lambda one: (far if one.due is None else self._as_instant(one.due), one.title))
        return found, tuple(lost)

    def journals(self) -> list[Journal]:
        """The journal entries that are not cancelled."""
        found: list[Journal] = []
        for path, file, source in self._files([]):
            name = self._name_of(path, source)
            for series in file.series:
                if series.kind == "VJOURNAL":
                    doubt = INVITATION if self._is_invitation(series) else None
                    found += [
                        Journal(
                            uid=f"{series.uid}#{index}" if index else series.uid,
                            title=str(entry.component.get("SUMMARY", "")),
                            text=_descriptions(entry.component),
                            day=_day_of(entry.component),
                            file=name,
                            doubt=doubt,
                        )
                        for index, entry in enumerate(series.entries)
                        if str(entry.component.get("STATUS", "")).upper() != "CANCELLED"
                    ]
        return found

    def counts(self) -> tuple[Counter[str], tuple[Lost, ...]]:
        """How many series of each kind there are (VEVENT, VTODO, VJOURNAL), and what could not be read."""
        lost = list(self._folder.gaps())
        return Counter(series.kind for _, file, _ in self._files(lost) for series in file.series), tuple(lost)

    def add_todo(self, new: NewTodo) -> str:
        """Write a new to-do; its id is returned."""
        todo = icalendar.Todo()
        uid = f"{secrets.token_hex(16)}@umi.invalid"
        todo.add("uid", uid)
        todo.add("summary", new.title)
        todo.add("dtstamp", datetime.now(UTC))
        if new.due is not None:
            todo.add("due", in_utc(new.due))
        self._write(todo)
        return uid

    def finish_todo(self, uid: str) -> None:
        """Mark a to-do as completed."""
        done = f"COMPLETED:{datetime.now(UTC):%Y%m%dT%H%M%SZ}"

        def finished(lines: Lines, _: Standing) -> Lines:
            return with_line(with_line(with_line(lines, "STATUS:COMPLETED"), "PERCENT-COMPLETE:100"), done)

        self._change(uid, finished, kind="VTODO")

    def update(self, identity: str, changes: Changes) -> None:
        """Change an event, or one occurrence of a repeated one."""
        self._change(identity, lambda lines, standing: self._updated(lines, standing, changes))

    def _updated(self, lines: Lines, standing: Standing, changes: Changes) -> Lines:
        if changes.title is not None:
            lines = with_line(lines, f"SUMMARY:{as_text(changes.title)}")
        if changes.location is not None:
            lines = with_line(lines, f"LOCATION:{as_text(changes.location)}")
        if changes.guests is not None:
            attendees = [attendee_of(guest) for guest in changes.guests]
            lines = (
                *(line for line in lines if name_of(line) != "ATTENDEE"),
                *(str(Contentline.from_parts("ATTENDEE", one.params, one)) for one in attendees),
            )
        return self._moved(lines, standing, changes) if changes.moves else lines

    def _moved(self, lines: Lines, standing: Standing, changes: Changes) -> Lines:
        if standing.whole_series:
            raise ToolFailure(
                FailureKind.INVALID_ARGUMENTS,
                "a repeated event is moved one time at a time: give the id of that time",
            )
        timed = isinstance(standing.start, datetime)
        local = self._as_instant(standing.start).astimezone(self._zone)
        day, length = changes.day or local.date(), changes.length or standing.length
        start: date | datetime = day
        if timed or changes.clock is not None:
            start = self.instant(day, changes.clock or local.time())
            length = length if timed or changes.length else timedelta(hours=1)
        elif changes.length is not None:
            length = timedelta(days=max(1, changes.length.days))
        kept = tuple(line for line in lines if name_of(line) != "DURATION")
        entry = standing.entry
        moved = with_line(kept, time_line(entry, "DTSTART", start))
        return with_line(moved, time_line(entry, "DTEND", start + length))

    def create(self, new: NewEvent) -> str:
        """Write a new event; its id is returned."""
        event = icalendar.Event()
        uid = f"{secrets.token_hex(16)}@umi.invalid"
        event.add("uid", uid)
        event.add("summary", new.title)
        # In UTC: one event has one instant, and the file needs no time zone table.
        event.add("dtstamp", datetime.now(UTC))
        start, end = new.start, new.start + new.length
        if new.rule and isinstance(start, datetime) and isinstance(end, datetime):
            # But a repeated one is at that hour of the local clock, in summer too.
            start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
            event.add("dtstart", start)
            event.add("dtend", end)
        else:
            event.add("dtstart", in_utc(start))
            event.add("dtend", in_utc(end))
        if new.rule:
            event.add("rrule", icalendar.vRecur.from_ical(new.rule))
        if new.location:
            event.add("location", new.location)
        for guest in new.guests:
            event.add("attendee", attendee_of(guest), encode=0)
        self._write(event)
        return uid

    def cancel(self, identity: str) -> None:
        """Mark an event, or one occurrence of a repeated one, as cancelled."""
        self._change(identity, lambda lines, _: with_line(lines, "STATUS:CANCELLED"))

    def instant(self, day: date, clock: time) -> datetime:
        """The instant of a local date and time."""
        local = datetime.combine(day, clock)
        # Without a configured zone the platform decides, per date: its summer time is respected.
        return local.replace(tzinfo=self._zone) if self._zone else local.astimezone()

    def today(self) -> date:
        """The local day that it is."""
        return self.now().date()

    def now(self) -> datetime:
        """The local time that it is."""
        now = self._now() if self._now else datetime.now(UTC)
        return now.astimezone(self._zone)

    def midnight(self, day: date) -> datetime:
        """When the local `day` begins."""
        return self.instant(day, time())

    def as_json(self, one: Occurrence) -> dict[str, JSON]:
        """An event as the tools give it."""
        return {
            "id": one.id,
            "title": one.title,
            "start": self.moment(one.component.start),
            "end": self.moment(one.component.end),
            "location": one.location,
            "attendees": list(one.attendees),
            **({"source": one.source} if one.source else {}),
        }

    def _write(self, component: Any) -> None:
        calendar = icalendar.Calendar()
        calendar.add("prodid", "-//umi//umi//EN")
        calendar.add("version", "2.0")
        calendar.add_component(component)
        self._folder.add(secrets.token_hex(8), calendar.to_ical())

    def moment(self, moment: date | datetime) -> str:
        """A day, or an instant with the offset that the local clock then has."""
        if not isinstance(moment, datetime):
            return moment.isoformat()
        return self._as_instant(moment).astimezone(self._zone).isoformat(timespec="minutes")

    def _files(self, lost: list[Lost]) -> Iterator[tuple[Path, CalendarFile, str]]:
        """Each file, and the source that it is of."""
        lost += gaps_of_copies(self._copies)
        for source, (folder, _) in self._shelves.items():
            for document in folder.documents():
                if document.content is None:
                    lost.append(document.lost)
                    continue
                digest = hashlib.sha256(document.content).digest()
                before = self._read.get(document.path)
                file = before[1] if before and before[0] == digest else CalendarFile.parsed(document.content)
                self._read[document.path] = digest, file
                lost += [Lost(document.name, unread.why) for unread in file.unread]
                yield document.path, file, source

    def _name_of(self, path: Path, source: str) -> str:
        return path.relative_to(self._shelves[source][1]).as_posix()

    def _occurrence(self, component: Any, series: Series, file: str, source: str) -> Occurrence:
        return Occurrence(
            source=source,
            component=component,
            repeated=series.repeats,
            invited=self._is_invitation(series),
            file=file,
            begins=self._as_instant(component.start),
            ends=self._as_instant(component.end),
        )

    def _is_invitation(self, series: Series) -> bool:
        return is_invitation((entry.component for entry in series.entries), self._own)

    def _change(self, identity: str, change: Change, *, kind: str = "VEVENT") -> None:
        """Write the lines of an entry, or of one occurrence of it, anew; an occurrence gets lines of its own."""
        uid, _, occurrence = identity.rpartition("#")
        if not (uid and _OCCURRENCE.fullmatch(occurrence)):
            uid, occurrence = identity, ""
        named = [
            (path, file, series, source)
            for path, file, source in self._files([])
            for series in file.series
            if series.uid == uid and series.kind == kind
        ]
        meant = [(path, file, series) for path, file, series, source in named if source == self._source]
        if named and not meant:
            raise ToolFailure(
                FailureKind.UNAVAILABLE, f"umi does not write to {named[0][3]}: change it there"
            )
        if len(meant) != 1:  # whoever sends an invitation chooses its id, and may take that of another event
            raise ToolFailure(FailureKind.NOT_FOUND, f"no {_KINDS[kind]}, or more than one, has that id")
        [(path, file, series)] = meant
        self._folder.replace(path, changed(file, series, occurrence, change))

    def _as_instant(self, moment: date | datetime) -> datetime:
        if not isinstance(moment, datetime):
            return self.midnight(moment)
        if moment.tzinfo is None:  # a floating time is local wherever one is
            return self.instant(moment.date(), moment.time())
        return moment


def _descriptions(component: Any) -> str:
    """The texts of a journal entry, which may have several."""
    found = component.get("DESCRIPTION", [])
    return "\n\n".join(map(str, found if isinstance(found, list) else [found]))


def _day_of(component: Any) -> date | None:
    moment = getattr(component.get("DTSTART"), "dt", None)
    return moment.date() if isinstance(moment, datetime) else moment if isinstance(moment, date) else None


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
