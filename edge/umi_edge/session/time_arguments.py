"""Days, times and lengths in a call: taken from the user's words or from results, never from a model's arithmetic.

Covered: the arguments whose schema says `format: date`, `time` or `date-time`; of umi's own tools also `minutes`,
a whole number, `days`, a span, and `past-days`, one of what has been.
Not covered: times inside of other texts; a caller that sees values, whose words may tell of them.

I3: docs/design.md#i3-noninterference
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from umi_edge.session.listed_items import handle_of
from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.shifts import spoken_shift
from umi_edge.values.time_words.spoken import (
    spoken_days,
    spoken_lengths,
    spoken_past,
    spoken_spans,
    spoken_times,
)
from umi_shared.transcript import Instruction, Observation, View, text_of

__all__ = ["NO_DAY", "UnclearTimeError", "SpokenTimes", "TimeKind", "Timed", "in_words", "time_kinds"]

_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_MOMENT = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2})?(?![\d])")
_TIME = re.compile(r"(?<![\d:])([01]\d|2[0-3]):[0-5]\d(?![\d])")


class TimeKind(StrEnum):
    """What an argument says of time."""

    DATE = "date"
    TIME = "time"
    MOMENT = "date-time"
    MINUTES = "minutes"
    DAYS = "days"
    PAST_DAYS = "past-days"


class UnclearTimeError(Exception):
    """A day or a time that the user has to say, or to say more clearly; `str()` asks for it.

    It quotes words of the instruction that the cloud has read, and what the calendar makes of them.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """The arguments of a call, with its days and times worked out."""

    arguments: dict[str, Any] = field(repr=False)
    said: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The words of the user's that an argument was taken from, by its name."""
    notes: tuple[str, ...] = field(default=(), repr=False)
    """What the user is told of days that are not simply the ones that they said."""


def time_kinds(schema: Mapping[str, Any]) -> Mapping[str, TimeKind]:
    """The arguments that say something of time, by their names."""
    found: dict[str, TimeKind] = {}
    for name, child in schema.get("properties", {}).items():
        if isinstance(child, Mapping):
            word = child.get("format")
            if word in set(TimeKind) and (child.get("type") == "integer") == (word == TimeKind.MINUTES):
                found[name] = TimeKind(word)
    return found


