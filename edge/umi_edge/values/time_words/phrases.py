"""Phrases of time: days, times of day and lengths, in the user's own words, by the calendar and never by a model.

A phrase has no reading where it is none, one where it is clear, and several where it is ambiguous: which one is meant
is for the user to say.

Covered: English, German, French and Spanish as `words.yaml` has them, dates in figures by the order of the user's
locale. Not covered: feasts, other calendars, languages that `words.yaml` does not have.
"""

import calendar
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import TypeVar

from babel import Locale, UnknownLocaleError
from dateutil.relativedelta import relativedelta

from umi_edge.values.time_words.vocabulary import LANGUAGES, Phrase, Vocabulary, vocabulary

__all__ = ["TimePhrases"]

T = TypeVar("T")

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_FIGURES = re.compile(r"(\d{1,2})([./-])(\d{1,2})(?:\2(\d{4}|\d{2})?)?")
_CLOCK = re.compile(r"(\d{1,2})([:.h])(\d{2})(?:\s*(?:uhr|h|hrs))?|(\d{2})(\d{2})")
_OF_A_CLOCK = re.compile(
    r"\b(?:at|um|gegen|à|vers|las?)\s+\d{1,2}$|(?<![\d.:])\d{1,2}\s*(?:[ap]\.?m\b\.?|uhr|o'?clock)\s*$",
    re.IGNORECASE,
)
"""A number that is an hour, and no day of a month: `Friday at 4`, `Monday 10 am`."""
_JUST_PASSED = timedelta(days=60)
"""A day of a month without a year that was within this time may be meant as well as the next one."""
_OVER_MONTHS = 7
"""A month that is so many months ahead may be meant as the last one: `July`, said in September."""
_EVERY = 4
"""Of `Sundays` so many are meant, those to come."""
_MONDAY = 0
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class TimePhrases:
    """The phrases as one user means them, now."""

    now: datetime
    locale: str = field(default="", repr=False)
    """Such as `en_GB`; empty where it is not known."""

    @property
    def today(self) -> date:
        """The day it is."""
        return self.now.date()

    @cached_property
    def _vocabularies(self) -> tuple[Vocabulary, ...]:
        own = self.locale[:2]
        languages = [own, *LANGUAGES] if own in LANGUAGES else LANGUAGES
        return tuple(vocabulary(one, short_names=one == (own or "en")) for one in dict.fromkeys(languages))

    def days(self, text: str) -> tuple[date, ...]:
        """The days that a phrase may mean, the nearest first."""
        clean = text.strip()
        if match := _ISO.fullmatch(clean):
            return _possible([tuple(map(int, match.groups()))])
        if match := _FIGURES.fullmatch(clean):
            return self._in_figures(int(match[1]), int(match[3]), match[4])
        if _OF_A_CLOCK.search(clean):
            return ()
        figures = any(character.isdigit() for character in clean)
        return self._read(clean, lambda phrase, _: _days(phrase, self.today, figures=figures))

    def span(self, text: str) -> tuple[tuple[date, date], ...]:
        """The first and the last day of what a phrase may mean: a day, a weekend, a week, a month."""
        spans = self._read(text.strip(), lambda phrase, _: _spans(phrase, self.today, self._first_weekday))
        return spans or tuple((day, day) for day in self.days(text))

    def past_span(self, text: str) -> tuple[tuple[date, date], ...]:
        """The same of what has been: a weekday is the last one, a day of a month the last such day."""
        found = self.span(text)
        over = tuple(one for one in found if one[0] <= self.today)
        if over or not (back := self._back(text)):
            return over
        earlier = (tuple(day - back for day in one) for one in found[:1])
        return tuple((first, last) for first, last in earlier if first <= self.today)

    def _back(self, text: str) -> relativedelta | None:
        """How far back the last one is of what a phrase names the next one of: a weekday, a day of a month."""
        for words in self._vocabularies:
            for phrase in words.readings(text):
                kinds = {kind for kind, _ in _without(phrase, "filler", "article", "part")}
                year = any(kind == "number" and isinstance(n, int) and n > 31 for kind, n in phrase)
                if kinds == {"weekday"}:
                    return relativedelta(weeks=1)
                if "month" in kinds and kinds <= {"month", "number", "ordinal", "weekday"} and not year:
                    return relativedelta(years=1)
                if kinds == {"ordinal"}:
                    return relativedelta(months=1)
        return None

    def is_weekday(self, text: str) -> bool:
        """Whether a phrase is the name of a day of the week and no more: `on Friday`."""
        return self._is_only(text, "weekday", "filler", "article")

    def times(self, text: str, *, beside: str = "") -> tuple[time, ...]:
        """The times of day that a phrase may mean; `beside` is what was said of the day, such as `Friday evening`."""
        clean = text.strip().lower()
        part = self.part(beside)
        if match := _CLOCK.fullmatch(clean):
            hour, minute = int(match[1] or match[4]), int(match[3] or match[5])
            exact = len(match[1] or match[4]) == 2 or match[2] == "h"
            return _clock(hour, minute, exact=exact or hour > 12, part=part)
        numeric = re.sub(r"\b(\d{1,2})[:.](\d{2})\b", r"\1 \2", text)
        return self._read(numeric, lambda phrase, words: _times(phrase, words, self.now, part))

    def minutes(self, text: str) -> tuple[int, ...]:
        """The lengths that a phrase may mean."""
        return self._read(text.strip(), lambda phrase, _: _lengths(phrase))

    def is_ordinal(self, text: str) -> bool:
        """Whether a phrase is an ordinal number and no more: `the second`."""
        return self._is_only(text, "ordinal", "filler", "article")

    def is_number(self, text: str) -> bool:
        """Whether a phrase is a number and no more: `two`."""
        return self._is_only(text, "number", "one")

    def is_empty(self, text: str) -> bool:
        """Whether a word is there for grammar only, in whatever language: `on`, `the`, `um`, but not `am`."""
        readings = [phrase for words in self._vocabularies for phrase in words.readings(text)]
        return bool(readings) and all(kind in _EMPTY for phrase in readings for kind, _ in phrase)

    def knows(self, word: str) -> bool:
        """Whether a word may be a part of a phrase."""
        return any(words.knows(word) for words in self._vocabularies)

    def _is_only(self, text: str, *kinds: str) -> bool:
        readings = (phrase for words in self._vocabularies for phrase in words.readings(text))
        return any({kind for kind, _ in phrase} <= set(kinds) for phrase in readings)

    def _read(self, text: str, read: Callable[[Phrase, Vocabulary], Iterable[T]]) -> tuple[T, ...]:
        """What the first language that understands the phrase reads in it."""
        for words in self._vocabularies:
            found = dict.fromkeys(one for phrase in words.readings(text) for one in read(phrase, words))
            if found:
                return tuple(found)
        return ()

    def part(self, text: str) -> str:
        """The part of a day that a phrase names, such as `evening`; empty where it names none."""
        for words in self._vocabularies:
            for phrase in words.readings(text):
                for kind, value in phrase:
                    if kind == "part":
                        return str(value)
        return ""

    def _in_figures(self, first: int, second: int, year: str | None) -> tuple[date, ...]:
        orders = {"dmy": [(first, second)], "mdy": [(second, first)]}.get(self._order)
        pairs = orders or ([(first, second)] if first == second else [(first, second), (second, first)])
        found: list[date] = []
        for day, month in [*pairs, *((month, day) for day, month in pairs if month > 12)]:
            found += _month_days(
                day, month, int(year) + (2000 if len(year) == 2 else 0) if year else None, self.today
            )
        return tuple(dict.fromkeys(found))

    @property
    def _order(self) -> str:
        """Whether the day comes before the month; empty where the locale does not say."""
        if "_" not in self.locale and self.locale[:2] in ("", "en"):
            return ""
        try:
            pattern = Locale.parse(self.locale).date_formats["short"].pattern.lower()
        except (UnknownLocaleError, ValueError):
            return ""
        return "dmy" if pattern.index("d") < pattern.index("m") else "mdy"

    @property
    def _first_weekday(self) -> int:
        try:
            return Locale.parse(self.locale).first_week_day if self.locale else _MONDAY
        except (UnknownLocaleError, ValueError):
            return _MONDAY


