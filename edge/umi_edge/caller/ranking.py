"""Which tools a text is about, by the words that it shares with their names and descriptions.

BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, §3.2), with its usual constants; a
word of the name counts three times. No model, no index on disk: a few hundred cards take a millisecond.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from umi_shared.handles import render
from umi_shared.transcript import ToolCard

__all__ = ["Ranking"]

_K1 = 1.2
_B = 0.75
_NAME_WEIGHT = 3
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Ranking:
    """The cards of one catalogue, counted."""

    names: tuple[str, ...] = field(repr=False)
    _counts: tuple[Counter[str], ...] = field(repr=False)
    _lengths: tuple[int, ...] = field(repr=False)
    _rarity: dict[str, float] = field(repr=False)

    @classmethod
    def of(cls, cards: Sequence[ToolCard]) -> Self:
        """Count the words of each card: of its name, its description, its arguments' names."""
        texts = [_words(card) for card in cards]
        counts = tuple(map(Counter, texts))
        found = Counter(word for count in counts for word in count)
        rarity = {word: math.log(1 + (len(cards) - n + 0.5) / (n + 0.5)) for word, n in found.items()}
        return cls(tuple(card.name for card in cards), counts, tuple(map(len, texts)), rarity)

    def best(self, text: str, count: int) -> list[str]:
        """The names of the tools that a text is about, best first; fewer than `count` where few share a word.

        >>> card = ToolCard(name="mail.send", description=("Write to somebody.",), input_schema={})
        >>> other = ToolCard(name="notes.find", description=("Find a note.",), input_schema={})
        >>> Ranking.of([card, other]).best("Find my notes on mailing", 2)
        ['notes.find']
        """
        query = set(words(text))
        scores = [self._score(query, number) for number in range(len(self.names))]
        order = sorted(range(len(scores)), key=lambda number: -scores[number])
        return [self.names[number] for number in order[:count] if scores[number] > 0]

    def _score(self, query: set[str], number: int) -> float:
        counts, mean = self._counts[number], sum(self._lengths) / len(self._lengths)
        norm = _K1 * (1 - _B + _B * self._lengths[number] / mean)
        shared = sorted(query & counts.keys())  # sorted: sums of floats depend on their order
        return sum(self._rarity[word] * counts[word] * (_K1 + 1) / (counts[word] + norm) for word in shared)


def words(text: str) -> list[str]:
    """The words of a text, in lower case; a plural counts as its singular.

    >>> words("contacts.findByName the 2 Mails")
    ['contact', 'find', 'by', 'name', 'the', '2', 'mail']
    """
    return [_singular(word.lower()) for word in _WORD.findall(_CAMEL.sub(" ", text))]


def _words(card: ToolCard) -> list[str]:
    arguments = " ".join(card.input_schema.get("properties", {}))
    return words(card.name) * _NAME_WEIGHT + words(render(card.description)) + words(arguments)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
