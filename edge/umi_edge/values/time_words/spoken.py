"""The phrases of time in a request: what the dates and times of a call may be taken from."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from umi_edge.values.time_words.feasts import feasts_in
from umi_edge.values.time_words.hours import spoken_hours
from umi_edge.values.time_words.phrases import TimePhrases
from umi_edge.values.time_words.vocabulary import normal

__all__ = [
    "found_in",
    "spoken_days",
    "spoken_lengths",
    "spoken_part",
    "spoken_past",
    "spoken_spans",
    "spoken_times",
]

T = TypeVar("T")

_WORD = re.compile(r"\S+")
_EDGES = "\"'()[]{}<>,;:!?…“”„«»"
_HOUR = re.compile(r"(?<![\d.:/-])\d{1,2}$")
_OF_HOURS = re.compile(r"\s*(?:[ap]\.?m\b|uhr\b|o'?clock\b)", re.IGNORECASE)
"""What makes an hour of the number before it, so that no phrase ends between the two: `Monday 10 am`."""
_LONGEST = 8
_MOST_WORDS = 400
_BEFORE_TIME = frozenset(
    {"at", "from", "@", "till", "until", "by", "to", "um", "ab", "gegen", "bis", "a", "vers", "las"}
)
_IN = re.compile(r"(?:in|im|dans|en) (?:(?:the|der|dem|le|la|el) )?", re.IGNORECASE)
"""What no time of day stands behind: `in the four` is a boat."""
_BEFORE_ORDINAL = re.compile(r"\b(on|by|until|till|for|am|zum|bis|le|el) (the |den )?$", re.IGNORECASE)

_ON = r"(?:(?:on|the|den|dem|le|el|al) )*"
_TO = re.compile(
    rf"\s*(?:to|till|til|until|through|through to|up to|thru|end|bis|zum|bis zum|jusqu'à|jusqu'au|au|hasta|al|"
    rf"[-–—]|->|,?\s*(?P<and>and|und|et|y))\s*{_ON}",
    re.IGNORECASE,
)
_BETWEEN = re.compile(rf"\b(?:between|zwischen|entre) {_ON}$", re.IGNORECASE)
_SINCE = re.compile(
    rf"\b(?P<word>since|after|from|newer than|seit|nach|ab|depuis|après|desde)\s+{_ON}$", re.IGNORECASE
)
_BEFORE = re.compile(
    rf"\b(?:(?P<before>before|vor|avant|antes del?)|until|till|bis|jusqu['’]?(?:à|au)|hasta)\s+(?:zum |dem )?{_ON}$",
    re.IGNORECASE,
)
_ONWARDS = re.compile(r",? (?:onwards?|on)\b", re.IGNORECASE)


@lru_cache(maxsize=64)
def spoken_days(text: str, read: TimePhrases) -> Mapping[str, tuple[date, ...]]:
    """What the text says of days, as it says it. An ordinal in letters is one only after `on the` or the like."""
    return {
        found.phrase: found.readings
        for found in found_in(text, read, read.days)
        if not _is_bare_ordinal(found.phrase, read) or _BEFORE_ORDINAL.search(text[: found.at])
    }


@lru_cache(maxsize=64)
def spoken_spans(text: str, read: TimePhrases) -> Mapping[str, tuple[tuple[date, date], ...]]:
    """What the text says of days and of spans of days, such as a week."""
    days, ranges = spoken_days(text, read), list(_ranges(text, read))
    apart = (
        found
        for found in found_in(text, read, read.span)
        if (found.phrase in days or not read.days(found.phrase))
        and not any(one.at <= found.at < one.end for one in ranges)
    )
    before = [one for found in apart for one in _before(text, found, read)]
    feasts = feasts_in(text, read.today)
    return {found.phrase: found.readings for found in (*ranges, *before)} | dict(feasts)


@lru_cache(maxsize=64)
def spoken_past(text: str, read: TimePhrases) -> Mapping[str, tuple[tuple[date, date], ...]]:
    """What the text says of days that have been; `since Monday` is from the last Monday to today."""
    said: dict[str, tuple[tuple[date, date], ...]] = {}
    ranges = list(_ranges(text, read, past=True))
    for found in ranges:
        said[found.phrase] = found.readings
    for found in found_in(text, read, read.past_span):
        if any(one.at <= found.at < one.end for one in ranges):
            continue
        begun = _SINCE.search(text[: found.at])
        after = _ONWARDS.match(text[found.end :])
        if begun or after:
            phrase = text[
                begun.start("word") if begun else found.at : found.end + (after.end() if after else 0)
            ]
            said[phrase] = tuple((first, read.today) for first, _ in found.readings)
        elif not _is_bare_ordinal(found.phrase, read) or _BEFORE_ORDINAL.search(text[: found.at]):
            said[found.phrase] = found.readings
    return said


def _before(
    text: str, found: "_Found[tuple[date, date]]", read: TimePhrases
) -> Iterator["_Found[tuple[date, date]]"]:
    """The days from today on that are before a day, where the text says `before`; else what was found."""
    word = _BEFORE.search(text[: found.at])
    spans = tuple(
        (read.today, first - timedelta(days=1) if word["before"] else last)
        for first, last in found.readings
        if word and first > read.today
    )
    if word is None or not spans:
        yield found
    else:
        yield _Found(text[word.start() : found.end], spans, word.start(), "")


def _ranges(text: str, read: TimePhrases, *, past: bool = False) -> Iterator["_Found[tuple[date, date]]"]:
    """From one day to another: `from Monday to Friday`, `between the 3rd and the 9th`, `27 November - 3 December`."""
    find = (lambda said: tuple(day for day, _ in read.past_span(said))) if past else read.days
    days = list(found_in(text, read, find))
    for one, other in pairwise(days):
        joined = _TO.fullmatch(text[one.end : other.at])
        if joined is None or (joined["and"] and not _BETWEEN.search(text[: one.at])):
            continue
        weekday = read.is_weekday(other.phrase)
        spans = dict.fromkeys(
            (first, last)
            for first in one.readings
            for last in _from(first, other.readings, weekday=weekday)[:1]
        )
        if spans:
            yield _Found(text[one.at : other.end], tuple(spans), one.at, one.before)


def _from(first: date, days: Sequence[date], *, weekday: bool) -> list[date]:
    """The days that are not before the first one; a weekday is then the first after it."""
    if weekday:
        return [first + timedelta((days[0] - first).days % 7)]
    return [day for day in days if day >= first]


@lru_cache(maxsize=64)
def spoken_times(text: str, read: TimePhrases) -> Mapping[str, tuple[time, ...]]:
    """What the text says of times of day; a number alone only after a word such as `at`.

    `Saturday night from seven` is in the evening: what stands beside a time counts. `8 to 9` is when that begins.
    """
    rest = text
    for day in found_in(text, read, read.days):
        rest = rest[: day.at] + "|" * len(day.phrase) + rest[day.at + len(day.phrase) :]
    found = [
        one
        for one in found_in(rest, read, read.times)
        if one.before in _BEFORE_TIME or not read.is_number(_IN.sub("", one.phrase))
    ]
    hours = spoken_hours(text, read)
    said = {
        one.phrase: read.times(one.phrase, beside=_run(text, one.at, read)) or one.readings
        for one in found
        if not any(_is_both(one, of.at, of.phrase) for of in hours)
    }
    begin = (one for one in hours if not any(of.at == one.at and of.phrase in said for of in found))
    return {**said, **{one.phrase: tuple(of.first for of in hours if of.at == one.at) for one in begin}}


def _is_both(found: "_Found[time]", at: int, hours: str) -> bool:
    """Whether what was read as one time of day is from one to another."""
    return at <= found.at < at + len(hours) and len(found.phrase) >= len(hours)


@lru_cache(maxsize=64)
def spoken_lengths(text: str, read: TimePhrases) -> Mapping[str, tuple[int, ...]]:
    """What the text says of how long something takes."""
    times = spoken_times(text, read)
    lengths = found_in(text, read, read.minutes)
    return {found.phrase: found.readings for found in lengths if found.phrase not in times}


@lru_cache(maxsize=64)
def spoken_part(text: str, read: TimePhrases) -> str:
    """The part of a day that the text names: `morning`, `afternoon`, `evening` or `night`; empty where it names none.

    `tomorrow morning`, `in the evening`, and `am Nachmittag`.
    """
    found = found_in(text, read, lambda phrase: tuple(filter(None, [read.part(phrase)])))
    return next((one.readings[0] for one in found), "")


class _Found(NamedTuple, Generic[T]):
    phrase: str
    readings: tuple[T, ...]
    at: int
    before: str
    """The word before it."""

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.at + len(self.phrase)


def _is_bare_ordinal(phrase: str, read: TimePhrases) -> bool:
    return read.is_ordinal(phrase) and not any(character.isdigit() for character in phrase)


def found_in(text: str, words: TimePhrases, read: Callable[[str], tuple[T, ...]]) -> Iterator[_Found[T]]:
    """The longest phrases that can be read, without the words at their ends that say nothing."""
    places = [(match.start(), match.end()) for match in _WORD.finditer(text)][:_MOST_WORDS]
    known = [words.knows(text[start:end]) for start, end in places]
    at = 0
    while at < len(places):
        last = min(at + _LONGEST, len(places))
        last = next((index for index in range(at, last) if not known[index]), last)
        for end in range(last, at, -1):
            if words.is_empty(_between(text, places[end - 1 : end])):
                continue
            phrase = _between(text, places[at:end])
            if _HOUR.search(phrase) and _OF_HOURS.match(text, places[end - 1][1]):
                continue
            if found := read(phrase):
                phrase = phrase.rstrip(".") if read(phrase.rstrip(".")) == found else phrase
            elif found := read(phrase.rstrip(".")):
                phrase = phrase.rstrip(".")
            if found:
                first = at
                while first + 1 < end and words.is_empty(_between(text, places[first : first + 1])):
                    shorter = _between(text, places[first + 1 : end])
                    if read(shorter) != found and read(shorter.rstrip(".")) != found:
                        break
                    plain = shorter.rstrip(".")
                    first, phrase = first + 1, plain if read(plain) == found else shorter
                before = normal(_between(text, places[first - 1 : first])) if first else ""
                yield _Found(phrase, found, text.index(phrase, places[first][0]), before)
                at = end - 1
                break
        at += 1


def _run(text: str, at: int, words: TimePhrases) -> str:
    """The words around a place that speak of time, in one run."""
    before, after = text[:at].split(), text[at:].split()
    while_known: list[str] = []
    for word in reversed(before):
        if not words.knows(word.strip(_EDGES)):
            break
        while_known.insert(0, word)
    for word in after:
        if not words.knows(word.strip(_EDGES)):
            break
        while_known.append(word)
    return " ".join(while_known)


def _between(text: str, places: list[tuple[int, int]]) -> str:
    return text[places[0][0] : places[-1][1]].strip(_EDGES)
