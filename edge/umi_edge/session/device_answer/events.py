"""Events, as the device lists them: those that the user's words pick, by day, and the time that they leave free."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby

from umi_edge.session.device_answer.asked import Asked
from umi_edge.session.device_answer.listed import Listed
from umi_edge.session.device_answer.style import Moment, Style
from umi_edge.session.item_evidence import has_term
from umi_edge.session.listed_items import Item
from umi_edge.session.narrowed_events import telling

__all__ = ["free_lines", "lines_of_events", "lines_of_free"]

_MOST = 20
_WAKING = time(8), time(20)
"""Where nothing else is said, free time is looked for between these, as `calendar.free` does."""
_MOST_FREE_DAYS = 7
_SHORTEST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class _Event:
    item: Item = field(repr=False)
    first: Moment = field(repr=False)
    last: Moment | None = field(repr=False)
    """The last day of what takes whole days."""

    @property
    def begins(self) -> datetime:
        return self.first if isinstance(self.first, datetime) else datetime.combine(self.first, time())

    @property
    def ends(self) -> datetime:
        if isinstance(self.last, datetime):
            return max(self.last, self.begins + timedelta(minutes=1))
        day = self.begins.date() if isinstance(self.first, datetime) else self.last or self.first
        if isinstance(self.first, datetime):
            return self.begins + timedelta(minutes=1)
        return datetime.combine(day, time()) + timedelta(days=1)

    @property
    def whole_days(self) -> bool:
        return not isinstance(self.first, datetime)

    def is_within(self, first: time, last: time) -> bool:
        """Whether it takes some of these hours, of any of its days."""
        if self.whole_days or self.begins.date() != (self.ends - timedelta(microseconds=1)).date():
            return True
        day = self.begins.date()
        return self.begins < datetime.combine(day, last) and self.ends > datetime.combine(day, first)


def lines_of_events(listed: Listed, asked: Asked) -> str:
    """The events that are asked for, in the user's words for days."""
    style = listed.style
    events = [*_events(listed)]
    chosen = _chosen(events, asked)
    if asked.free and "date" in listed.given and (days := _days_of(str(listed.given["date"]))):
        return free_lines(days, events, [_line(listed, one, asked) for one in chosen], asked, style)
    if not chosen:
        return _nothing(listed, asked)
    lines = [_line(listed, one, asked) for one in chosen[:_MOST]]
    more = [style.say("more", n=len(chosen) - _MOST)] if len(chosen) > _MOST else []
    head = [f"{style.count('events', len(chosen))}:"] if asked.counts else []
    if listed.stays("start", "end"):
        return "\n".join((*head, *(f"- {line}" for line in lines), *more))
    first = _first_of(str(listed.given.get("date") or listed.given.get("when") or "")) or date.min
    on = [style.day(max(one.begins.date(), first)) for one in chosen[:_MOST]]
    if len(lines) == 1:
        return "\n".join((*head, f"{on[0]}, {lines[0]}", *more))
    blocks = [
        "\n".join((f"{day}:", *(f"- {line}" for _, line in group)))
        for day, group in groupby(zip(on, lines, strict=True), key=lambda one: one[0])
    ]
    return "\n\n".join((*head, *blocks, *more))


def free_lines(
    days: Sequence[date], events: Sequence[_Event], lines: Sequence[str], asked: Asked, style: Style
) -> str:
    """What of some days nothing takes, and below that what takes the rest."""
    busy = [one for one in events if not one.whole_days]
    gaps = [(day, [*_gaps(day, busy, asked)]) for day in days]
    told = [_free_day(day, found, style) for day, found in gaps]
    return "\n".join((*told, *([style.say("taken"), *(f"- {one}" for one in lines)] if lines else [])))


def lines_of_free(listed: Listed, asked: Asked) -> str:
    """The free times that a call gave, by day; of them the hours that are asked for."""
    style, hours = listed.style, asked.hours
    by_day: dict[date, list[tuple[datetime, datetime]]] = {
        day: [] for day in _days_of(str(listed.given.get("date", "")))
    }
    for item in listed.items:
        first, last = listed.moment(item, "start"), listed.moment(item, "end")
        if isinstance(first, datetime) and isinstance(last, datetime):
            by_day.setdefault(first.date(), []).extend(_within(first, last, hours))
    return "\n".join(_free_day(day, gaps, style) for day, gaps in sorted(by_day.items()))


def _within(
    first: datetime, last: datetime, hours: tuple[time, time] | None
) -> Iterator[tuple[datetime, datetime]]:
    if hours is None:
        yield first, last
    else:
        begins = max(first, datetime.combine(first.date(), hours[0]))
        ends = min(last, datetime.combine(first.date(), hours[1]))
        if (
            _is_point(hours) and begins < ends
        ):  # the whole gap tells more than the minute that was asked about
            yield first, last
        elif begins < ends:
            yield begins, ends


def _is_point(hours: tuple[time, time]) -> bool:
    return datetime.combine(date.min, hours[1]) - datetime.combine(date.min, hours[0]) <= timedelta(minutes=1)


