"""The wording of days and times: in figures for a tool, in words for the user, and what they are asked about them."""

from collections.abc import Sequence
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

__all__ = ["MISSING", "TimeKind", "UnclearTimeError", "all_of", "figures", "in_words", "which_of"]


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


_WHICH_DAYS = "Which days do you mean? Neither your words nor what was found say any."
MISSING = {
    TimeKind.DATE: "Which day do you mean? Neither your words nor what was found say one.",
    TimeKind.DAYS: _WHICH_DAYS,
    TimeKind.PAST_DAYS: _WHICH_DAYS,
    TimeKind.TIME: "At what time? Neither your words nor what was found say one.",
    TimeKind.MOMENT: "When? Neither your words nor what was found say a day and a time.",
    TimeKind.MINUTES: "How long? Your words do not say.",
}


def all_of(phrase: str, readings: Sequence[Any]) -> str:
    """What the user is told where both readings of a phrase were looked at.

    >>> all_of("next Friday", [date(2026, 11, 27), date(2026, 12, 4)])
    '“next Friday” may be Friday 27 November 2026 or Friday 4 December 2026, so this is of both.'
    """
    said = [in_words(one) for one in readings]
    return f"“{phrase}” may be {' or '.join(said)}, so this is of both."


def figures(reading: Any) -> str:
    """A day, a time, a length or a span of days as a tool takes it."""
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


def which_of(phrase: str, readings: Sequence[Any]) -> str:
    """Which of its readings a phrase means.

    >>> which_of("next Friday", [date(2026, 11, 27), date(2026, 12, 4)])
    'Which do you mean by “next Friday”: Friday 27 November 2026 or Friday 4 December 2026?'
    """
    said = [in_words(one) for one in readings]
    return f"Which do you mean by “{phrase}”: {', '.join(said[:-1])} or {said[-1]}?"


def in_words(reading: Any) -> str:
    """A day, a time or a span of days as people write it."""
    match reading:
        case datetime():
            return f"{in_words(reading.date())} at {reading:%H:%M}"
        case date():
            return f"{_DAYS[reading.weekday()]} {reading.day} {_MONTHS[reading.month - 1]} {reading.year}"
        case (first, last):
            return in_words(first) if first == last else f"{in_words(first)} to {in_words(last)}"
    return figures(reading)


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
