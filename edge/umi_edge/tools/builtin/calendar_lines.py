"""The content lines of calendar entries: how a change is written, so that all else stays as it was."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar

from umi_edge.tools.builtin.calendar_file import CalendarFile, Entry, Series
from umi_edge.tools.outcome import FailureKind, ToolFailure

__all__ = [
    "Change", "Lines", "Standing", "as_text", "attendee_of", "changed", "identity_of", "in_utc", "name_of", "person_of",
    "time_line", "with_line",
]  # fmt: skip

Lines = tuple[str, ...]
"""Content lines of an entry."""


@dataclass(frozen=True, slots=True)
class Standing:
    """When an entry, or one occurrence of it, is now."""

    entry: Entry = field(repr=False)
    start: date | datetime = field(repr=False)
    length: timedelta
    whole_series: bool


Change = Callable[[Lines, Standing], Lines]


def changed(file: CalendarFile, series: Series, occurrence: str, change: Change) -> bytes:
    content = file.content
    suffix = f"#{occurrence}" if occurrence else ""
    chosen = [entry for entry in series.entries if identity_of(entry.component).endswith(suffix)]
    for entry in sorted(chosen, key=lambda entry: entry.start, reverse=True):
        new = entry.written(change(entry.lines, _standing(entry, whole=series.repeats and not occurrence)))
        content = content[: entry.start] + new + content[entry.end :]
    if chosen:
        return content
    # An occurrence that only the rule makes: it is written down (RFC 5545, 3.8.4.4).
    master = next((entry for entry in series.entries if "RECURRENCE-ID" not in entry.component), None)
    if master is None or not any(name in master.component for name in ("RRULE", "RDATE")):
        raise ToolFailure(FailureKind.NOT_FOUND, "the event has no such occurrence")
    standing = _occurrence(master, occurrence)
    if not _has(series, standing.start):
        raise ToolFailure(FailureKind.NOT_FOUND, "the event has no such occurrence")
    new = master.written(change(_occurrence_lines(standing), standing))
    gap = b"" if content[: master.end].endswith((b"\n", b"\r")) else b"\r\n"
    return content[: master.end] + gap + new + content[master.end :]


def _has(series: Series, start: date | datetime) -> bool:
    """Whether a series has a time that begins then."""
    step = timedelta(minutes=1) if isinstance(start, datetime) else timedelta(days=1)
    return any(one.start == start for one in series.between(start, start + step)[0])


def _standing(entry: Entry, *, whole: bool) -> Standing:
    component = entry.component
    if "DTSTART" not in component:
        return Standing(entry, date.min, timedelta(), whole)
    return Standing(entry, component.start, component.end - component.start, whole)


def _occurrence(master: Entry, occurrence: str) -> Standing:
    """One time of a series, which only its rule makes. Raises `ToolFailure`."""
    start = master.component.start
    moment = icalendar.vDDDTypes.from_ical(occurrence)
    if isinstance(start, datetime) and isinstance(moment, datetime) and moment.tzinfo is None:
        moment = moment.replace(tzinfo=start.tzinfo)
    if isinstance(start, datetime) != isinstance(moment, datetime):
        raise ToolFailure(FailureKind.NOT_FOUND, "the event has no such occurrence")
    return Standing(master, moment, master.component.end - start, whole_series=False)


def _occurrence_lines(standing: Standing) -> Lines:
    """The lines of one occurrence: those of its series, at another time, without the rule."""
    master, moment, length = standing.entry, standing.start, standing.length
    dropped = ("RRULE", "RDATE", "EXDATE", "DTSTART", "DTEND", "DURATION", "SEQUENCE", "EXRULE")
    kept = tuple(line for line in master.lines if name_of(line) not in dropped)
    return (
        *kept,
        time_line(master, "RECURRENCE-ID", moment),
        time_line(master, "DTSTART", moment),
        time_line(master, "DTEND", moment + length),
    )


def time_line(entry: Entry, name: str, moment: date | datetime) -> str:
    """A line that says a time the way the entry says its start: in the same zone, by the same name."""
    written = next((line for line in entry.lines if name_of(line) == "DTSTART"), "DTSTART:Z")
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


def as_text(text: str) -> str:
    return str(icalendar.vText(text).to_ical(), "utf-8")


def with_line(lines: Lines, line: str) -> Lines:
    """The lines with one more, in the place of those of the same name."""
    return (*(other for other in lines if name_of(other) != name_of(line)), line)


def name_of(line: str) -> str:
    return re.split("[;:]", line, maxsplit=1)[0].upper()


def identity_of(component: Any) -> str:
    """The UID; with `#` and the original start where the component is one of a series."""
    uid = str(component.get("UID", ""))
    occurrence = component.get("RECURRENCE-ID")
    return f"{uid}#{occurrence.to_ical().decode()}" if occurrence is not None else uid


def in_utc(moment: date | datetime) -> date | datetime:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment


def attendee_of(guest: str) -> icalendar.vCalAddress:
    """A guest by address, or by name alone as Apple's calendar writes it."""
    if "@" in guest:
        return icalendar.vCalAddress(f"mailto:{guest}")
    attendee = icalendar.vCalAddress("invalid:nomail")
    attendee.params["CN"] = guest.replace('"', "'")
    return attendee


def person_of(attendee: Any) -> str:
    address = str(attendee)
    if address.lower().startswith("mailto:"):
        return address[len("mailto:") :]
    return str(attendee.params.get("CN", address))
