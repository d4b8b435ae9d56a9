"""Numbers, dates and durations, and what can be done with them.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from umi_edge.tools.json_type import JSON

__all__ = [
    "FUNCTIONS",
    "UNITS",
    "Duration",
    "ExpressionError",
    "Quantity",
    "add",
    "as_json",
    "divide",
    "multiply",
    "number",
    "quantity",
    "subtract",
]

_CONTEXT = Context(prec=28, Emax=100, Emin=-100, traps=[Overflow, InvalidOperation, DivisionByZero])
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class ExpressionError(ValueError):
    """What is wrong with an expression. Its text quotes nothing of the expression, which may hold values (I8)."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A stretch of time: months have no fixed length, so they are kept apart."""

    months: int = 0
    time: timedelta = timedelta()


Quantity = Decimal | date | Duration | str | list[Any]
"""A datetime is a date; a text is a weekday's name, or the like, with which nothing can be computed."""

UNITS: Mapping[str, Duration] = {
    "second": Duration(time=timedelta(seconds=1)),
    "minute": Duration(time=timedelta(minutes=1)),
    "hour": Duration(time=timedelta(hours=1)),
    "day": Duration(time=timedelta(days=1)),
    "week": Duration(time=timedelta(weeks=1)),
    "month": Duration(months=1),
    "year": Duration(months=12),
}


def number(text: str) -> Decimal:
    """A number as it is written; at most 18 digits on either side of the point."""
    if not _NUMBER.fullmatch(text):
        raise ExpressionError("a number is too long")
    return Decimal(text)


def quantity(text: str) -> Quantity:
    """The number, the date or the time that a text is."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ExpressionError("a text that is neither a number nor an ISO date")
    return datetime.fromisoformat(text) if found[2] else date.fromisoformat(text)


def add(one: Quantity, other: Quantity) -> Quantity:
    """The sum of two numbers or durations, or a date some time later."""
    match one, other:
        case Decimal(), Decimal():
            return _CONTEXT.add(one, other)
        case (date() as start, Duration() as span) | (Duration() as span, date() as start):
            return _later(start, span)
        case Duration(), Duration():
            return Duration(one.months + other.months, one.time + other.time)
    raise ExpressionError("two things that cannot be added")


def subtract(one: Quantity, other: Quantity) -> Quantity:
    """The difference of two numbers, durations or dates, or a date some time earlier."""
    if isinstance(one, date) and isinstance(other, date):
        return Duration(time=_midnight(one) - _midnight(other))
    if isinstance(other, Decimal | Duration):
        return add(one, multiply(other, Decimal(-1)))
    raise ExpressionError("two things that cannot be subtracted")


def multiply(one: Quantity, other: Quantity) -> Quantity:
    """The product of two numbers, or of a duration and a number."""
    match one, other:
        case Decimal(), Decimal():
            return _CONTEXT.multiply(one, other)
        case (Duration() as span, Decimal() as factor) | (Decimal() as factor, Duration() as span):
            months = _CONTEXT.multiply(Decimal(span.months), factor)
            if months != int(months):
                raise ExpressionError("months and years are whole")
            seconds = _CONTEXT.multiply(_seconds(span), factor)
            return Duration(int(months), timedelta(seconds=float(seconds)))
    raise ExpressionError("two things that cannot be multiplied")


def divide(one: Quantity, other: Quantity) -> Quantity:
    """The quotient of two numbers or durations, or a part of a duration."""
    match one, other:
        case Decimal(), Decimal():
            return _CONTEXT.divide(one, other)
        case Duration(0), Duration(0):
            return _CONTEXT.divide(_seconds(one), _seconds(other))
        case Duration(0), Decimal():
            return Duration(time=timedelta(seconds=float(_CONTEXT.divide(_seconds(one), other))))
    raise ExpressionError("two things that cannot be divided")


def as_json(value: Quantity) -> JSON:
    """A number, an ISO date or time, words, or a list of these.

    >>> as_json(Duration(1, timedelta(days=2, minutes=-30)))
    '1 month 1 day 23 hours 30 minutes'
    """
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
        case Duration():
            return _words(value)
        case list():
            return [as_json(item) for item in value]
    return value


def _later(start: date, span: Duration) -> date:
    count = start.year * 12 + start.month - 1 + span.months
    year, month = count // 12, count % 12 + 1
    if not 1 <= year <= 9999:
        raise ExpressionError("a date beyond the calendar")
    day = min(start.day, calendar.monthrange(year, month)[1])
    moved = start.replace(year=year, month=month, day=day)
    whole_days = span.time % timedelta(days=1) == timedelta()
    return (moved if whole_days else _midnight(moved)) + span.time


def _midnight(moment: date) -> datetime:
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time())


def _seconds(span: Duration) -> Decimal:
    return Decimal(span.time // timedelta(microseconds=1)) / 1_000_000


def _words(span: Duration) -> str:
    sign = "-" if span.months < 0 or (not span.months and span.time < timedelta()) else ""
    left = abs(span.time)
    counts = {"month": abs(span.months)}
    for unit in ("day", "hour", "minute", "second"):
        counts[unit], left = divmod(left, UNITS[unit].time)
    words = [f"{count} {unit}{'' if count == 1 else 's'}" for unit, count in counts.items() if count]
    return sign + (" ".join(words) or "0 days")


def _flat(arguments: list[Quantity]) -> list[Quantity]:
    """A function's arguments, lists among them opened one level; none is an error."""
    values: list[Quantity] = []
    for argument in arguments:
        values += argument if isinstance(argument, list) else [argument]
    if not values:
        raise ExpressionError("a function of nothing")
    return values


