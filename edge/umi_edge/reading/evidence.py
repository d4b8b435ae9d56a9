"""Evidence: what speaks for each passage of a text as the answer to a question, in numbers without a unit.

Words of the question that are rare in the text count for more (as in BM25, Robertson and Zaragoza 2009); so does a
thing of the kind that is asked for. What the question has and the whole text has not speaks against every passage.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace

from umi_edge.reading.passages import Passage
from umi_edge.reading.question import Kind, Question, words_of
from umi_edge.reading.same_words import is_same

__all__ = ["CANDIDATES", "Evidence", "evidence_of", "with_likelihoods"]

CANDIDATES = 6
"""How many passages are looked at closely."""
_VAGUE = frozenset({Kind.ANY, Kind.REASON})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for one passage; shares are of the weight of the question's words."""

    passage: int
    """Its number in the text."""
    own: float
    """The share that stands in it."""
    about: float
    """The share that stands in its headings only."""
    near: float
    """The share that stands in the passages beside it only."""
    new: float
    """Of what the text does not begin with, which is all about that, the share that stands in it."""
    whole: float
    """The share that stands anywhere in the text."""
    unmatched: float
    """The weight of the weightiest word that stands nowhere, over that of any."""
    fits: float
    """Half where it has what the question asks for, minus half where not, 0 where that cannot be told."""
    fits_person: float
    """The same of questions for somebody."""
    kind_known: float
    """1 where what is asked for can be told, in `fits`."""
    person_asked: float
    many: float
    """The logarithm of the number of passages."""
    single: float
    """1 where the question has one word only that can stand in a text."""
    lead: float = 0.0
    """How far it is before the best of the others, or behind."""
    likelihood: float = 0.0
    """How much likelier a model finds the question after the passage than after the headings, in nats over five."""
    likelihood_lead: float = 0.0
    """How far it is before the best of the others in that."""

    @property
    def strength(self) -> float:
        """A first guess, to choose whom to look at closely."""
        return (
            self.own
            + 0.5 * self.new
            + 0.3 * self.about
            + 0.3 * self.near
            + 0.4 * self.fits
            + 0.2 * self.fits_person
            + 0.3 * self.likelihood
        )

    @property
    def numbers(self) -> tuple[float, ...]:
        """All that a judge weighs, in the order of `NAMES`."""
        return astuple(self)[1:]


NAMES = tuple(one.name for one in fields(Evidence))[1:]


def evidence_of(text: str, passages: Sequence[Passage], question: Question) -> list[Evidence]:
    """The evidence for the passages that are the likeliest answers, best first."""
    own = [frozenset(words_of(text[one.start : one.end])) for one in passages]
    heads = _remembered(frozenset(words_of(one.about)) for one in passages)
    known = _Matches(question.terms)
    stands = [known.of(words) for words in own]
    headed = [known.of(words) for words in heads]
    weights = _weights(stands, len(question.terms))
    total = sum(weights) or 1.0
    anywhere = set().union(*stands, *headed) if stands else set()
    topic = stands[0] | headed[0] if stands else set()
    fresh = sum(weight for term, weight in enumerate(weights) if term not in topic)

    def share(terms: Iterable[int]) -> float:
        return sum(weights[term] for term in terms) / total

    missing = [weight for term, weight in enumerate(weights) if term not in anywhere]
    found: list[Evidence] = []
    for number, passage in enumerate(passages):
        if question.repeated_by(text[passage.start : passage.end]):
            continue
        beside = set(stands[number - 1]) if passage.before else set()
        if number + 1 < len(passages) and passages[number + 1].before:
            beside |= stands[number + 1]
        fit = 0.5 if question.fits(text[passage.start : passage.end]) else -0.5
        person, vague = question.kind is Kind.PERSON, question.kind in _VAGUE
        found.append(
            Evidence(
                passage=number,
                own=share(stands[number]),
                about=share(headed[number] - stands[number]),
                near=share(beside - stands[number] - headed[number]),
                new=sum(weights[term] for term in stands[number] - topic) / fresh if fresh else 0.0,
                whole=share(anywhere),
                unmatched=max(missing, default=0.0) / (max(weights, default=0.0) or 1.0),
                fits=0.0 if person or vague else fit,
                fits_person=fit if person else 0.0,
                kind_known=float(not person and not vague),
                person_asked=float(person),
                many=math.log(max(len(passages), 1)),
                single=float(len(question.terms) == 1),
            )
        )
    best = sorted(found, key=lambda one: -one.strength)[:CANDIDATES]
    return _with_leads(best)


def with_likelihoods(evidence: Sequence[Evidence], nats: Sequence[float]) -> list[Evidence]:
    """The evidence with how much likelier each passage makes the question."""
    told = [replace(one, likelihood=gain / 5) for one, gain in zip(evidence, nats, strict=True)]
    return _with_leads(told)


def _with_leads(evidence: Sequence[Evidence]) -> list[Evidence]:
    return [
        replace(
            one,
            lead=one.strength - max((other.strength for other in evidence if other is not one), default=0.0),
            likelihood_lead=one.likelihood
            - max((other.likelihood for other in evidence if other is not one), default=0.0),
        )
        for one in evidence
    ]


def _weights(stands: Sequence[frozenset[int]], terms: int) -> list[float]:
    """What each word of the question weighs: more, the fewer passages have it."""
    count = len(stands)
    having = [sum(term in one for one in stands) for term in range(terms)]
    return [math.log(1 + (count - one + 0.5) / (one + 0.5)) for one in having]


def _remembered(sets: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """Equal sets as one, so that what is known of one is known of all."""
    seen: dict[frozenset[str], frozenset[str]] = {}
    return [seen.setdefault(one, one) for one in sets]


class _Matches:
    """Which of the question's words stand in some words, in any form."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms = terms
        self._of_word: dict[str, frozenset[int]] = {}

    def of(self, words: frozenset[str]) -> frozenset[int]:
        return frozenset().union(*map(self._of, words)) if words else frozenset()

    def _of(self, word: str) -> frozenset[int]:
        known = self._of_word.get(word)
        if known is None:
            known = frozenset(number for number, term in enumerate(self._terms) if is_same(term, word))
            self._of_word[word] = known
        return known
