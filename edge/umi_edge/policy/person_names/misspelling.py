"""Misspelling: how a name in Latin letters is known that somebody has heard, dictated or mistyped.

Covered: other spellings of one sound (`Kristian`, `Schmitt`), and one slip in a long word (`Hardwik`). What is
found so is a hint, not a name: it counts only where something beside it says that it is somebody.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

__all__ = ["heard_alike", "slips_of"]

_RULES = (
    ("chr", "kr"), ("sch", "s"), ("tch", "c"), ("sh", "s"), ("ch", "c"), ("ph", "f"),
    ("th", "t"), ("gh", "g"), ("ck", "k"), ("dt", "t"), ("tz", "s"), ("ts", "s"),
    ("x", "ks"), ("q", "k"), ("w", "v"), ("z", "s"), ("ou", "u"), ("oo", "u"),
    ("ee", "i"), ("ea", "i"), ("ai", "e"), ("ay", "e"), ("ei", "e"), ("ey", "e"),
    ("ie", "i"), ("y", "i"), ("j", "i"),
)  # fmt: skip
_BECOMES = dict(_RULES)
_PATTERN = re.compile("|".join(sorted(_BECOMES, key=len, reverse=True)))
_SOFT_C = re.compile("c(?=[eiy])")
_END = re.compile("(?:ey|ie|ee|y|i)$")
_SILENT = re.compile(r"(?<=[^aeiou])e$|(?<=.)h(?![aeiou])")
_DOUBLE = re.compile(r"(.)\1+")
_LONG = 6
_VOWELS = "aeiouy"
_ALIKE = {
    "s": "zc",
    "z": "s",
    "c": "ks",
    "k": "c",
    "d": "t",
    "t": "d",
    "b": "p",
    "p": "b",
    "v": "wf",
    "w": "v",
    "f": "v",
}
_ALIKE |= {"m": "n", "n": "m", "g": "j", "j": "g"}
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@lru_cache(maxsize=65536)
def heard_alike(word: str) -> str:
    """What a projected word and its other spellings have in common; empty for words that are too short to tell.

    >>> heard_alike("kristian") == heard_alike("christian"), heard_alike("haley") == heard_alike("hailey")
    (True, False)
    >>> heard_alike("meyer") == heard_alike("maier"), heard_alike("schmitt") == heard_alike("schmidt")
    (True, True)
    """
    if not (word.isascii() and word.isalpha()) or len(word) < 3:
        return ""
    heard = _END.sub("i", word)
    heard = _PATTERN.sub(lambda match: _BECOMES[match[0]], _SOFT_C.sub("s", heard)).replace("c", "k")
    heard = _DOUBLE.sub(r"\1", _SILENT.sub("", _DOUBLE.sub(r"\1", heard)))
    return heard if len(heard) > 2 else ""


def slips_of(word: str) -> Iterator[str]:
    """What may have been meant: one letter more or less, two swapped, or one that looks or sounds like it.

    >>> "hardwick" in slips_of("hardwik"), "hardwick" in slips_of("hardwyck"), list(slips_of("ann"))
    (True, True, [])
    """
    if len(word) < _LONG or not (word.isascii() and word.isalpha()):
        return
    for place in range(1, len(word)):
        before, letter, after = word[:place], word[place], word[place + 1 :]
        yield before + after
        if after:
            yield f"{before}{after[0]}{letter}{after[1:]}"
        others = _VOWELS if letter in _VOWELS else _ALIKE.get(letter, "")
        for other in others:
            yield before + other + after
        for other in _ALPHABET:
            yield before + other + letter + after
    for other in _ALPHABET:
        yield word + other
