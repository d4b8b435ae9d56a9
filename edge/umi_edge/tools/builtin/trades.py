"""Trades: somebody is looked for by what they do, and their card says it in other words, or in another language."""

import re
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from umi_edge.tools.builtin.words import folded

__all__ = ["is_of_trade"]

_WHOLE = 3
"""An entry of so many letters or fewer is a whole word; a longer one is how words begin."""
_EMPTY = frozenset(
    (
        "a",
        "an",
        "the",
        "my",
        "our",
        "der",
        "die",
        "das",
        "mein",
        "meine",
        "unser",
        "le",
        "la",
        "les",
        "mon",
        "notre",
        "el",
        "mi",
    )
)


def is_of_trade(text: str, query: str) -> bool:
    """Whether a text has every word of a query, or another word of the same trade.

    >>> is_of_trade("Petit Plomberie", "the plumber"), is_of_trade("Weiss Dental", "plumber")
    (True, False)
    """
    there = re.findall(r"\w+", folded(text))
    asked = [word for word in re.findall(r"\w+", folded(query)) if word not in _EMPTY]
    return any(_trades(word) for word in asked) and all(
        word in there or any(_is_one(own, trade) for trade in _trades(word) for own in there)
        for word in asked
    )


@cache
def _trades(word: str) -> tuple[tuple[str, ...], ...]:
    """The trades that a word is of."""
    return tuple(trade for trade in _all() if _is_one(word, trade))


def _is_one(word: str, trade: tuple[str, ...]) -> bool:
    return any(word == entry or (len(entry) > _WHOLE and word.startswith(entry)) for entry in trade)


@cache
def _all() -> tuple[tuple[str, ...], ...]:
    text = (files("umi_edge.tools.builtin") / "trades.yaml").read_text("utf-8")
    return tuple(tuple(map(folded, trade)) for trade in YAML(typ="safe").load(text))