def _without(phrase: Phrase, *kinds: str) -> list[tuple[str, object]]:
    return [word for word in phrase if word[0] not in kinds]


# Days.


def _days(phrase: Phrase, today: date, *, figures: bool) -> Iterator[date]:
    """The days of a phrase, by its words in order. A part of the day says nothing of the day, but for `tonight`."""
    parts = [word for word in phrase if word[0] == "part"]
    kinds = [kind for kind, _ in phrase]
    article = figures and "article" in kinds and "number" in kinds[kinds.index("article") :]
    words = _without(phrase, "filler", "article", "part", "today_parts")
    if not words or words == [("this", 1)]:
        if any(kind == "today_parts" for kind, _ in phrase) or (parts and words):
            yield today
        return
    yield from _day_words(words, today, article=article)


def _day_words(words: list[tuple[str, object]], today: date, *, article: bool) -> Iterator[date]:
    match words:
        case [("relative", int(days))]:
            yield today + timedelta(days)
        case [("weekday", int(day))]:
            yield from _coming(day, today)
        case [("this" | "coming", _), ("weekday", int(day))] | [
            ("weekday", int(day)),
            ("this" | "coming", _),
        ]:
            yield today + timedelta((day - today.weekday()) % 7)
        case [("next", _), ("weekday", int(day))] | [("weekday", int(day)), ("next", _)]:
            yield from _next(day, today)
        case [("last", _), ("weekday", int(day))] | [("weekday", int(day)), ("last", _)]:
            back = (today.weekday() - day) % 7 or 7
            yield today - timedelta(back)
            if back <= today.weekday():  # this week's, which some call so and some don't
                yield today - timedelta(back + 7)
        case [("weekday", int(day)), ("next", _), ("unit", "week")] | [
            ("weekday", int(day)),
            ("unit", "week"),
            ("next", _),
        ]:
            yield today - timedelta(today.weekday()) + timedelta(7 + day)
        case [("weekday", int(day)), ("unit", "week")] | [("weekday", int(day)), ("in", _), ("number", 8)]:
            yield today + timedelta((day - today.weekday()) % 7 + 7)
        case [("number" | "one", n), ("unit", "week"), ("weekday", int(day))] | [
            ("weekday", int(day)),
            ("in", _),
            ("number" | "one", n),
            ("unit", "week"),
        ] if isinstance(n, int):
            yield today + timedelta((day - today.weekday()) % 7 + 7 * n)
        case [("in", _), ("number" | "one", n), ("unit", str(unit))]:
            yield from _shifted(today, n, unit, 1)
        case [("number" | "one", n), ("unit", str(unit)), ("ago", _)] | [
            ("ago", _), ("number" | "one", n), ("unit", str(unit)),
        ]:  # fmt: skip
            yield from _shifted(today, n, unit, -1)
        case [("number" | "one", n), ("unit", str(unit)), ("from", _), *rest] if rest:
            for start in _day_words(list(rest), today, article=article):
                yield from _shifted(start, n, unit, 1)
        case [("ordinal", int(day))]:
            yield from _of_month(day, today)
        case [("number", int(day))] if article:
            yield from _of_month(day, today)
        case [("weekday", int(weekday)), ("ordinal" | "number", int(day))]:
            first = next(_of_month(day, today), None)
            if first is not None and first.weekday() == weekday:
                yield first
        case [("ordinal", int(nth)), ("weekday", int(day)), ("in", _), ("month", int(month)), *year] | [
            ("ordinal", int(nth)), ("weekday", int(day)), ("month", int(month)), *year,
        ]:  # fmt: skip
            yield from _nth(nth, day, month, _year(year), today)
        case [("end", _), ("unit", "month")]:
            yield today.replace(day=calendar.monthrange(today.year, today.month)[1])
        case [("weekday", int(weekday)), *rest] if len(rest) > 1:
            yield from (
                day for day in _day_words(list(rest), today, article=article) if day.weekday() == weekday
            )
        case [("ordinal" | "number", int(day)), ("month", int(month)), *year]:
            yield from _month_days(day, month, _year(year), today)
        case [("month", int(month)), ("ordinal" | "number", int(day)), *year]:
            yield from _month_days(day, month, _year(year), today)


