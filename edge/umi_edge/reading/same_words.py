"""Words that say one thing: what is asked in one language, or spelt out, is found in another, or in figures."""

import re
from functools import cache
from importlib.resources import files

from umi_edge.policy.projection import projected
from umi_edge.reading.question import alike, stem

__all__ = ["is_listed", "is_same", "says_the_same"]

_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th|er|e|eme)")


def is_same(one: str, other: str) -> bool:
    """Whether two words look like forms of one, or say one thing.

    >>> is_same("bake", "baking"), is_same("fourteenth", "14"), is_same("july", "juillet"), is_same("july", "june")
    (True, True, True, False)
    """
    return alike(one, other) or says_the_same(one, other)


def says_the_same(one: str, other: str) -> bool:
    """Whether the list has two words in one line."""
    lines = _lines_of(one)
    return bool(lines) and not lines.isdisjoint(_lines_of(other))


def is_listed(word: str) -> bool:
    """Whether the list has a word, in some form."""
    return bool(_lines_of(word))


def _lines_of(word: str) -> frozenset[int]:
    found = _ORDINAL.fullmatch(word)
    word = found[1] if found else word
    # A word that is listed as it is has no other's ending: "marché" is no form of "march".
    return _listed().get(word) or _stems().get(stem(word), frozenset())


@cache
def _listed() -> dict[str, frozenset[int]]:
    """The lines that a word stands in."""
    text = files("umi_edge.reading").joinpath("same_words.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    known: dict[str, frozenset[int]] = {}
    for number, line in enumerate(lines):
        for word in projected(line).split():
            known[word] = known.get(word, frozenset()) | {number}
    return known


@cache
def _stems() -> dict[str, frozenset[int]]:
    """The same by stems."""
    known: dict[str, frozenset[int]] = {}
    for word, numbers in _listed().items():
        known[stem(word)] = known.get(stem(word), frozenset()) | numbers
    return known
