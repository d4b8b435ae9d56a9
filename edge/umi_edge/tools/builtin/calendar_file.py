"""One iCalendar file, entry by entry: what can't be read of one entry takes nothing from the others."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import icalendar
import recurring_ical_events
from icalendar.parser import Contentline

from umi_edge.tools.builtin.calendar_zones import zone_named

__all__ = ["CalendarFile", "Entry", "Series", "Unread"]

ENTRY_KINDS = ("VEVENT", "VTODO", "VJOURNAL")
_CHILDREN = (*ENTRY_KINDS, "VTIMEZONE", "VFREEBUSY", "VAVAILABILITY")
_TIMES = frozenset({"DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "EXDATE", "RDATE"})
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_FOLD = re.compile(rb"(?:\r\n|\r|\n)[ \t]")
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY"})
_ZONE = "X-UMI-TZID"
"""The parameter that a TZID waits in until it is looked up here: icalendar knows fewer zones, and shares what a file
defines with every other file."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Something in a file that could not be read, or only in part; the words are the program's own."""

    why: str = field(repr=False)


NO_CALENDAR = Unread("it is no calendar")
CUT_OFF = Unread("the entry is cut off")
NO_START = Unread("the event has no start that can be read")
IN_PART = Unread("some lines of the entry cannot be read")
OTHER_LETTERS = Unread("its letters are of another encoding than UTF-8, and were guessed")
UNKNOWN_ZONE = Unread("its time zone is unknown: the times are shown as they are written")
TOO_OFTEN = Unread("it repeats every second or minute")
NO_RULE = Unread("its dates cannot be worked out")
ENDS_EARLY = Unread("it ends before it starts: its end is left out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One VEVENT, VTODO or VJOURNAL, with its zones looked up."""

    kind: str = field(repr=False)
    uid: str = field(repr=False)
    component: Any = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    """Its own content lines as they were written, unfolded; without those of alarms."""
    inner: bytes = field(repr=False)
    """Alarms, as they were written."""
    start: int
    end: int
    """Where it stands in the file, in bytes."""

    def written(self, lines: tuple[str, ...]) -> bytes:
        """The entry as iCalendar with other lines."""
        folded = b"".join(Contentline(line).to_ical() + b"\r\n" for line in lines)
        return b"BEGIN:%b\r\n%b%bEND:%b\r\n" % (self.kind.encode(), folded, self.inner, self.kind.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All entries of one UID: an event, or a series with the occurrences that differ."""

    uid: str = field(repr=False)
    kind: str = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False)

    @property
    def repeats(self) -> bool:
        """Whether it is more than one entry."""
        return len(self.entries) > 1 or any(
            name in entry.component for entry in self.entries for name in ("RRULE", "RDATE")
        )

    @property
    def dated(self) -> bool:
        """Whether it stands anywhere in time; a to-do need not."""
        return any("DTSTART" in entry.component or "DUE" in entry.component for entry in self.entries)

    def between(self, start: date, end: date) -> tuple[list[Any], Unread | None]:
        """Its occurrences from `start` to before `end`, and what could not be worked out."""
        if not self.dated:
            return [], None
        for rule in self._rules():
            if any(str(frequency).upper() in _TOO_OFTEN for frequency in rule.get("FREQ", [])):
                return [], TOO_OFTEN
        try:
            return self._expanded(start, end), None
        except Exception:  # dateutil and recurring_ical_events raise whatever the dates lead them to
            return [], NO_RULE

    def _rules(self) -> Iterator[Any]:
        for entry in self.entries:
            rules = entry.component.get("RRULE", [])
            yield from rules if isinstance(rules, list) else [rules]

    def _expanded(self, start: date, end: date) -> list[Any]:
        calendar = icalendar.Calendar()
        for entry in self.entries:
            calendar.add_component(entry.component)
        found = recurring_ical_events.of(calendar, components=[self.kind]).between(start, end)
        return [one for one in found if str(one.get("STATUS", "")).upper() != "CANCELLED"]


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """What one file holds. Covered: several calendars in a file, broken lines, entries without an end, entries
    outside of any calendar, UTF-16, and letters of Windows in an entry. Not covered: free/busy times.
    """

    content: bytes = field(repr=False)
    series: tuple[Series, ...] = field(repr=False)
    unread: tuple[Unread, ...] = field(repr=False)

    @classmethod
    def parsed(cls, content: bytes) -> "CalendarFile":
        """Read a file, whatever is in it."""
        content = _as_utf8(content)
        unread: list[Unread] = []
        entries: dict[tuple[str, str], list[Entry]] = {}
        calendars = _calendars(content, unread.append)
        for calendar in calendars:
            zones = _defined_zones(calendar)
            default = calendar.zone_name
            for block in calendar.blocks:
                if block.kind in ENTRY_KINDS:
                    entry = _entry(block, zones, default, unread.append)
                    if entry is not None:
                        entries.setdefault((entry.kind, entry.uid), []).append(entry)
        if not calendars:
            unread.append(NO_CALENDAR)
        series = tuple(
            Series(uid=uid, kind=kind, entries=tuple(found)) for (kind, uid), found in entries.items()
        )
        return cls(content, series, tuple(unread))

    def replaced(self, entry: Entry, by: bytes) -> bytes:
        """The file with other text in the place of an entry; all else stays byte by byte."""
        return self.content[: entry.start] + by + self.content[entry.end :]


@dataclass(slots=True, kw_only=True)
class _Block:
    kind: str = field(repr=False)
    start: int
    end: int = 0
    lines: list[bytes] = field(default_factory=list, repr=False)
    inner: bytes = field(default=b"", repr=False)

    def texts(self) -> tuple[tuple[str, ...], bool]:
        """The content lines, unfolded, and whether the letters had to be guessed."""
        whole = b"\n".join(self.lines)
        try:
            return tuple(whole.decode().split("\n")) if whole else (), False
        except UnicodeDecodeError:
            return tuple(whole.decode("cp1252", "replace").split("\n")), True


@dataclass(slots=True)
class _Calendar:
    lines: list[bytes] = field(default_factory=list, repr=False)
    blocks: list[_Block] = field(default_factory=list, repr=False)

    @property
    def zone_name(self) -> str:
        """The zone of the whole calendar, as Google and Apple write it; empty where there is none."""
        for line in self.lines:
            name, _, value = line.decode("utf-8", "replace").partition(":")
            if name.partition(";")[0].upper() == "X-WR-TIMEZONE":
                return value.strip()
        return ""


def _as_utf8(content: bytes) -> bytes:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(b"\xef\xbb\xbf")


def _calendars(content: bytes, tell: Callable[[Unread], None]) -> list[_Calendar]:
    """The calendars of a file with the blocks in them, whether or not the file ends them."""
    found: list[_Calendar] = []
    block: _Block | None = None
    depth = 0  # of alarms and the like inside of a block
    for line, start, end in _content_lines(content):
        word, _, kind = line.strip().decode("latin-1").upper().partition(":")
        begins, ends = word == "BEGIN", word == "END"
        if block is not None and (
            (begins and kind in ("VCALENDAR", *_CHILDREN)) or (ends and kind == "VCALENDAR")
        ):
            tell(CUT_OFF)
            block = None
        if begins and kind == "VCALENDAR":
            found.append(_Calendar())
        elif begins and block is None and kind in _CHILDREN:
            if not found:
                found.append(_Calendar())
            block, depth = _Block(kind=kind, start=start), 0
        elif block is None:
            if found:
                found[-1].lines.append(line)
        elif ends and kind == block.kind:
            block.end = end
            found[-1].blocks.append(block)
            block = None
        elif begins or ends or depth:
            depth += begins - ends
            block.inner += content[start:end]
        else:
            block.lines.append(line)
    if block is not None:
        tell(CUT_OFF)
    return found


def _content_lines(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each content line, unfolded, with where it starts and ends in the file."""
    start, folded = 0, b""
    for match in _LINE.finditer(content):
        if match[0][:1] in (b" ", b"\t"):
            folded += match[0]
            continue
        if folded.strip():
            yield _FOLD.sub(b"", folded).rstrip(b"\r\n"), start, match.start()
        start, folded = match.start(), match[0]
    if folded.strip():
        yield _FOLD.sub(b"", folded).rstrip(b"\r\n"), start, len(content)


def _defined_zones(calendar: _Calendar) -> Mapping[str, tzinfo]:
    zones: dict[str, tzinfo] = {}
    for block in calendar.blocks:
        if block.kind == "VTIMEZONE":
            lines = "\r\n".join(block.texts()[0])
            text = f"BEGIN:VTIMEZONE\r\n{lines}\r\n{block.inner.decode('utf-8', 'replace')}END:VTIMEZONE\r\n"
            try:
                zone = icalendar.Timezone.from_ical(text)
                zones[str(zone["TZID"])] = zone.to_tz(lookup_tzid=False)
            except Exception:  # noqa: S112  # then its name has to do; if it does not, the entries say so
                continue
    return zones


def _entry(
    block: _Block, zones: Mapping[str, tzinfo], default: str, tell: Callable[[Unread], None]
) -> Entry | None:
    lines, guessed = block.texts()
    if guessed:
        tell(OTHER_LETTERS)
    component, whole = _component(block.kind, lines)
    if block.kind == "VEVENT" and "DTSTART" not in component:
        tell(NO_START)
        return None
    if not whole:
        tell(IN_PART)
    if not _look_up_zones(component, zones, default):
        tell(UNKNOWN_ZONE)
    if "DTEND" in component and not _ends_after_start(component):
        tell(ENDS_EARLY)
        del component["DTEND"]
    uid = str(component.get("UID", "")) or hashlib.sha256(b"\n".join(block.lines)).hexdigest()[:32]
    component["UID"] = icalendar.vText(uid)
    return Entry(
        kind=block.kind,
        uid=uid,
        component=component,
        lines=lines,
        inner=block.inner,
        start=block.start,
        end=block.end,
    )


def _component(kind: str, lines: tuple[str, ...]) -> tuple[Any, bool]:
    """The component of those lines that can be read, and whether that is all of them."""
    texts = [_with_waiting_zone(line) for line in lines]
    component = _parsed(kind, [text for text in texts if text])
    if component is not None and all(texts):
        return component, True
    readable = [text for text in texts if text and _parsed(kind, [text]) is not None]
    component = _parsed(kind, readable)
    return (icalendar.Event() if component is None else component), False


def _with_waiting_zone(line: str) -> str:
    """The line with its TZID under another name; empty where it is no content line."""
    try:
        name, parameters, value = Contentline(line).parts()
        if name.upper() not in _TIMES or "TZID" not in parameters:
            return line
        parameters[_ZONE] = parameters.pop("TZID")
        return str(Contentline.from_parts(name, parameters, value))
    except Exception:  # icalendar raises whatever its parsing met
        return ""


def _parsed(kind: str, lines: list[str]) -> Any | None:
    try:
        component = icalendar.Component.from_ical("\r\n".join((f"BEGIN:{kind}", *lines, f"END:{kind}", "")))
    except Exception:  # the same
        return None
    return None if component.errors else component


def _look_up_zones(component: Any, zones: Mapping[str, tzinfo], default: str) -> bool:
    """Put every time of a component into its zone; whether each zone is known."""
    known = True
    calendars = zone_named(default, zones) if default else None
    for name in _TIMES & set(component):
        values = component[name] if isinstance(component[name], list) else [component[name]]
        for value in values:
            named = str(value.params.get(_ZONE, ""))
            zone = zone_named(named, zones) if named else None
            known = known and (zone is not None or not named) and (calendars is not None or not default)
            for moment in getattr(value, "dts", [value]):
                moment.dt = _in_zone(moment.dt, zone, calendars if not named else None)
            if zone is not None and not hasattr(value, "dts"):
                value.params.pop(_ZONE, None)
    return known


def _ends_after_start(component: Any) -> bool:
    try:
        return bool(component["DTSTART"].dt <= component["DTEND"].dt)
    except (
        KeyError,
        TypeError,
        AttributeError,
    ):  # one is a date and one a time, or only one has a zone; or two ends
        return False


def _in_zone(moment: Any, zone: tzinfo | None, calendars: tzinfo | None) -> Any:
    """A time in its own zone; one in UTC, or in none, in the calendar's, so that it repeats by that zone's clock."""
    if isinstance(moment, tuple):  # a period
        return tuple(_in_zone(part, zone, calendars) for part in moment)
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone or calendars)
    return moment.astimezone(calendars) if calendars is not None and _is_utc(moment) else moment


def _is_utc(moment: datetime) -> bool:
    return moment.tzinfo is UTC or moment.tzname() == "UTC"