def _coming(day: int, today: date) -> Iterator[date]:
    ahead = (day - today.weekday()) % 7
    yield today + timedelta(ahead)
    if not ahead:
        yield today + timedelta(7)


def _next(day: int, today: date) -> Iterator[date]:
    """The weekday after this one, or that of next week: clear where this week's is over, is today or tomorrow.

    Said on a Sunday, next Monday is both: tomorrow is next week.
    """
    ahead = (day - today.weekday()) % 7 or 7
    this_week = day > today.weekday()
    if not (this_week and ahead == 1):
        yield today + timedelta(ahead)
    if this_week or ahead == 1:
        yield today + timedelta(ahead + 7)


def _shifted(day: date, count: object, unit: str, sign: int) -> Iterator[date]:
    if isinstance(count, int):
        by = {"fortnight": ("weeks", 2 * count)}.get(unit, (f"{unit}s", count))
        if by[0] in ("days", "weeks", "months", "years"):
            yield from _possible_day(lambda: day + sign * relativedelta(**{by[0]: by[1]}))


def _of_month(day: int, today: date) -> Iterator[date]:
    """The next such day of a month, today included."""
    for months in range(3):
        first = today.replace(day=1) + relativedelta(months=months)
        for found in _possible_day(lambda first=first: first.replace(day=day)):  # type: ignore[misc]
            if found >= today:
                yield found
                return


