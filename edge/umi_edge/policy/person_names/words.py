"""The lists of words that tell names from other words; each is read when first needed, in projection."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from umi_edge.policy.person_names.flat import flat

__all__ = ["context", "everyday", "longest_first", "plain", "short_forms"]


@cache
def everyday() -> frozenset[str]:
    """Names that are also everyday words, in whatever script."""
    return frozenset(
        word for name in ("everyday.txt", "everyday_unspaced.txt") for word in flat(_lines(name)).split()
    )


_OF_GRAMMAR = ("determiners", "subjects", "before a month")


@cache
def plain() -> frozenset[str]:
    """Words of a language that are nobody's name: what a card of a group, a place or a trade is called."""
    grammar = frozenset().union(*map(context, (*_OF_GRAMMAR, *filter(_TOLD.match, _sections()))))
    ascii_lines: list[str] = []
    others: list[str] = []
    for line in _lines("plain.txt").splitlines():
        (ascii_lines if line.isascii() and line.islower() else others).append(line)
    # Small letters of ASCII are their own projection, and most of the list.
    known = {*" ".join(ascii_lines).split(), *flat(" ".join(others)).split()}
    return frozenset(known | grammar) - everyday()


_TOLD = re.compile("told of ")


@cache
def short_forms() -> Mapping[str, frozenset[str]]:
    """What else those are called who bear a given name, by the name and by each of its forms."""
    found: dict[str, set[str]] = {}
    for line in _lines("short_forms.txt").splitlines():
        forms = line.split()
        for form in forms:
            found.setdefault(flat(form).strip(), set()).update(other for other in forms if other != form)
    return {form: frozenset(others) for form, others in found.items()}


@cache
def context(name: str) -> frozenset[str]:
    """The words of one section of the file of context words."""
    return frozenset(flat(_sections()[name]).split())


@cache
def _sections() -> dict[str, str]:
    parts = re.split(r"^\[(.+)\]\n", _lines("context_words.txt"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@cache
def longest_first(name: str) -> tuple[str, ...]:
    """The same, for patterns that try one after the other."""
    return tuple(sorted(context(name), key=lambda word: (-len(word), word)))


def _lines(name: str) -> str:
    text = (files("umi_edge.policy.person_names") / name).read_text("utf-8")
    return "\n".join(line for line in text.split("\n") if not line.startswith("#"))
