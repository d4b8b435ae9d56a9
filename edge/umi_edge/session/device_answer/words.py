"""The words with which a list is asked for, and what of it, as patterns of all languages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from umi_edge.values.word_lists import word_lists

__all__ = ["ListWords", "list_words"]

_NUMBERS = ("two", "three", "four", "five")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWords:
    """Patterns of the words of all languages; the case does not matter."""

    reasons: "re.Pattern[str]"
    """What a list does not say by itself."""
    counts: "re.Pattern[str]"
    who: "re.Pattern[str]"
    free: "re.Pattern[str]"
    greeting: "re.Pattern[str]"
    from_: "re.Pattern[str]"
    """What stands right before an hour from which a day is asked for."""
    until: "re.Pattern[str]"
    range_: "re.Pattern[str]"
    """Between two hours, `first` and `last`."""
    edge: "re.Pattern[str]"
    """An hour from which, or until which, a day is asked for: a `clock` without more."""
    several: "re.Pattern[str]"
    """So many of those that are next, last or first: a group for each number of `numbers`, or `n` in figures."""
    numbers: Mapping[str, int]
    undated: "re.Pattern[str]"
    late: "re.Pattern[str]"
    notes: "re.Pattern[str]"
    phone: "re.Pattern[str]"
    email: "re.Pattern[str]"
    address: "re.Pattern[str]"
    street: "re.Pattern[str]"
    birthday: "re.Pattern[str]"
    of_kind: "Mapping[str, re.Pattern[str]]"
    """Which of several numbers: by the kind that a card gives it."""


@cache
def list_words() -> ListWords:
    """Read once. Raises `WordListError`."""
    words = word_lists("umi_edge.session.words", "lists.yaml")
    one = words.any_of
    article, hours = r"(?:las? )?", rf"(?: ?{one('hours')})?"
    counted = "|".join(rf"(?P<{name}>{one(name)})" for name in _NUMBERS)
    return ListWords(
        reasons=_whole(one("reasons")),
        counts=_whole(one("counts")),
        who=_whole(one("who")),
        free=_whole(one("free")),
        greeting=_whole(one("greetings")),
        from_=_pattern(rf"\b{one('from')}\W+{article}$"),
        until=_pattern(rf"\b{one('until')}\W+{article}$"),
        range_=_pattern(
            rf"\b{one('between')} {article}(?P<first>[^\s,]+?){hours} {one('and')} {article}"
            rf"(?P<last>\d[\w:.]*|noon|midday)"
        ),
        edge=_pattern(
            rf"\b{one('from', 'until')} {article}(?P<clock>\d{{1,2}}){hours}\b(?!\.?[/:\d]|st\b|nd\b|rd\b|th\b)"
            rf"(?! *{one('lengths')}\b)"
        ),
        several=_pattern(rf"\b{one('order')} (?:(?P<n>\d{{1,2}})|{counted})\b"),
        numbers={name: number for number, name in enumerate(_NUMBERS, start=2)},
        undated=_pattern(rf"\b{one('without')} {one('dates')}\b|\bundated\b"),
        late=_whole(one("late")),
        notes=_whole(one("notes")),
        phone=_whole(one("phone")),
        email=_whole(one("email")),
        address=_whole(one("address")),
        street=_whole(one("street")),
        birthday=_whole(one("birthday")),
        of_kind={kind: _whole(one(kind)) for kind in ("cell", "work", "home", "fax")},
    )


def _whole(pattern: str) -> "re.Pattern[str]":
    return _pattern(rf"\b{pattern}\b")


def _pattern(pattern: str) -> "re.Pattern[str]":
    return re.compile(pattern, re.IGNORECASE)
