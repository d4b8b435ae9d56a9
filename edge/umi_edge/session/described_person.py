"""Described persons: whom a look-up is for, where the user's words say what somebody is.

"What is the number of Jule's fencing coach": a small caller looks up Jule, and "our accounting expert in Okada" becomes
Okada. What is read is the request as the planner sees it.

Covered: of a plain look-up, what stands behind a possessive, and before an `in`, an `at` or an `of`; a name that
nobody said, for whom the first description stands; the languages of `words/addressees.yaml`. Not covered: a description
without an article and a name; a relative clause ("who brings the cheese").

I3: docs/design.md#i3-noninterference
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from umi_edge.session.look_up_words import look_up_words
from umi_edge.values.word_lists import word_lists

__all__ = ["description_in", "whole_description"]

_WORD = re.compile(r"\s*([^\W\d_][\w-]*)(?![\w@])")
_MOST = 4
"""Words of a description."""
_LONGEST = 100
"""Letters before a name in which its description begins."""


def whole_description(request: str, name: str) -> str | None:
    """The description that a looked-up name is a part of; None where it stands for itself.

    >>> whole_description("what is the mobile number of jule's fencing coach", "jule")
    "jule's fencing coach"
    >>> whole_description("what's the phone number of our accounting expert in okada", "okada")
    'accounting expert in okada'
    >>> whole_description("jule's number", "jule"), whole_description("the phone number of Ann in Rome", "Rome")
    (None, None)
    """
    one = re.escape(re.sub(r"['’]s?$", "", name.strip()))
    if not one:
        return None
    for owner in re.finditer(rf"(?<![\w<]){one}(?:['’]s|s['’])(?= )", request, re.IGNORECASE):
        if words := _words_from(request, owner.end()):
            return f"{owner[0]} {' '.join(words)}"
    behind = rf" ({_words().beside}(?: {_words().owners})?) {one}(?!\w)"
    for place in re.finditer(behind, request, re.IGNORECASE):
        before = _described_until(request, place.start())
        if before:
            return f"{' '.join(before)} {place[1]} {request[place.end(1) : place.end()].strip()}"
    return None


def description_in(request: str) -> str | None:
    """What the words say that somebody is: the first description of a request; None where there is none.

    >>> description_in("what's the number of our landlady?"), description_in("what's her number?")
    ('landlady', None)
    """
    for owner in re.finditer(rf"\b{_words().owners}(?= )", request, re.IGNORECASE):
        if words := _words_from(request, owner.end()):
            return " ".join(words)
    return None


def _described_until(request: str, end: int) -> Sequence[str]:
    """The words of a description that ends here, from its article on; none where none ends here."""
    before = request[max(0, end - _LONGEST) : end]
    owners = list(re.finditer(rf"\b{_words().owners}(?= )", before, re.IGNORECASE))
    words = _words_from(before, owners[-1].end()) if owners else []
    return words if before.endswith(" ".join(words)) else ()


def _words_from(request: str, start: int) -> list[str]:
    """The words that describe somebody, up to what describes nobody; none where they begin with that."""
    words: list[str] = []
    found = _WORD.match(request, start)
    while found is not None and len(words) < _MOST and not _ends(found[1]):
        words.append(found[1])
        found = _WORD.match(request, found.end())
    return words


def _ends(word: str) -> bool:
    return bool(_words().stops.fullmatch(word) or look_up_words().nobody.fullmatch(word))


class _Words(NamedTuple):
    owners: str
    beside: str
    stops: "re.Pattern[str]"


@cache
def _words() -> _Words:
    words = word_lists("umi_edge.session.words", "addressees.yaml")
    stops = words.any_of("message", "told", "ands", "beside", "pronouns", "owners", "nobody")
    return _Words(
        owners=words.any_of("owners"),
        beside=words.any_of("beside"),
        stops=re.compile(stops, re.IGNORECASE),
    )
