"""Hours: from one time of day to another, as a text says it.

Covered: hours of one day, at most twelve of them. Not covered: two numbers that may be a day ("8-9"), and minutes to
the hour ("ten to nine").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time
from functools import lru_cache

from umi_edge.values.time_words.phrases import TimePhrases

__all__ = ["Hours", "spoken_hours"]

_MOST = 12 * 60
_CLOCK = (
    r"\d{1,2}(?:[:.h]\d{2}|h)?(?:\s?[ap]\.?m\b\.?|\s?uhr\b)?|noon|midday|midnight|mittag|midi|mediod[ií]a"
)
_HOURS = re.compile(
    r"(?<![\w.:/-])(?:(?P<from>from|von|de|desde(?: las?)?|between|zwischen|entre(?: las?)?)\s+)?"
    rf"(?P<said>(?P<first>{_CLOCK})\s*"
    r"(?P<to>[-–—]|\b(?:to|til|till|until|bis|à|a(?: las?)?|jusqu['’]à|hasta(?: las?)?|and|und|et|y)\b)"
    rf"\s*(?P<last>{_CLOCK}))(?![\w:/-])(?P<behind>(?:\s+\S+){{0,3}})",
    re.IGNORECASE,
)
_HALF = re.compile(r"[ap]\.?m\b\.?|uhr\b", re.IGNORECASE)
_BETWEEN = re.compile(r"between|zwischen|entre", re.IGNORECASE)
_ANDS = frozenset({"and", "und", "et", "y"})
_MANY_MEANINGS = frozenset({"-", "–", "—", "a", "à"})
_MINUTES_TO = 5
"""People say how many minutes there are to the hour in fives: `ten to nine`, and never `eight to nine`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From one time of day to another."""

    first: time = field(repr=False)
    last: time = field(repr=False)
    phrase: str = field(repr=False)
    at: int = field(repr=False)
    """Where the text says so."""

    @property
    def minutes(self) -> int:
        """How long that is."""
        return _minutes(self.last) - _minutes(self.first)

    @property
    def end(self) -> int:
        """Where the phrase ends."""
        return self.at + len(self.phrase)


@lru_cache(maxsize=64)
def spoken_hours(text: str, read: TimePhrases) -> tuple[Hours, ...]:
    """What the text says of hours from and to; of several readings of one phrase those that fit.

    >>> from datetime import datetime
    >>> [str(one.first) for one in spoken_hours("block 8 to 9 tomorrow", TimePhrases(datetime(2026, 11, 25)))]
    ['08:00:00']
    """
    return tuple(one for found in _HOURS.finditer(text) for one in _hours(found, read))


def _hours(found: "re.Match[str]", read: TimePhrases) -> Iterator[Hours]:
    first, last, behind = found["first"], found["last"], found["behind"]
    to = found["to"].casefold()
    if (to in _ANDS) != bool(_BETWEEN.match(found["from"] or "")):
        return
    if first.isdigit() and not found["from"]:
        if last.isdigit() and to in _MANY_MEANINGS:
            return
        if to == "to" and int(first) % _MINUTES_TO == 0:
            return
    if last.isdigit() and any(read.days(f"{last}{behind[: word.end()]}") for word in _WORD.finditer(behind)):
        return  # "from 3 to 7 August"
    ends, half = read.times(last, beside=behind), _HALF.search(last)
    starts = [read.times(first, beside=behind)]
    if half and first.isdigit():  # "2 to 4pm" begins in the afternoon
        starts.insert(0, read.times(f"{first} {half[0]}"))
    for begun in starts:
        fits = [
            Hours(first=one, last=other, phrase=found["said"], at=found.start("said"))
            for one in begun
            for other in ends
            if 0 < _minutes(other) - _minutes(one) <= _MOST
        ]
        if fits:
            yield from fits
            return


_WORD = re.compile(r"\S+")


def _minutes(clock: time) -> int:
    return 60 * clock.hour + clock.minute
