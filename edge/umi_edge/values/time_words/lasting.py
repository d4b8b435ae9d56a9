"""Lasting: how long something is to take, as a text says it, in hours and minutes or all day.

Covered: lengths of less than a day. Not covered: what says when, how often or by how much ("in an hour", "every two
hours", "an hour later"), in the words of `lasting_words.yaml`.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from umi_edge.values.time_words.hours import spoken_hours
from umi_edge.values.time_words.phrases import TimePhrases
from umi_edge.values.time_words.spoken import found_in
from umi_edge.values.word_lists import word_lists

__all__ = ["all_day", "lasting"]

_DAY_MINUTES = 24 * 60


@lru_cache(maxsize=64)
def all_day(text: str) -> str:
    """The words that say that something takes the whole day; empty where none do.

    >>> all_day("inset day 5 may, all day"), all_day("viernes todo el día"), all_day("not all day")
    ('all day', 'todo el día', '')
    """
    found = _patterns()["all_day"].search(text)
    return found[0] if found is not None else ""


@lru_cache(maxsize=64)
def lasting(text: str, read: TimePhrases) -> Mapping[str, int]:
    """The minutes that something is to take, by the words that say so.

    >>> from datetime import datetime
    >>> dict(lasting("gym for 45 minutes, and leave in an hour", TimePhrases(datetime(2026, 11, 25))))
    {'45 minutes': 45}
    """
    words, said, hours = _patterns(), dict[str, int](), spoken_hours(text, read)
    for found in found_in(text, read, read.minutes):
        before, behind = text[: found.at], text[found.end :]
        if words["not_before"].search(before) or words["not_behind"].match(behind):
            continue
        if any(one.at <= found.at < one.end for one in hours):
            continue
        if read.times(found.phrase) and not words["lasts"].search(before):
            continue
        if len(found.readings) == 1 and found.readings[0] < _DAY_MINUTES:
            said[found.phrase] = found.readings[0]
    return said


@cache
def _patterns() -> Mapping[str, "re.Pattern[str]"]:
    words = word_lists("umi_edge.values.time_words", "lasting_words.yaml", plain=["nots"])
    nots = "".join(rf"(?<!\b{word} )" for word in sorted(words.words("nots")))
    patterns = {
        "all_day": rf"{nots}\b{words.any_of('all_day')}\b",
        "lasts": rf"\b{words.any_of('lasts')}\s+$",
        "not_before": rf"\b{words.any_of('not_before')}\s+$",
        "not_behind": rf"\s*{words.any_of('not_behind')}\b",
    }
    return {name: re.compile(pattern, re.IGNORECASE) for name, pattern in patterns.items()}
