"""The words beside which something is private, as alternatives of a pattern."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from umi_edge.policy.projection import projected

__all__ = ["AFTER", "BEFORE", "JOINED", "alternatives", "bendable", "joined", "marked", "words"]

_ENDS_JOINED = "[\u4e00-\u9fff\u1100-\u11ff\u3040-\u30ff\u0e00-\u0eff]$"
JOINED = r"\p{Han}\x{1100}-\x{11ff}\x{3040}-\x{30ff}\x{0e00}-\x{0eff}"
"""Scripts without blanks, and Korean, which joins particles, as a class of RE2."""
BEFORE = rf"(?:^|[^\pL]|[{JOINED}בלמהושو])"
"""What may stand before a word: the edge of one, a script without blanks, a prefix."""
AFTER = rf"(?:[^\pL\pN]|[{JOINED}]|$)"
"""What may stand behind one."""


@cache
def words(section: str) -> frozenset[str]:
    """The words of a section, projected."""
    text = (files("umi_edge.policy.patterns") / "words.txt").read_text("utf-8")
    parts = re.split(r"^\[(.+)\]\n", text, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))[section]
    return frozenset(filter(None, (projected(word.replace("_", " ")).strip() for word in found.split())))


@cache
def alternatives(section: str) -> str:
    """The same, for RE2 to choose from: the longest first."""
    return _any_of(words(section))


@cache
def joined(section: str) -> str:
    """Those of them that need no blank behind them."""
    return _any_of(word for word in words(section) if re.search(_ENDS_JOINED, word))


@cache
def marked(section: str) -> str:
    """One of them, whole: what may stand before it and behind it is part of the match."""
    return rf"{BEFORE}(?:{alternatives(section)}{AFTER}|{joined(section)})"


@cache
def bendable(section: str) -> str:
    """Alternatives of which the long ones may have an ending that their language gives them."""
    long = [word for word in words(section) if len(word) >= _BENDABLE]
    short = [word for word in words(section) if len(word) < _BENDABLE]
    return rf"(?:{_any_of(long)}[\pL\pM]{{0,3}}|{_any_of(short)})"


_BENDABLE = 7


def _any_of(words: Iterable[str]) -> str:
    longest = sorted(words, key=lambda word: (-len(word), word))
    return "(?:" + "|".join(re.escape(word).replace(r"\ ", "[ _-]") for word in longest) + ")"