def _gaps(day: date, busy: Sequence[_Event], asked: Asked) -> Iterator[tuple[datetime, datetime]]:
    hours = asked.hours
    first, last = _WAKING if hours is None or _is_point(hours) else hours
    if hours is not None and _is_point(hours):
        first, last = min(first, hours[0]), max(last, hours[1])
    if hours is not None and hours[0] == time(0):
        first = _WAKING[0]
    start, end = datetime.combine(day, first), datetime.combine(day, last).replace(microsecond=0)
    for one in sorted(busy, key=lambda one: one.begins):
        if one.ends > start and one.begins < end:
            if one.begins - start >= _SHORTEST:
                yield from _within(start, one.begins, hours)
            start = max(start, one.ends)
    if end - start >= _SHORTEST:
        yield from _within(start, end, hours)


def _free_day(day: date, gaps: Sequence[tuple[datetime, datetime]], style: Style) -> str:
    when = style.day(day)
    if not gaps:
        return style.say("not_free", when=when)
    spans = [f"{first:%H:%M}–{_end(last)}" for first, last in gaps]
    return style.say("free", when=when, gaps=style.joined(spans))


def _end(clock: datetime) -> str:
    return "24:00" if clock.time() >= time(23, 59) else f"{clock:%H:%M}"


def _events(listed: Listed) -> Iterator[_Event]:
    for item in listed.items:
        first, last = listed.moment(item, "start"), listed.moment(item, "end")
        if first is None:
            continue
        if last is not None and not isinstance(last, datetime) and not isinstance(first, datetime):
            last = max(first, last - timedelta(days=1))  # a calendar gives the day after the last one
        yield _Event(item, first, last)


def _chosen(events: list[_Event], asked: Asked) -> list[_Event]:
    """Those that the words pick: by what they are called, the hours, and which by time."""
    named = _named(events, asked)
    hours = asked.hours
    there = [one for one in named if hours is None or one.is_within(*hours)]
    if asked.next:
        coming = sorted((one for one in there if one.begins >= asked.now), key=lambda one: one.begins)
        return coming[: asked.most]
    if asked.first:
        return sorted(there, key=lambda one: one.begins)[: asked.most]
    if asked.last:
        over = there if asked.spans else [one for one in there if one.begins <= asked.now] or there
        return sorted(over, key=lambda one: one.begins)[-asked.most :]
    return sorted(there, key=lambda one: one.begins)


def _named(events: list[_Event], asked: Asked) -> list[_Event]:
    """Those that have a word of the request each; all of them where a word is no event's."""
    by_term = [[one for one in events if has_term(term, one.item.known)] for term in telling(asked.said)]
    if not by_term or not all(by_term):
        return events
    of_all = [one for one in events if all(one in found for found in by_term)]
    return of_all or [one for one in events if any(one in found for found in by_term)]


def _line(listed: Listed, event: _Event, asked: Asked) -> str:
    style = listed.style
    title, place = listed.text(event.item, "title"), listed.text(event.item, "location")
    people = listed.texts(event.item, "attendees") if asked.who else []
    company = style.say("with", people=style.joined(people)) if people else ""
    what = ", ".join(filter(None, (title, place, company)))
    if listed.stays("start", "end"):
        start, end = listed.text(event.item, "start"), listed.text(event.item, "end")
        return f"{start if event.whole_days or not end else f'{start} – {end}'}: {what}"
    return f"{_hours(event, style)}: {what}"


def _hours(event: _Event, style: Style) -> str:
    if isinstance(event.first, datetime):
        last = event.last if isinstance(event.last, datetime) else None
        if last is not None and last - event.first >= timedelta(days=1):
            return f"{event.first:%H:%M} {style.say('until', when=style.moment(last))}"
        return style.clock(event.first, last)
    if event.last is not None and event.last > event.first:
        return style.say("until", when=style.day(event.last))
    return style.say("all_day")


def _nothing(listed: Listed, asked: Asked) -> str:
    style = listed.style
    date_, query = str(listed.given.get("date") or listed.given.get("when") or ""), _query(listed)
    spans = [one for one in date_.split(",") if _first_of(one)]
    if query or not spans:
        return style.say("nothing_for", query=query) if query else style.say("nothing")
    when = style.joined([_when(one, style) for one in spans])
    if asked.hours is not None and not _is_point(asked.hours):
        first, last = asked.hours
        when += f", {first:%H:%M}–{_end(datetime.combine(date.min, last))}"
    elif asked.hours is not None:
        when += f", {asked.hours[0]:%H:%M}"
    return style.say("nothing_on", when=when)


def _query(listed: Listed) -> str:
    return " ".join(str(listed.given[name]) for name in ("query", "person") if listed.given.get(name))


def _first_of(span: str) -> date | None:
    try:
        return date.fromisoformat(span.partition("/")[0])
    except ValueError:
        return None


def _when(span: str, style: Style) -> str:
    first, last = _ends_of(span)
    return style.days(first, last) if last is not None else f"{style.day(first)} –"


def _ends_of(span: str) -> tuple[date, date | None]:
    first, _, last = span.partition("/")
    day = date.fromisoformat(first)
    return day, date.fromisoformat(last or first) if last != ".." else None


def _days_of(spans: str) -> list[date]:
    """The days that a call was about, a week of them at most; none where it says none in figures."""
    days: dict[date, None] = {}
    for span in spans.split(","):
        if _first_of(span) is None:
            return []
        first, last = _ends_of(span)
        length = _MOST_FREE_DAYS if last is None else (last - first).days + 1
        days |= dict.fromkeys(first + timedelta(ahead) for ahead in range(min(length, _MOST_FREE_DAYS)))
    return list(days)[:_MOST_FREE_DAYS]
