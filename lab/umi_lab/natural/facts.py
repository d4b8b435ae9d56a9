"""Facts: whether a text says something, in one of the ways in which it can be said.

A fact is a text that stands there as it is, but for case, accents and kinds of blanks, dashes and quotes; or, with a
word before it, one of these:

    tel:+49 151 5550 4471     a phone number, however it is grouped
    time:15:15                a time of day, also as 3:15 pm
    day:2026-11-27            a day, also as 27 November, Friday of this week, tomorrow
    sum:412000                a number, with or without separators of thousands
    re:sign(s|ed)             a regular expression

A `=` in front says that the fact is worked out: it stands in no file of the home. That matters to the tests only.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date

from umi_edge.tools.builtin.words import folded

__all__ = ["is_worked_out", "lacking", "normalised", "says"]

_NATIONAL = 8
"""Digits at a phone number's end that tell it, where it is written without its country."""
_WEEK = 7
_MONTHS = tuple(
    months.split(", ")
    for months in (
        "January, February, March, April, May, June, July, August, September, October, November, December",
        "janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, décembre",
    )
)
_SAME = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00ad": None})


def normalised(text: str) -> str:
    """`text` without what does not matter.

    >>> normalised("Room\u00a03.12  – Élise’s")
    "room 3.12 - elise's"
    """
    return " ".join(folded(unicodedata.normalize("NFKC", text).translate(_SAME)).split())


def is_worked_out(fact: str) -> bool:
    """Whether it stands in no file."""
    return fact.startswith("=")


def lacking(text: str, groups: tuple[tuple[str, ...], ...], today: date) -> tuple[int, ...]:
    """The numbers of the groups of which `text` says nothing."""
    return tuple(
        number for number, group in enumerate(groups) if not any(says(text, fact, today) for fact in group)
    )


def says(text: str, fact: str, today: date) -> bool:
    """Whether `text`, read on the day `today`, states the fact.

    >>> day = date(2026, 11, 24)
    >>> says("Your dentist is on Friday at 3:15 pm.", "time:15:15", day)
    True
    >>> says("Your dentist is on Friday at 3:15 pm.", "day:2026-11-27", day)
    True
    >>> says("It is 412,000 euros", "sum:412000", day), says("It costs 1120", "20", day)
    (True, False)
    """
    kind, _, value = fact.removeprefix("=").partition(":")
    plain = normalised(text)
    match kind if value else "":
        case "tel":
            return _has_number(plain, value)
        case "time":
            return any(_stands(plain, spelt) for spelt in _times(value))
        case "day":
            return any(_stands(plain, normalised(spelt)) for spelt in _days(date.fromisoformat(value), today))
        case "sum":
            joined = re.sub(r"(?<=\d)[ ,.'](?=\d{3}(?!\d))", "", plain)
            return _stands(joined, value)
        case "re":
            return re.search(value, plain, re.IGNORECASE) is not None
        case _:
            return _stands(plain, normalised(fact.removeprefix("=")))


def _stands(text: str, words: str) -> bool:
    """Whether the words stand there whole: 20 is not in 1120, nor in 20.5."""
    before = r"(?<!\d)(?<!\d[.,:])" if words[:1].isdigit() else r"(?<!\w)"
    after = r"(?!\d)(?![.,:]\d)" if words[-1:].isdigit() else r"(?!\w)"
    return re.search(before + re.escape(words) + after, text) is not None


def _has_number(text: str, number: str) -> bool:
    wanted = re.sub(r"\D", "", number)
    written = ["".join(re.findall(r"\d", run)) for run in re.findall(r"\+?\d[\d ()/.-]*\d", text)]
    return any(wanted in run or run.endswith(wanted[-_NATIONAL:]) for run in written)


def _times(clock: str) -> Iterator[str]:
    hour, minute = map(int, clock.split(":"))
    hours, half = {hour, hour % 12 or 12}, "am" if hour < 12 else "pm"
    twelve = hour % 12 or 12
    for shown in sorted(hours):
        for hh in {f"{shown}", f"{shown:02}"}:
            yield from (f"{hh}:{minute:02}", f"{hh}.{minute:02}", f"{hh}h{minute:02}")
            yield from (f"{hh}:{minute:02}{half}", f"{hh}:{minute:02}:00")
    if minute == 0:
        yield from (f"{twelve} {half}", f"{twelve}{half}", f"{twelve} {half[0]}.m.", f"{twelve} o'clock")
        yield from (f"{hour}h", f"{hour} h", f"{hour} uhr")
    if minute == 30:
        yield f"half past {twelve}"


def _days(day: date, today: date) -> Iterator[str]:
    yield day.isoformat()
    for months in _MONTHS:
        name = months[day.month - 1]
        for month in (name, name[:3]):
            yield from (f"{day.day} {month}", f"{month} {day.day}", f"{day.day:02} {month}")
            yield from (f"{month} {day.day}{_ordinal(day.day)}", f"{day.day}{_ordinal(day.day)} {month}")
            yield from (f"{day.day}{_ordinal(day.day)} of {month}", f"{day.day}. {month}")
    for dd, mm in ((f"{day.day}", f"{day.month}"), (f"{day.day:02}", f"{day.month:02}")):
        yield from (f"{dd}.{mm}.", f"{dd}.{mm}.{day.year}", f"{dd}/{mm}", f"{mm}/{dd}")
    yield f"the {day.day}{_ordinal(day.day)}"
    away = (day - today).days
    if 0 <= away < _WEEK:
        yield f"{day:%A}"
    if away in (0, 1):
        yield from (("today", "tonight"), ("tomorrow",))[away]


def _ordinal(number: int) -> str:
    if number in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
