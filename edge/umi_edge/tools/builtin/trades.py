"""Trades and kin: somebody is looked for by what they do or are, and their card says it in other words, or in another
language.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from umi_edge.tools.builtin.words import folded

__all__ = ["is_kin", "is_of_trade", "same_kin", "same_trade", "says_nothing"]

_WHOLE = 3
"""A trade's entry of so many letters or fewer is a whole word; a longer one is how words begin. Kin are whole words."""
_OF_ANOTHER = re.compile(r"^\W*(?:of|von|vom|der|des|de|du|del)\b")
_ANOTHERS = re.compile(r"['’]s?\s+(?:\w+\s+)?$")
_BESIDE = 64
"""Letters before and behind a word in which it shows whose somebody is: a card is as long as somebody likes."""


def is_of_trade(text: str, query: str) -> bool:
    """Whether a text has every word of a query, or another word of the same trade.

    >>> is_of_trade("Petit Plomberie", "the plumber"), is_of_trade("Weiss Dental", "plumber")
    (True, False)
    """
    asked = [word for word in re.findall(r"\w+", folded(query)) if not says_nothing(word)]
    if not any(_trades(word) for word in asked):
        return False
    there = list(_words(text))
    return all(word in there or same_trade(word, text) for word in asked)


def same_trade(word: str, text: str) -> bool:
    """Whether a text has a word of the trade that a word is of."""
    return any(_is_one(own, line) for line in _trades(folded(word)) for own in _words(text))


def is_kin(word: str) -> bool:
    """Whether a word says how somebody is related to whoever speaks.

    >>> is_kin("mum"), is_kin("plumber")
    (True, False)
    """
    return bool(_kin(folded(word)))


def same_kin(word: str, text: str) -> bool:
    """Whether a text says that somebody is this to the user, and not to somebody else.

    >>> same_kin("mum", "Mamá"), same_kin("mum", "mum of Arjun"), same_kin("dad", "Ben's dad")
    (True, False, False)
    """
    said = folded(text)
    kin = {entry for line in _kin(folded(word)) for entry in line}
    return any(
        own[0] in kin
        and not _OF_ANOTHER.match(said[own.end() : own.end() + _BESIDE])
        and not _ANOTHERS.search(said[max(0, own.start() - _BESIDE) : own.start()])
        for own in re.finditer(r"\w+", said)
    )


def says_nothing(word: str) -> bool:
    """Whether a folded word tells nobody from anybody: `the`, `lady`, `señor`."""
    return any(word in line for line in _all("empty"))


def _words(text: str) -> Iterator[str]:
    return (one[0] for one in re.finditer(r"\w+", folded(text)))


@cache
def _trades(word: str) -> tuple[tuple[str, ...], ...]:
    """The trades that a word is of."""
    return tuple(line for line in _all("trades") if _is_one(word, line))


@cache
def _kin(word: str) -> tuple[tuple[str, ...], ...]:
    return tuple(line for line in _all("kin") if word in line)


def _is_one(word: str, line: tuple[str, ...]) -> bool:
    return any(word == entry or (len(entry) > _WHOLE and word.startswith(entry)) for entry in line)


@cache
def _all(kind: str) -> tuple[tuple[str, ...], ...]:
    text = (files("umi_edge.tools.builtin") / "trades.yaml").read_text("utf-8")
    return tuple(tuple(map(folded, line)) for line in YAML(typ="safe").load(text)[kind])
