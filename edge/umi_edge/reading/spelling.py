"""Spelling: people mistype, write two words as one, and letters the wrong way round.

A word that neither English nor a text has is read as the nearest one that questions are made of, or that a text has.
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from umi_edge.policy.person_names.words import english_words
from umi_edge.reading.question import ALIKE_FROM, QUESTION_WORDS, alike, words_of
from umi_edge.reading.same_words import is_listed

__all__ = ["spelt_as_there"]

K = TypeVar("K", bound=Hashable)

_FEWEST_LETTERS = 4
"""A shorter word is near to too many others; of three letters, two may have changed places."""
_LONG = 8
"""Letters from which on a word may have two mistakes."""
_FEWEST_OF_A_PART = 3


def spelt_as_there(texts: Iterable[str], question: str) -> str:
    """The question, with words that neither a text nor English has as the nearest that a text has.

    >>> texts = ["The password of the wifi is hunter2.", "paper bags: 265 euros"]
    >>> spelt_as_there(texts, "wifi pasword of teh guests?"), spelt_as_there(texts, "hwo mcuh are paperbags")
    ('wifi password of the guests?', 'how much are paper bags')
    """
    there = _Vocabulary({word for text in texts for word in words_of(text)})
    for word in dict.fromkeys(words_of(question)):
        if not word.isalpha() or word in QUESTION_WORDS or word in english_words() or is_listed(word):
            continue
        if there.has_form_of(word):
            continue
        if meant := _parted(word, there.words) or _nearest(word, there):
            question = re.sub(rf"\b{word}\b", meant, question, count=1, flags=re.IGNORECASE)
    return question


@dataclass(frozen=True)
class _Vocabulary:
    """The words of some texts, of which there may be hundreds of thousands."""

    words: Collection[str] = field(repr=False)

    def has_form_of(self, word: str) -> bool:
        """Whether a word looks like a form of one: such words begin alike."""
        return any(alike(word, one) for one in self._by_beginning.get(word[:ALIKE_FROM], ()))

    def about_as_long_as(self, word: str, most: int) -> list[str]:
        """Those that differ from a word by at most so many letters in length, in their order."""
        lengths = range(len(word) - most, len(word) + most + 1)
        return sorted(one for length in lengths for one in self._by_length.get(length, ()))

    @cached_property
    def _by_beginning(self) -> Mapping[str, list[str]]:
        return _grouped(self.words, lambda word: word[:ALIKE_FROM])

    @cached_property
    def _by_length(self) -> Mapping[int, list[str]]:
        return _grouped(self.words, len)


def _grouped(words: Iterable[str], by: Callable[[str], K]) -> dict[K, list[str]]:
    groups: dict[K, list[str]] = {}
    for word in words:
        groups.setdefault(by(word), []).append(word)
    return groups


def _parted(word: str, there: Collection[str]) -> str:
    """Two words that a text has, where they were written as one."""
    for at in range(len(word) - _FEWEST_OF_A_PART, _FEWEST_OF_A_PART - 1, -1):
        if word[:at] in there and word[at:] in there:
            return f"{word[:at]} {word[at:]}"
    return ""


def _nearest(word: str, there: _Vocabulary) -> str:
    # A short word of questions is near to names that nothing tells of: "Hans" is not "has".
    asking = [one for one in QUESTION_WORDS if len(one) > _FEWEST_LETTERS or sorted(one) == sorted(word)]
    own = there.about_as_long_as(word, _most(word)) if len(word) >= _FEWEST_LETTERS else ()
    letters, most = {*word}, _most(word)
    known = [one for one in (*sorted(asking), *own) if len(letters ^ {*one}) <= 2 * most]
    near = [(far, one[0] != word[0], one) for one in known if (far := _mistakes(word, one)) is not None]
    return min(near, key=lambda one: one[:2], default=(0, False, ""))[2]


def _most(word: str) -> int:
    """How many mistakes a word may have."""
    return 1 + (len(word) >= _LONG)


def _mistakes(word: str, other: str) -> int | None:
    """How many letters are wrong, too many, missing or with a neighbour in their place; None for too many."""
    most = _most(word)
    if abs(len(word) - len(other)) > most or not other.isalpha():
        return None
    if len(other) < min(len(word), _FEWEST_LETTERS):
        return None
    if len(word) == len(other) == _FEWEST_LETTERS and sorted(word) != sorted(other):
        return None  # Jens is not Jans
    before: list[int] = []
    last = [*range(len(other) + 1)]
    for row, letter in enumerate(word, 1):
        now = [row]
        for column, own in enumerate(other, 1):
            cost = min(now[-1] + 1, last[column] + 1, last[column - 1] + (letter != own))
            if row > 1 and column > 1 and letter == other[column - 2] and word[row - 2] == own:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(*last, *now) > most:
            return None  # it only gets more: a row is made of the two before it
        before, last = last, now
    return last[-1] if last[-1] <= most else None
