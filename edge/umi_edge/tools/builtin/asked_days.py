"""Asked days: the days of which a question wants to know what there is on them, or of one thing when it is there."""

import re
from dataclasses import dataclass, field
from datetime import date

from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.spoken import spoken_spans

__all__ = ["AskedDays", "asked_days"]

_DAY = "\0"
"""Stands for the words of a day."""
_WHAT_IS_ON = re.compile(
    rf"\b(?:any|some|no)thing\b"
    rf"|\b(?:free|busy|agenda|schedule|calendar|diary|appointments?|meetings?|events?|plans?)\b"
    rf"|\bwhat(?:'s| is|s)? (?:on|up|there|planned) (?:for |on |in |the )*{_DAY}|{_DAY} like\b|\b(?:look|looks) like\b"
    rf"|\bhow (?:does|do|is)\b.*{_DAY}.*\blooks?\b"
    rf"|\bhave (?:i |on |for |planned |got |to do )*{_DAY}|^\W*{_DAY}\W*$",
    re.IGNORECASE,
)
_OF_A_TEXT = re.compile(
    rf"thing (?:new |else |more )*(?:from|by|about) (?!(?:the )?{_DAY}|\d)"
    r"|\b(?:e?mails?|letters?|messages?|notes?|files?|documents?|invoices?|wrote|writes?|written|says?|said)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDays:
    """Days that a question is about."""

    spans: tuple[tuple[date, date], ...] = field(repr=False)
    """The first and the last day of each reading."""
    whole: bool
    """Whether it is asked what there is on them."""
    besides: str = field(repr=False)
    """What the question says besides the days."""


def asked_days(question: str, phrases: TimePhrases) -> AskedDays | None:
    """The days that a question names. None where it names none, or asks what a text says.

    >>> from datetime import datetime, UTC
    >>> now = TimePhrases(datetime(2026, 11, 27, 9, tzinfo=UTC))
    >>> found = asked_days("do I have anything on the 30th?", now)
    >>> found.spans, found.whole
    (((datetime.date(2026, 11, 30), datetime.date(2026, 11, 30)),), True)
    >>> asked_days("is there yoga tomorrow?", now)
    AskedDays(whole=False)
    >>> asked_days("what did Ann write on the 30th?", now)
    """
    spans = spoken_spans(question, phrases)
    blanked = question
    for phrase in sorted(spans, key=len, reverse=True):
        blanked = blanked.replace(phrase, _DAY)
    if not spans or _OF_A_TEXT.search(blanked):
        return None
    return AskedDays(
        spans=next(iter(spans.values())),
        whole=_WHAT_IS_ON.search(blanked) is not None,
        besides=blanked.replace(_DAY, " "),
    )