def _month_days(day: int, month: int, year: int | None, today: date) -> Iterator[date]:
    if year is not None:
        yield from _possible([(year, month, day)])
        return
    for found in _possible([(today.year + more, month, day) for more in range(-1, 9)]):
        if found >= today or today - found <= _JUST_PASSED:
            yield found
        if found >= today:
            return


def _nth(nth: int, weekday: int, month: int, year: int | None, today: date) -> Iterator[date]:
    for one in [year] if year else [today.year, today.year + 1]:
        first = date(one, month, 1)
        found = first + timedelta((weekday - first.weekday()) % 7 + 7 * (nth - 1))
        if found.month == month and (year or found >= today):
            yield found
            return


def _year(words: list[tuple[str, object]]) -> int | None:
    """The year at the end of a date. Raises nothing: other words there make the date none, see `_possible`."""
    match words:
        case []:
            return None
        case [("number", int(year))] if 1900 <= year <= 2499:
            return year
    return 0


def _possible(dates: Iterable[tuple[int, ...]]) -> tuple[date, ...]:
    return tuple(day for one in dates for day in _possible_day(lambda one=one: date(*one)))  # type: ignore[misc]


def _possible_day(make: Callable[[], date]) -> Iterator[date]:
    """The day, where the calendar has it."""
    try:
        day = make()
    except (ValueError, OverflowError):
        return
    if 1900 <= day.year <= 2499:
        yield day


# Spans.


