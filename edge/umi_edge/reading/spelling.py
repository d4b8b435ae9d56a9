"""Spelling: people mistype, write two words as one, and letters the wrong way round.

A word that neither English nor a text has is read as the nearest one that questions are made of, or that a text has.
"""

import re
from collections.abc import Collection, Iterable

from umi_edge.policy.person_names.words import english_words
from umi_edge.reading.question import QUESTION_WORDS, alike, words_of
from umi_edge.reading.same_words import is_listed

__all__ = ["spelt_as_there"]

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
    there = {word for text in texts for word in words_of(text)}
    for word in dict.fromkeys(words_of(question)):
        if not word.isalpha() or word in QUESTION_WORDS or word in english_words() or is_listed(word):
            continue
        if any(alike(word, one) for one in there):
            continue
        if meant := _parted(word, there) or _nearest(word, there):
            question = re.sub(rf"\b{word}\b", meant, question, count=1, flags=re.IGNORECASE)
    return question


def _parted(word: str, there: Collection[str]) -> str:
    """Two words that a text has, where they were written as one."""
    for at in range(len(word) - _FEWEST_OF_A_PART, _FEWEST_OF_A_PART - 1, -1):
        if word[:at] in there and word[at:] in there:
            return f"{word[:at]} {word[at:]}"
    return ""


def _nearest(word: str, there: Collection[str]) -> str:
    # A short word of questions is near to names that nothing tells of: "Hans" is not "has".
    asking = [one for one in QUESTION_WORDS if len(one) > _FEWEST_LETTERS or sorted(one) == sorted(word)]
    known = [*sorted(asking), *(sorted(there) if len(word) >= _FEWEST_LETTERS else ())]
    near = [(far, one[0] != word[0], one) for one in known if (far := _mistakes(word, one)) is not None]
    return min(near, key=lambda one: one[:2], default=(0, False, ""))[2]


def _mistakes(word: str, other: str) -> int | None:
    """How many letters are wrong, too many, missing or with a neighbour in their place; None for too many."""
    most = 1 + (len(word) >= _LONG)
    if abs(len(word) - len(other)) > most or len({*word} ^ {*other}) > 2 * most or not other.isalpha():
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
        before, last = last, now
    return last[-1] if last[-1] <= most else None
