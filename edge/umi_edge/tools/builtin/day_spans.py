"""Spans of days, as an argument of the tools that read: `2026-11-27`, `2026-11-27/2026-11-29`, `2026-11-27/..`.

Several stand with commas between them: all that the user's words may mean, or days that are not in a row.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin.calendar_folder import parsed_day
from umi_edge.tools.outcome import FailureKind, ToolFailure

__all__ = ["Days", "PastDays", "Span", "spans_of"]

_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
"""Without counts: a grammar holds few of them, and drops a pattern that has more."""
_SPAN = rf"{_DAY}(/({_DAY}|\.\.))?"
_MOST = 12
_MAX_DAYS = 5 * 366
_PATTERN = f"^{_SPAN}(,{_SPAN}){{0,{_MOST - 1}}}$"

Days = Annotated[str, Field(pattern=_PATTERN, json_schema_extra={"format": "days"})]
PastDays = Annotated[str, Field(pattern=_PATTERN, json_schema_extra={"format": "past-days"})]


@dataclass(frozen=True, slots=True)
class Span:
    """Days in a row."""

    first: date = field(repr=False)
    last: date | None = field(repr=False)
    """None: it has no end."""


def spans_of(days: str) -> tuple[Span, ...]:
    """The spans that an argument spells, in its order. Raises `ToolFailure`."""
    return tuple(map(_span, days.split(",")))


def _span(text: str) -> Span:
    first, _, last = text.partition("/")
    span = Span(parsed_day(first), None if last == ".." else parsed_day(last or first))
    if span.last is not None and not 0 <= (span.last - span.first).days <= _MAX_DAYS:
        raise ToolFailure(
            FailureKind.INVALID_ARGUMENTS, "the last day is before the first, or years after it"
        )
    return span