def _spans(phrase: Phrase, today: date, first_weekday: int) -> Iterator[tuple[date, date]]:
    words = _without(phrase, "filler", "article")
    week = today - timedelta((today.weekday() - first_weekday) % 7)
    saturday = today - timedelta(today.weekday()) + timedelta(5)
    match words:
        case [("this", _), ("unit", "week")]:
            yield week, week + timedelta(6)
        case [("next", _), ("unit", "week")] | [("unit", "week"), ("next", _)]:
            yield week + timedelta(7), week + timedelta(13)
        case [("last", _), ("unit", "week")] | [("unit", "week"), ("last", _)]:
            yield week - timedelta(7), week - timedelta(1)
        case [("weekend", _)] | [("this", _), ("weekend", _)]:
            yield saturday, saturday + timedelta(1)
        case [("next", _), ("weekend", _)] | [("weekend", _), ("next", _)]:
            if today.weekday() < 4:
                yield saturday, saturday + timedelta(1)
            yield saturday + timedelta(7), saturday + timedelta(8)
        case [("weekdays", int(day))]:
            first = today + timedelta((day - today.weekday()) % 7)
            yield from ((one, one) for one in (first + timedelta(7 * n) for n in range(_EVERY)))
        case [("days_ahead", _)]:
            yield today, today + timedelta(6)
        case [("coming", _), ("unit", "week")]:
            yield today, today + timedelta(6)
            yield week + timedelta(7), week + timedelta(13)
        case [("this", _), ("unit", "month")]:
            yield _month(today)
        case [("next", _), ("unit", "month")] | [("unit", "month"), ("next", _)]:
            yield _month(today + relativedelta(months=1))
        case [("last", _), ("unit", "month")] | [("unit", "month"), ("last", _)]:
            yield _month(today - relativedelta(months=1))
        case [("next", _), ("number", int(count)), ("unit", ("day" | "week") as unit)] if 0 < count < 1000:
            yield today, today + timedelta(count * (7 if unit == "week" else 1))
        case [("month", int(month)), *year] | [("in", _), ("month", int(month)), *year]:
            named = _year(year)
            if named:
                yield _month(date(named, month, 1))
            if named is None:
                ahead = (month - today.month) % 12
                if ahead >= _OVER_MONTHS:  # as likely the one that is over
                    yield _month(today.replace(day=1) - relativedelta(months=12 - ahead))
                yield _month(today.replace(day=1) + relativedelta(months=ahead))


def _month(day: date) -> tuple[date, date]:
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


# Times of day.


def _times(phrase: Phrase, words: Vocabulary, now: datetime, part: str) -> Iterator[time]:
    said = [str(value) for kind, value in phrase if kind == "part"]
    part = said[0] if said else part
    exact = any(kind == "oclock" for kind, _ in phrase) and words.language != "en"
    halves = [kind for kind, _ in phrase if kind in ("am", "pm")]
    rest = _without(_without_edges(phrase), "part", "am", "pm")
    if halves:
        part = "morning" if halves == ["am"] else "pm"
    match rest:
        case [("noon", _)]:
            yield time(12)
        case [("midnight", _)]:
            yield time(0)
        case [("noon", _), ("and", _), ("half", _)]:
            yield time(12, 30)
        case [("in", _), *length] if not part:
            for minutes in _lengths(tuple(length)):
                if (
                    later := now + timedelta(minutes=minutes)
                ).date() == now.date() and minutes < _DAY_MINUTES:
                    yield later.time().replace(second=0, microsecond=0, tzinfo=None)
        case _:
            for hour, minute in _hours(rest, words):
                yield from _clock(hour, minute, exact=exact and hour > 6, part=part)


def _without_edges(phrase: Phrase) -> Phrase:
    """The phrase from its first word that says something; between such words every one counts."""
    first = next((index for index, (kind, _) in enumerate(phrase) if kind not in _EMPTY), len(phrase))
    return phrase[first:]


_EMPTY = ("filler", "article", "from")


def _hours(rest: list[tuple[str, object]], words: Vocabulary) -> Iterator[tuple[int, int]]:
    """The hour and the minute that words say, before it is known of which half of the day."""
    spoken = [word for word in rest if word[0] != "oclock"]
    match [word for word in spoken if word != ("unit", "minute")]:
        case [("number" | "one" as kind, int(hour))]:
            if len(spoken) == 1 and (kind, words.language) != ("one", "en"):  # no `20 minutes`, and no `a`
                yield hour, 0
        case [("number" | "one", int(hour)), ("number", int(minute))]:
            if spoken[-1] != ("unit", "minute") or len(rest) > len(spoken):  # no `a 45-minute walk`
                yield hour, minute
        case [("half", _), ("past", _), ("number", int(hour))] | [
            ("number" | "one", int(hour)), ("and", _), ("half", _),
        ]:  # fmt: skip
            yield hour, 30
        case [("half", _), ("number", int(hour))]:
            yield (hour - 1, 30) if words.half_before else (hour, 30)
        case [("quarter", _), ("past", _), ("number", int(hour))] | [
            ("number" | "one", int(hour)), ("and", _), ("quarter", _),
        ]:  # fmt: skip
            yield hour, 15
        case [("quarter", _), ("to", _), ("number", int(hour))] | [
            ("number" | "one", int(hour)), ("minus", _), ("quarter", _),
        ]:  # fmt: skip
            yield hour - 1, 45
        case [("number", int(minute)), ("past", _), ("number", int(hour))]:
            yield hour, minute
        case [("number", int(minute)), ("to", _), ("number", int(hour))] | [
            ("number", int(hour)), ("minus", _), ("number", int(minute)),
        ]:  # fmt: skip
            yield hour - 1, 60 - minute
        case [("number" | "one", int(hour)), ("and", _), ("number", int(minute))]:
            yield hour, minute