@dataclass(frozen=True)
class SpokenTimes:
    """What the user's requests and the results say of time, as the planner reads them."""

    words: TimePhrases = field(repr=False)
    requests: Sequence[str] = field(repr=False)
    """The newest last."""
    results: Sequence[str] = field(repr=False)

    @classmethod
    def of(cls, view: View, words: TimePhrases) -> "SpokenTimes":
        """Those of a view."""
        said = [
            (type(entry), "".join(p if isinstance(p, str) else "\n" for p in text_of(entry)))
            for entry in view.entries
        ]
        return cls(
            words,
            [text for kind, text in said if kind is Instruction],
            [text for kind, text in said if kind is Observation],
        )

    def offered(self, kind: TimeKind) -> tuple[str, ...]:
        """The words of the user's that an argument may be: of the newest request that has any."""
        return tuple(self._spoken(kind))

    def schema(self, written: Mapping[str, Any], kinds: Mapping[str, TimeKind]) -> dict[str, Any]:
        """The schema of a call, in which days and times are words of the request where it has such words.

        Figures that no request and no result spells are then no choice: no model works out a day.
        """
        properties = dict(written["properties"])
        for name, kind in kinds.items():
            if name in properties and (words := [*self.offered(kind), *self.known(kind)]):
                own = properties[name]
                handles = [one for one in own.get("anyOf", ()) if "enum" in one]
                rest = handles if self.offered(kind) else [own]
                properties[name] = {"anyOf": [{"enum": list(dict.fromkeys(words))}, *rest]}
        return {**written, "properties": properties}

    def known(self, kind: TimeKind) -> tuple[str, ...]:
        """The days or times that the requests and the results spell out, or that a request makes of them."""
        pattern = {TimeKind.TIME: _TIME, **dict.fromkeys(_BY_DATE, _DATE)}.get(kind)
        if pattern is None:
            return ()
        texts = [*self.requests, *self.results]
        spelled = (match[0] for text in texts for match in pattern.finditer(text))
        return tuple(dict.fromkeys((*spelled, *self._moved(kind))))

    def _moved(self, kind: TimeKind) -> Iterator[str]:
        """What the days or times of results become where the newest request moves something by a length of time."""
        shift = spoken_shift(self.requests[-1], self.words) if self.requests else None
        if shift is None:
            return
        for moment in (match for text in self.results for match in _MOMENT.finditer(text)):
            with contextlib.suppress(ValueError, OverflowError):  # no such day, or none after it
                before = datetime.fromisoformat(moment[0])
                after = before + shift
                if kind is TimeKind.TIME and before.date() == after.date():
                    yield after.strftime("%H:%M")
                if kind is TimeKind.DATE and not shift % timedelta(days=1):
                    yield after.date().isoformat()

    def names(self, kind: TimeKind, value: str, beside: str = "") -> bool:
        """Whether the user's words or a result say this day or time, in words or in figures.

        `beside` is what is said of the day where `value` is a time.
        """
        if value in self.known(kind) or self._readings(kind, value, beside):
            return True
        return any(value in map(_figures, readings) for readings in self._spoken(kind).values())

    def timed(
        self,
        arguments: Mapping[str, Any],
        schema: Mapping[str, Any],
        *,
        read_only: bool,
        now_at: time | None = None,
        tells_today: bool = True,
    ) -> Timed:
        """The arguments with days and times in figures; `now_at` is when a thing that the call changes is as yet.

        What a model has made up goes to no tool: it is left out where a tool that only reads can do without. One that
        reads days is given all that the words may mean, and those from today on where they say none, unless nobody may
        be told what day it is (`tells_today`). Raises `UnclearTimeError` for what else is unclear, or not said.
        """
        kinds, must = time_kinds(schema), schema.get("required", ())
        written, said, notes = dict(arguments), dict[str, str](), list[str]()
        for name, kind in kinds.items():
            value = written.get(name) or self._lost_day(schema["properties"][name], kind)
            if isinstance(value, str) and name not in must and read_only and _is_no_moment(value):
                del written[name]
            if not isinstance(value, str) or "<" in value:  # absent, a number, or a handle
                continue
            beside = " ".join(
                str(arguments.get(other, ""))
                for other, one in kinds.items()
                if one in (TimeKind.DATE, TimeKind.DAYS)
            )
            reads_days = read_only and tells_today and kind in (TimeKind.DAYS, TimeKind.PAST_DAYS)
            phrase, found = value, self._readings(kind, value, beside)
            if not found and reads_days:
                phrase, found = self._spelt_by(kind, value)
            if len(found) > 1:
                found = self._beside(kind, phrase, found) or _near(found, now_at) or found
            if len(found) > 1 and not reads_days:
                raise UnclearTimeError(_question(phrase, found))
            if len(found) > 1:
                notes += [_all_of(phrase, found)] if len(found) == _TWO else []
            if found:
                written[name] = found[0] if kind is TimeKind.MINUTES else ",".join(map(_figures, found))
                said[name] = phrase
            elif phrase := self._phrase_of(kind, value, now_at):
                said[name] = phrase
            elif value not in self.known(kind):
                onwards = f"{self.words.today}/.."
                if name not in must and (read_only or self._needs_no_day(schema["properties"][name])):
                    del written[name]
                elif reads_days and _admits(schema["properties"][name], onwards):
                    written[name] = onwards
                    notes.append(_FROM_TODAY)
                else:
                    raise UnclearTimeError(_MISSING[kind])
        return Timed(arguments=written, said=said, notes=tuple(notes))

    def _lost_day(self, schema: Mapping[str, Any], kind: TimeKind) -> str | None:
        """The words for the day of what is to be done, where the newest request says one and the call has none."""
        if schema.get(NO_DAY) is not True or kind is not TimeKind.DATE or not self.requests:
            return None
        said = self._finders[kind](self.requests[-1])
        return next(iter(said)) if [len(found) for found in said.values()] == [1] else None

    def _needs_no_day(self, schema: Mapping[str, Any]) -> bool:
        """Whether a day that a model made up may be left out: of a to-do, where the user says nothing of a time."""
        request = self.requests[-1] if self.requests else ""
        timed = self._spoken(TimeKind.DAYS) or self._spoken(TimeKind.TIME) or _REMINDER.search(request)
        return schema.get(NO_DAY) is True and _TO_DO.search(request) is not None and not timed

    def _spelt_by(self, kind: TimeKind, value: str) -> tuple[str, tuple[Any, ...]]:
        """The words that may mean what a model has written in figures, and all that they may mean."""
        if value in self.known(kind):
            return value, ()
        spoken = self._spoken(kind)
        said = [one for one in spoken.items() if value in map(_figures, one[1])]
        said = said or [*spoken.items()] * (len(spoken) == 1)  # the only days that the user speaks of
        return min(said, key=lambda one: len(one[1]), default=(value, ()))

    def _readings(self, kind: TimeKind, value: str, beside: str) -> tuple[Any, ...]:
        """What words of the user's mean; nothing for figures, and for words that are not theirs."""
        spoken = self._spoken(kind)
        if value in spoken:
            return spoken[value]
        if not any(value.casefold() in text.casefold() for text in self.requests):
            return ()
        match kind:
            case TimeKind.DATE:
                return () if _DATE.fullmatch(value) else self.words.days(value)
            case TimeKind.TIME:
                return () if _TIME.fullmatch(value) else self.words.times(value, beside=beside)
            case TimeKind.MINUTES:
                return self.words.minutes(value)
            case TimeKind.DAYS:
                return () if _DATE.fullmatch(value) else self.words.span(value)
            case TimeKind.PAST_DAYS:
                return () if _DATE.fullmatch(value) else self.words.past_span(value)
            case TimeKind.MOMENT:
                return self._moments(value)

    def _beside(self, kind: TimeKind, value: str, found: tuple[Any, ...]) -> tuple[Any, ...]:
        """The reading that the words beside it say, too, as in `Tuesday (today)`; nothing where they say none."""
        said = dict(self._spoken(kind))
        if kind in (TimeKind.DAYS, TimeKind.PAST_DAYS):  # a day may have become an end of a span
            said |= {
                one: tuple((day, day) for day in days) for one, days in self._spoken(TimeKind.DATE).items()
            }
        meant = [
            readings
            for phrase, readings in said.items()
            if len(readings) == 1 and readings[0] in found and self._stand_together(value, phrase)
        ]
        return meant[0] if meant else ()

    def _stand_together(self, one: str, other: str) -> bool:
        one, other = re.escape(one), re.escape(other)
        pair = re.compile(rf"\b(?:{one}\W{{1,3}}{other}|{other}\W{{1,3}}{one})\b", re.IGNORECASE)
        return any(pair.search(text) for text in self.requests)

    def _phrase_of(self, kind: TimeKind, value: str, now_at: time | None) -> str:
        """The words that say what a model has written in figures. Raises `UnclearTimeError` where they say more."""
        said = [
            (phrase, found) for phrase, found in self._spoken(kind).items() if value in map(_figures, found)
        ]
        for phrase, readings in sorted(said, key=lambda one: len(one[1])):
            clear = len(readings) == 1 or value in self.known(kind)
            if not clear and value not in map(_figures, _near(readings, now_at)):
                raise UnclearTimeError(_question(phrase, readings))
            return phrase
        return ""

    def _spoken(self, kind: TimeKind) -> Mapping[str, tuple[Any, ...]]:
        find = self._finders[kind]
        return next((found for text in reversed(self.requests) if (found := find(text))), {})

    @cached_property
    def _finders(self) -> Mapping[TimeKind, Callable[[str], Mapping[str, tuple[Any, ...]]]]:
        return {
            TimeKind.DATE: lambda text: spoken_days(text, self.words),
            TimeKind.TIME: lambda text: spoken_times(text, self.words),
            TimeKind.MINUTES: lambda text: spoken_lengths(text, self.words),
            TimeKind.DAYS: lambda text: spoken_spans(text, self.words),
            TimeKind.PAST_DAYS: lambda text: spoken_past(text, self.words),
            TimeKind.MOMENT: self._spoken_moments,
        }

    def _spoken_moments(self, text: str) -> Mapping[str, tuple[datetime, ...]]:
        days, times = spoken_days(text, self.words), spoken_times(text, self.words)
        return {
            f"{day} {clock}": self._joined(days[day], times[clock]) for day in days for clock in times
        }  # fmt: skip

    def _moments(self, value: str) -> tuple[datetime, ...]:
        return next(iter(self._spoken_moments(value).values()), ())

    def _joined(self, days: Iterable[date], times: Iterable[time]) -> tuple[datetime, ...]:
        zone = self.words.now.tzinfo
        clocks = tuple(times)
        return tuple(datetime.combine(day, clock, zone) for day in days for clock in clocks)