def _one(arguments: list[Quantity]) -> Quantity:
    if len(arguments) != 1:
        raise ExpressionError("a function of one thing is given another number of them")
    return arguments[0]


def _total(arguments: list[Quantity]) -> Quantity:
    values = _flat(arguments)
    total = values[0]
    for value in values[1:]:
        total = add(total, value)
    return total


def _extreme(choose: Callable[..., Any]) -> Callable[[list[Quantity]], Quantity]:
    def chosen(arguments: list[Quantity]) -> Quantity:
        values = _flat(arguments)
        kinds = {type(value) for value in values}
        if len(kinds) > 1 or not kinds <= {Decimal, date, datetime}:
            raise ExpressionError("only numbers, or only dates, have a least and a greatest")
        least_or_greatest: Quantity = choose(values)
        return least_or_greatest

    return chosen


def _average(arguments: list[Quantity]) -> Quantity:
    return divide(_total(arguments), Decimal(len(_flat(arguments))))


def _absolute(arguments: list[Quantity]) -> Quantity:
    value = _one(arguments)
    match value:
        case Decimal():
            return abs(value)
        case Duration():
            return Duration(abs(value.months), abs(value.time))
    raise ExpressionError("only a number or a duration has a magnitude")


def _rounded(arguments: list[Quantity]) -> Quantity:
    match arguments:
        case [Decimal() as value]:
            return value.quantize(Decimal(1), ROUND_HALF_UP, _CONTEXT)
        case [Decimal() as value, Decimal() as digits] if digits in range(11):
            return value.quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP, _CONTEXT)
    raise ExpressionError("round() takes a number, and 0 to 10 digits")


def _in(unit: str) -> Callable[[list[Quantity]], Quantity]:
    return lambda arguments: divide(_one(arguments), UNITS[unit])


def _weekday(arguments: list[Quantity]) -> Quantity:
    value = _one(arguments)
    if not isinstance(value, date):
        raise ExpressionError("only a date has a weekday")
    return _DAYS[value.weekday()]


FUNCTIONS: Mapping[str, Callable[[list[Quantity]], Quantity]] = {
    "sum": _total,
    "min": _extreme(min),
    "max": _extreme(max),
    "count": lambda arguments: Decimal(len(_flat(arguments))),
    "average": _average,
    "abs": _absolute,
    "round": _rounded,
    "days": _in("day"),
    "hours": _in("hour"),
    "minutes": _in("minute"),
    "weekday": _weekday,
}
