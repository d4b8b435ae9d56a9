"""A library: many texts, of which a question means one.

Words of the question that few texts have count for more, and those in a title for more than those below it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from umi_edge.reading.question import Question, alike, words_of
from umi_edge.reading.same_words import says_the_same

__all__ = ["Page", "Ranked", "ranked"]

_IN_TITLE = 1.5
_A_FORM = 0.9
"""What a form of a word counts, beside the word itself."""
_SAME = 0.8
"""What a word counts that says the same, as one of another language does."""
_LONG = 0.12
"""How much a text that is e times as long as another needs to be better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One text."""

    title: str = field(repr=False)
    """What it is called, and by whom it is; words of it count for more."""
    text: str = field(repr=False)
    worth: float = 1.0
    """How much what speaks for it counts, beside others: more for letters where a letter is asked for."""


class Ranked(NamedTuple):
    """A text that a question may mean."""

    number: int
    score: float
    """What speaks for it."""
    held: float
    """The share that it has of the words of the question, by their weight; words that no text has do not count."""


def ranked(pages: Sequence[Page], question: Question) -> list[Ranked]:
    """The texts that a question may mean, the likeliest first.

    >>> pages = Page(title="Boiler", text="Press 4711."), Page(title="Wifi", text="The password is hunter2.")
    >>> [one.number for one in ranked(pages, Question.of("what is the wifi password"))]
    [1]
    """
    titles = [frozenset(words_of(page.title)) for page in pages]
    words = [title | frozenset(words_of(page.text)) for title, page in zip(titles, pages, strict=True)]
    standing = [_Standing(term) for term in question.terms]
    told, held, total = [0.0] * len(pages), [0.0] * len(pages), 0.0
    for term in standing:
        having = [
            max(_IN_TITLE * term.stands(title), term.stands(all_))
            for title, all_ in zip(titles, words, strict=True)
        ]
        count = sum(1 for one in having if one)
        weight = math.log(1 + (len(pages) - count + 0.5) / (count + 0.5))
        total += weight if count else 0.0
        told = [sum_ + weight * one for sum_, one in zip(told, having, strict=True)]
        held = [sum_ + weight * bool(one) for sum_, one in zip(held, having, strict=True)]
    found = [
        Ranked(
            number,
            pages[number].worth * (one - _LONG * math.log(1 + len(words[number]))),
            held[number] / total,
        )
        for number, one in enumerate(told)
        if one
    ]
    return sorted(found, key=lambda one: -one.score)


@dataclass(slots=True)
class _Standing:
    """Where a word stands; which words are a form of it is found out once."""

    term: str = field(repr=False)
    _known: dict[str, float] = field(default_factory=dict, repr=False)

    def stands(self, words: frozenset[str]) -> float:
        """How surely it stands there: a form of it counts for a little less than the word itself."""
        return 1.0 if self.term in words else max(map(self._is, words), default=0.0)

    def _is(self, word: str) -> float:
        found = self._known.get(word)
        if found is None:
            found = _A_FORM if alike(self.term, word) else _SAME if says_the_same(self.term, word) else 0.0
            self._known[word] = found
        return found