def _clock(hour: int, minute: int, *, exact: bool, part: str) -> tuple[time, ...]:
    """The times of day of an hour. Without more said, people mean the day: 9 to 12 before noon, 1 to 6 after it."""
    if not (0 <= hour <= 23 and 0 <= minute <= 59):
        return ()
    if hour == 0 or hour > 12:
        return (time(hour, minute),)
    morning, later = time(hour % 12, minute), time(hour % 12 + 12, minute)
    if part in ("morning", "pm", "afternoon"):
        return (morning if part == "morning" else later,)
    if part == "evening":
        return (time(0, minute) if hour == 12 else later,)
    if part == "night":
        return (later if 6 <= hour < 12 else morning,)
    if exact:
        return (time(hour, minute),)
    if hour in (7, 8):
        return morning, later
    return (morning if 9 <= hour < 12 else later,)


# Lengths.

_UNIT_MINUTES = {"minute": 1, "hour": 60, "day": _DAY_MINUTES, "week": 7 * _DAY_MINUTES}


def _lengths(phrase: Phrase) -> Iterator[int]:
    words = _without(phrase, "filler", "article", "from")
    minutes = _length(words)
    if minutes is not None and minutes == int(minutes) > 0:
        yield int(minutes)


def _length(words: list[tuple[str, object]]) -> float | None:
    match words:
        case [("all_day", _)]:
            return _DAY_MINUTES
        case [("quarter_hour", _)] | [("one", _), ("quarter_hour", _)]:
            return 15
        case [("number" | "one", int() | float() as count), ("unit", str(unit))] if unit in _UNIT_MINUTES:
            return count * _UNIT_MINUTES[unit]
        case [("number" | "one", int() as hours), ("unit", "hour"), ("number", int() as minutes), *unit] if (
            unit in ([], [("unit", "minute")])
        ):
            return hours * 60 + minutes
        case [
            ("number" | "one", int() as hours),
            ("unit", "hour"),
            ("and", _),
            ("number", int() as minutes),
            *unit,
        ] if unit in ([], [("unit", "minute")]):
            return hours * 60 + minutes
        case [("half", _), *_] | [("one", _), ("half", _), *_] if [
            w for w in words if w[0] not in ("one", "half")
        ] == [("unit", "hour")]:
            return 30
        case [("number" | "one", int() as hours), ("unit", "hour"), ("and", _), *_] if words[3:] in (
            [("half", 1)], [("one", 1), ("half", 1)], [("half", 1), ("unit", "hour")],
        ):  # fmt: skip
            return hours * 60 + 30
        case [("number" | "one", int() as hours), ("and", _), *_] if words[2:] in (
            [("half", 1), ("unit", "hour")], [("one", 1), ("half", 1), ("unit", "hour")],
        ):  # fmt: skip
            return hours * 60 + 30
        case [("quarter", _), ("unit", "hour")] | [("one", _), ("quarter", _), ("unit", "hour")] | [
            ("quarter", _), ("one", _), ("unit", "hour"),
        ]:  # fmt: skip
            return 15
        case [("number", 3), ("quarter", _), ("unit", "hour")] | [
            ("number", 3), ("quarter", _), ("one", _), ("unit", "hour"),
        ]:  # fmt: skip
            return 45
    return None