def _is_no_moment(value: str) -> bool:
    """Whether a value is a handle of somebody, or of what they are reached by: no day is any of those.

    >>> _is_no_moment("<person:1>"), _is_no_moment("<time:1>"), _is_no_moment("tomorrow")
    (True, False, False)
    """
    handle = handle_of(value)
    return handle is not None and handle.type in _NO_MOMENTS


_NO_MOMENTS = frozenset({"person", "company", "email", "phone", "contact", "place", "iban", "card"})
NO_DAY = "x-may-have-no-day"
"""A word of umi's own schemas, which no card has: what is to be done is due on no day where none is said."""
_TO_DO = re.compile(
    r"\bto[- ]?dos?\b|\btasks?\b|\b(?:my|shopping|grocery) list\b|\baufgabe\w*|\b(?:meine|einkaufs)\s?liste\b|"
    r"\bt[aâ]ches?\b|\bma liste\b|\bliste de (?:courses|choses)\b|\btareas?\b|"
    r"\bpendientes\b|\bmi lista\b|\blista de la compra\b",
    re.IGNORECASE,
)
_REMINDER = re.compile(r"\b(?:remind|erinner|rappel|recu[eé]rd|recordatorio)", re.IGNORECASE)
_NEAR_MINUTES = 180
_TWO = 2
"""Readings of which the user is told: more are the days that a word such as `Sundays` has."""
_FROM_TODAY = "You named no day, so this is from today on."
_BY_DATE = (TimeKind.DATE, TimeKind.DAYS, TimeKind.PAST_DAYS)
_WHICH_DAYS = "Which days do you mean? Neither your words nor what was found say any."
_MISSING = {
    TimeKind.DATE: "Which day do you mean? Neither your words nor what was found say one.",
    TimeKind.DAYS: _WHICH_DAYS,
    TimeKind.PAST_DAYS: _WHICH_DAYS,
    TimeKind.TIME: "At what time? Neither your words nor what was found say one.",
    TimeKind.MOMENT: "When? Neither your words nor what was found say a day and a time.",
    TimeKind.MINUTES: "How long? Your words do not say.",
}


