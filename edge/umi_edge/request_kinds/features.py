"""Features: the words of a request, their neighbours and their parts, each as a number of a bucket.

A handle counts by its type: whom a request names says nothing of what it asks for. So does a number.
"""

import re
import zlib
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUCKETS", "Features", "features_of", "number_of", "words_in"]

BUCKETS = 1 << 15
_MOST_WORDS = 96
"""A longer request is read up to here."""
_SHORTEST, _LONGEST = 3, 4
"""Letters of a part of a word, its ends included."""
_TOKEN = re.compile(r"<([a-z_]+):\d+>|([^\W\d_]+(?:['’][^\W\d_]+)*)|(\d[\d.:/-]*)|([?:!@+]|->)")


@dataclass(frozen=True, slots=True)
class Features:
    """What a request consists of."""

    words: tuple[str, ...] = field(repr=False)
    buckets: NDArray[np.int64] = field(repr=False)
    """The buckets of its features, each once."""


def words_in(text: str) -> tuple[str, ...]:
    """The words as they count.

    >>> words_in("Mail <person:1> at 5:30, Tom's late?")
    ('mail', '<person>', 'at', '#', "tom's", 'late', '?')
    """
    found = []
    for handle, word, number, mark in _TOKEN.findall(text):
        if handle:
            found.append(f"<{handle}>")
        else:
            found.append(word.lower().replace("’", "'") if word else "#" if number else mark)
        if len(found) == _MOST_WORDS:
            break
    return tuple(found)


def features_of(text: str) -> Features:
    """The features of a request."""
    words = words_in(text)
    padded = ("^", *words, "$")
    names = {f"w {word}" for word in words}
    names.update(f"b {one} {other}" for one, other in pairwise(padded))
    names.update(f"s {one} {other}" for one, other in zip(padded, padded[2:], strict=False))
    for word in set(words):
        if word[0].isalpha():
            whole = f"_{word}_"
            names.update(
                whole[at : at + size]
                for size in range(_SHORTEST, _LONGEST + 1)
                for at in range(len(whole) - size + 1)
            )
    buckets = {number_of(name) % BUCKETS for name in names}
    return Features(words, np.fromiter(buckets, np.int64, len(buckets)))


def number_of(name: str) -> int:
    """The number of a feature or a word, on any machine."""
    return zlib.crc32(name.encode())
