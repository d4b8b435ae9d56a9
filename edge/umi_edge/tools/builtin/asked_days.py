"""Asked days: the days of which a question wants to know what there is on them."""

import re
from datetime import date

from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.spoken import spoken_spans

__all__ = ["asked_days"]

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
    r"\b(?:e?mails?|letters?|messages?|notes?|files?|documents?|invoices?|wrote|written|said?)\b",
    re.IGNORECASE,
)


def asked_days(question: str, phrases: TimePhrases) -> tuple[tuple[date, date], ...]:
    """The first and the last day of each reading of the days, where it is asked what there is on them.

    None where it is asked what a text says.

    >>> from datetime import datetime, UTC
    >>> now = TimePhrases(datetime(2026, 11, 27, 9, tzinfo=UTC))
    >>> asked_days("do I have anything on the 30th?", now)
    ((datetime.date(2026, 11, 30), datetime.date(2026, 11, 30)),)
    >>> asked_days("what did Ann write on the 30th?", now)
    ()
    """
    if _OF_A_TEXT.search(question):
        return ()
    spans = spoken_spans(question, phrases)
    blanked = question
    for phrase in sorted(spans, key=len, reverse=True):
        blanked = blanked.replace(phrase, _DAY)
    if not spans or not _WHAT_IS_ON.search(blanked):
        return ()
    return next(iter(spans.values()))
