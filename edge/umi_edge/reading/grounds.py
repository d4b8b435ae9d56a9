"""Grounds: which words of a question stand by a span of a text, and which stand elsewhere or nowhere.

A judge weighs passages against each other; a pattern finds the only code there is. Neither asks whether the span's own
neighbourhood speaks of what was asked: "boiler model" is no door code of the boiler room.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from umi_edge.policy.projection import projected
from umi_edge.reading.passages import Passage, passages_of
from umi_edge.reading.question import Question, alike, words_of

__all__ = ["Grounds"]

_OF_KINDS = frozenset(
    (
        *(
            "address",
            "anschrift",
            "amount",
            "code",
            "cost",
            "date",
            "day",
            "duration",
            "email",
            "iban",
            "mail",
        ),
        *(
            "mobile",
            "name",
            "nummer",
            "number",
            "password",
            "phone",
            "pin",
            "price",
            "tel",
            "telefon",
            "telephone",
        ),
        "time",
    )
)
"""Words that say what kind of thing is asked for: a text has the thing, and seldom the word."""
_ITS = r"(?: (?:number|name|code))?"
_ATTRIBUTES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:what|which) (\w+)\b",
        rf"\b(?:what(?:'s| is| was| are)|whats|was ist|wie ist) (?:the|his|her|their|my|our|der|die|das) "
        rf"(?:\w+ )??(\w+){_ITS} "
        r"(?:of|for|in|on|at|von|des|der)\b",
        rf"\w+'s (\w+){_ITS}$",
        rf"^(?:the )?(\w+){_ITS} of (?:the )?\w+$",
    )
)
"""How a question says what it wants to know of a thing."""
_FEW = 4
"""So many words without a verb are a name for the thing: the last is what is wanted ("boiler model")."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """Of one span; words are those that tell something beside the kind of the answer."""

    here: frozenset[str] = field(repr=False)
    """Words that stand in its passage, or in the headings above."""
    beside: frozenset[str] = field(repr=False)
    """Words that stand in the passages around it only."""
    elsewhere: frozenset[str] = field(repr=False)
    """Words that stand in other parts of the text."""
    nowhere: frozenset[str] = field(repr=False)
    attribute: str = field(default="", repr=False)
    """The word for what is wanted of a thing; empty where the question has none that can be told."""

    @classmethod
    def of(cls, text: str, question: Question, start: int, end: int) -> Self:
        r"""What the text around a span has of a question.

        >>> text = "The model is Nova 24. It is red.\n\nThe door code of the boiler room is 7395."
        >>> Grounds.of(text, Question.of("boiler model"), 34, len(text)).misses
        True
        """
        passages = passages_of(text)
        numbers = [at for at, one in enumerate(passages) if one.start < end and start < one.end]
        close = frozenset(word for at in numbers for word in _words(text, passages[at]))
        around = frozenset(word for at in numbers for word in _around(text, passages, at))
        whole = frozenset(words_of(text))
        asked = [term for term in question.terms if term not in _OF_KINDS]
        here = frozenset(one for one in asked if _stands(one, close))
        beside = frozenset(one for one in asked if _stands(one, around)) - here
        elsewhere = frozenset(one for one in asked if _stands(one, whole)) - here - beside
        nowhere = frozenset(asked) - here - beside - elsewhere
        return cls(here, beside, elsewhere, nowhere, _attribute(question, asked))

    @property
    def misses(self) -> bool:
        """Whether the span is none of what was asked: no word of it stands near, or what is wanted stands apart.

        A word that the whole text lacks says nothing of the span.
        """
        if self.attribute in self.beside | self.elsewhere:
            return True
        return not self.here and not self.beside and bool(self.elsewhere)

    @property
    def silent(self) -> bool:
        """Whether the whole text has no word of what was asked."""
        return bool(self.nowhere) and not self.here and not self.beside and not self.elsewhere

    @property
    def partial(self) -> bool:
        """Whether some of what was asked does not stand where the span does."""
        return bool(self.beside or self.elsewhere or self.nowhere)


def _words(text: str, passage: Passage) -> Sequence[str]:
    """The words of a passage, and of the headings above; a first line that is a sentence is none."""
    heads = [one for one in passage.about.split(" - ") if not one.endswith((".", "!", "?"))]
    return (*words_of(text[passage.start : passage.end]), *words_of(" ".join(heads)))


def _around(text: str, passages: Sequence[Passage], at: int) -> Sequence[str]:
    after = passages[at + 1] if at + 1 < len(passages) and passages[at + 1].before else None
    return (*words_of(passages[at].before), *(words_of(text[after.start : after.end]) if after else ()))


def _stands(term: str, words: frozenset[str]) -> bool:
    return term in words or any(alike(term, word) for word in words)


def _attribute(question: Question, asked: Sequence[str]) -> str:
    plain = projected(question.text).strip(" ?.!")
    for pattern in _ATTRIBUTES:
        if (found := pattern.search(plain)) is not None and found[1] in asked:
            return found[1]
    words = [word for word in words_of(question.text) if word not in {"the", "my", "our"}]
    named = 1 < len(words) <= _FEW and all(word in question.terms for word in words)
    return words[-1] if named and words[-1] in asked else ""
