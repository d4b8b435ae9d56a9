"""The lists of words that tell names from other words; each is read when first needed, in projection."""

import re
from functools import cache
from importlib.resources import files

from umi_edge.policy.person_names.flat import flat

__all__ = ["context", "everyday", "longest_first"]


@cache
def everyday() -> frozenset[str]:
    """Names that are also everyday words, in whatever script."""
    return frozenset(
        word for name in ("everyday.txt", "everyday_unspaced.txt") for word in flat(_lines(name)).split()
    )


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
