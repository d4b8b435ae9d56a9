"""Refusals: that no tool is there for something, in many words (`data/refusals.yaml`) and never by rote."""

import random
from collections.abc import Callable

from umi_lab.synthesis.data_file import read_data, texts

__all__ = ["refusal_of", "refusal_without"]

_DATA = read_data("refusals")
_NAMING, _PLAIN = texts(_DATA["naming"]), texts(_DATA["plain"])


def refusal_of(number: int) -> Callable[[str], str]:
    """How a session says that it can't do something; the number chooses the words, 0 those that are always the same.

    >>> refusal_of(0)("send mail")
    'No tool here can send mail.'
    """
    if number == 0:
        return "No tool here can {}.".format
    return lambda what: _capital(random.Random(number).choice(_NAMING).format(what))  # noqa: S311  # no secret


def refusal_without(rng: random.Random, kinds: tuple[str, ...]) -> str:
    """The same of a request that has no name; `kinds` are what the tools here are for."""
    fitting = [text for text in _PLAIN if kinds or "{}" not in text]
    return _capital(rng.choice(fitting).format(_listed(rng, kinds)))


def _listed(rng: random.Random, kinds: tuple[str, ...]) -> str:
    some = rng.sample(kinds, min(len(kinds), rng.randint(1, 3)))
    return " and ".join(filter(None, (", ".join(some[:-1]), *some[-1:])))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
