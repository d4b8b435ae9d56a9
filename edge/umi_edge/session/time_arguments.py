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
from functools import cached_property
from typing import Any

from umi_edge.session.errand_times import NO_DAY, SAID_LENGTH, ErrandTimes, Given, is_no_moment
from umi_edge.session.time_wording import MISSING, TimeKind, UnclearTimeError, all_of, figures, which_of
from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.shifts import spoken_shift
from umi_edge.values.time_words.spoken import (
    spoken_days,
    spoken_lengths,
    spoken_past,
    spoken_spans,
    spoken_times,
)
from umi_shared.transcript import Answer, Clock, Entry, Instruction, Next, Observation, Plan, View, text_of

__all__ = ["NO_DAY", "UnclearTimeError", "SpokenTimes", "TimeKind", "Timed", "time_kinds"]

_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_MOMENT = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2})?(?![\d])")
_TIME = re.compile(r"(?<![\d:])([01]\d|2[0-3]):[0-5]\d(?![\d])")


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
    of_turn: int = field(default=1, repr=False)
    """How many of the requests are of the newest turn: one, and the replies to what was asked since."""

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
            _of_turn(view.entries),
        )

    @property
    def shift(self) -> timedelta | None:
        """By how much the newest request moves something."""
        return spoken_shift(self.requests[-1], self.words) if self.requests else None

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
        shift = self.shift
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
        return any(value in map(figures, readings) for readings in self._spoken(kind).values())

    def timed(
        self,
        arguments: Mapping[str, Any],
        schema: Mapping[str, Any],
        *,
        read_only: bool,
        now_at: time | None = None,
        tells_today: bool = True,
        keeps: bool = False,
    ) -> Timed:
        """The arguments with days and times in figures; `now_at` is when a thing that the call changes is as yet.

        What a model has made up goes to no tool: it is left out where a tool that only reads can do without. One that
        reads days is given all that the words may mean, and those from today on where they say none, unless nobody may
        be told what day it is (`tells_today`). Where what is not given stays as it is (`keeps`), it is left out, too,
        as long as anything else is given. Raises `UnclearTimeError` for what else is unclear, or not said.
        """
        kinds, must, properties = time_kinds(schema), schema.get("required", ()), schema.get("properties", {})
        errand = ErrandTimes.of(self.words, self._turn, arguments)
        given = Given(dict(arguments)) if read_only else errand.given(arguments, kinds, properties)
        written, said, notes = given.arguments, given.said, list[str]()
        missing: list[TimeKind] = []
        for name, kind in kinds.items():
            value = written.get(name)
            if isinstance(value, str) and name not in must and read_only and is_no_moment(value, kind):
                del written[name]
            if not isinstance(value, str) or "<" in value or name in said:  # absent, a handle, or worked out
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
                raise UnclearTimeError(which_of(phrase, found))
            if len(found) > 1:
                notes += [all_of(phrase, found)] if len(found) == _TWO else []
            if found:
                written[name] = found[0] if kind is TimeKind.MINUTES else ",".join(map(figures, found))
                said[name] = phrase
            elif phrase := self._phrase_of(kind, value, now_at):
                said[name] = phrase
            elif value not in self.known(kind):
                onwards = f"{self.words.today}/.."
                may_lack = read_only or keeps or self._needs_no_day(properties[name], kind)
                if name not in must and may_lack:
                    del written[name]
                    missing.append(kind)
                elif reads_days and _admits(properties[name], onwards):
                    written[name] = onwards
                    notes.append(_FROM_TODAY)
                else:
                    raise UnclearTimeError(MISSING[kind])
        if keeps and missing and written.keys() <= set(must):
            raise UnclearTimeError(MISSING[missing[0]])  # nothing is left to be changed
        starts = [str(written.get(name)) for name, kind in kinds.items() if kind is TimeKind.TIME]
        for name in kinds:
            left_out = name not in written and properties[name].get(SAID_LENGTH) is True
            if left_out and starts and (length := errand.length(starts[0])) is not None:
                written[name], said[name] = length
        written = {name: written[name] for name in properties if name in written} | written
        return Timed(arguments=written, said=said, notes=tuple(notes))

    def _needs_no_day(self, schema: Mapping[str, Any], kind: TimeKind) -> bool:
        """Whether what a model made up may be left out: of a to-do, where the user says nothing of a time, or a day."""
        if schema.get(NO_DAY) is not True:
            return False
        request = self.requests[-1] if self.requests else ""
        clocks = self._spoken(TimeKind.TIME)
        if kind is TimeKind.TIME and self._finders[TimeKind.DATE](request):
            return not clocks
        timed = self._spoken(TimeKind.DAYS) or clocks or _REMINDER.search(request)
        return _TO_DO.search(request) is not None and not timed

    @property
    def _turn(self) -> Sequence[str]:
        """What the user said in the newest turn."""
        return self.requests[-self.of_turn :] if self.of_turn else ()

    def _spelt_by(self, kind: TimeKind, value: str) -> tuple[str, tuple[Any, ...]]:
        """The words that may mean what a model has written in figures, and all that they may mean."""
        if value in self.known(kind):
            return value, ()
        spoken = self._spoken(kind)
        said = [one for one in spoken.items() if value in map(figures, one[1])]
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
            (phrase, found) for phrase, found in self._spoken(kind).items() if value in map(figures, found)
        ]
        for phrase, readings in sorted(said, key=lambda one: len(one[1])):
            clear = len(readings) == 1 or value in self.known(kind)
            if not clear and value not in map(figures, _near(readings, now_at)):
                raise UnclearTimeError(which_of(phrase, readings))
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


def _of_turn(entries: Sequence[Entry]) -> int:
    """How many requests the newest turn has: a request that follows a question goes on with its turn."""
    count = 0
    said = [one for one in entries if not isinstance(one, Clock)]
    for at, entry in reversed(list(enumerate(said))):
        if isinstance(entry, Instruction):
            count += 1
            asked = said[at - 2 : at] if at > 1 else []
            match asked:
                case [Plan(next=Next.CALLER | Next.ASK_USER), Answer()]:
                    continue
            break
    return count


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