def _all_of(phrase: str, readings: Sequence[Any]) -> str:
    """What the user is told where both readings of a phrase were looked at.

    >>> _all_of("next Friday", [date(2026, 11, 27), date(2026, 12, 4)])
    '“next Friday” may be Friday 27 November 2026 or Friday 4 December 2026, so this is of both.'
    """
    said = [in_words(one) for one in readings]
    return f"“{phrase}” may be {' or '.join(said)}, so this is of both."


def _admits(schema: Mapping[str, Any], value: str) -> bool:
    """Whether an argument takes such days at all."""
    return re.search(str(schema.get("pattern", "$^")), value) is not None


def _near(readings: tuple[Any, ...], now_at: time | None) -> tuple[Any, ...]:
    """The time that is by far the nearest to when a thing is as yet; nothing where none is.

    >>> _near((time(8), time(20)), time(19, 30)), _near((time(8), time(20)), time(13))
    ((datetime.time(20, 0),), ())
    """
    if now_at is None or not all(isinstance(one, time) for one in readings):
        return ()
    apart = sorted((abs(_minutes(one) - _minutes(now_at)), one) for one in readings)
    return (apart[0][1],) if apart[0][0] <= _NEAR_MINUTES and apart[1][0] >= 2 * _NEAR_MINUTES else ()


def _minutes(clock: time) -> int:
    return 60 * clock.hour + clock.minute


def _figures(reading: Any) -> str:
    match reading:
        case datetime():
            return reading.isoformat(timespec="minutes")
        case date():
            return reading.isoformat()
        case time():
            return reading.strftime("%H:%M")
        case (first, last):
            return str(first) if first == last else f"{first}/{last}"
    return str(reading)


def _question(phrase: str, readings: Sequence[Any]) -> str:
    """Which of its readings a phrase means.

    >>> _question("next Friday", [date(2026, 11, 27), date(2026, 12, 4)])
    'Which do you mean by “next Friday”: Friday 27 November 2026 or Friday 4 December 2026?'
    """
    said = [in_words(one) for one in readings]
    return f"Which do you mean by “{phrase}”: {', '.join(said[:-1])} or {said[-1]}?"


def in_words(reading: Any) -> str:
    match reading:
        case datetime():
            return f"{in_words(reading.date())} at {reading:%H:%M}"
        case date():
            return f"{_DAYS[reading.weekday()]} {reading.day} {_MONTHS[reading.month - 1]} {reading.year}"
        case (first, last):
            return in_words(first) if first == last else f"{in_words(first)} to {in_words(last)}"
    return _figures(reading)


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
