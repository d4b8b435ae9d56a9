"""Reading: the span of a text that answers a question, or nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from umi_edge.reading.evidence import Evidence, evidence_of, with_likelihoods
from umi_edge.reading.judge import Judge
from umi_edge.reading.passages import Passage, passages_of
from umi_edge.reading.question import Kind, Question

__all__ = ["MAX_ANSWER_WORDS", "Heard", "Read", "Reading", "Scored", "Scorer"]

MAX_ANSWER_WORDS = 60
_AS_GOOD = 0.5
"""A passage beside the best one is a part of the answer where it is at least so probable, as a share of the best's."""
_HEADING = 80
"""Characters of headings that a model is shown."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A question that a model is to find probable or not after a text."""

    before: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a text has on a question."""

    words: str = field(repr=False)
    sure: bool
    """Whether they are the answer; else they are what stands nearest to it."""
    probability: float = 0.0
    """That the likeliest passage answers."""
    whole: bool = False
    """Whether they are all that the text says."""


Scorer = Callable[[Sequence[Scored]], Awaitable[list[float]]]
"""Gives the natural logarithm of the probability of each, by a model on this device."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: a span of the text, and how probable it is that it is right."""

    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read: with a model's likelihoods, or by words alone.

    Covered: what comes back is a span of the text; nothing is made up, whatever the text says. Not covered: which span;
    a text can be written so that the wrong one is found.
    """

    scorer: Scorer | None = field(default=None, repr=False)
    judge: Judge | None = None

    async def answer(self, text: str, question: str, kind: str = "") -> Heard | None:
        """The span that answers best, where that is probable enough."""
        best = await self.best(text, await asyncio.to_thread(passages_of, text), Question.of(question, kind))
        return best if best is not None and best.probability >= self._judge.least else None

    async def nearest(
        self, text: str, question: str, spans: Sequence[tuple[int, int]]
    ) -> tuple[int, int] | None:
        """Of some spans, the first in the passage that answers best; none where no passage is better than the rest."""
        holding = [
            one
            for one in passages_of(text)
            if any(one.start < end and start < one.end for start, end in spans)
        ]
        evidence = await self.evidence(text, holding, Question.of(question))
        if not evidence:
            return None
        best = holding[max(evidence, key=self._judge.probability).passage]
        return next((start, end) for start, end in spans if best.start < end and start < best.end)

    async def pick(self, items: Sequence[str], what: str) -> int | None:
        """The number of the item that is meant, where that is probable enough."""
        text = "\n".join(items)
        starts = accumulate((len(one) + 1 for one in items), initial=0)
        rows = [Passage(at, at + len(item), "", "") for at, item in zip(starts, items, strict=False)]
        evidence = await self.evidence(text, rows, Question.of(what, Kind.ANY))
        judged = {one.passage: self._judge.probability(one) for one in evidence}
        best = max(judged, key=lambda number: judged[number], default=None)
        return best if best is not None and judged[best] >= self._judge.least else None

    async def best(self, text: str, passages: Sequence[Passage], question: Question) -> Heard | None:
        """The span that answers best, however improbable; none where the text is empty or nothing is asked."""
        return self.heard(text, passages, await self.evidence(text, passages, question))

    def heard(self, text: str, passages: Sequence[Passage], evidence: Sequence[Evidence]) -> Heard | None:
        """The span that the evidence speaks for."""
        if not evidence:
            return None
        judged = {one.passage: self._judge.probability(one) for one in evidence}
        best = max(judged, key=lambda number: judged[number])
        first, last = best, best
        for number in (best - 1, best + 1):
            if judged.get(number, 0.0) >= _AS_GOOD * judged[best]:
                low, high = min(first, number), max(last, number)
                if len(text[passages[low].start : passages[high].end].split()) <= MAX_ANSWER_WORDS:
                    first, last = low, high
        return Heard(passages[first].start, passages[last].end, judged[best])

    async def around(self, text: str, question: str, *, wide: bool = False) -> Read:
        """The answer where it is probable enough; else what is around the likeliest passage, of a short text all.

        `wide`: what is around it in any case, as for two questions in one.
        """
        passages = await asyncio.to_thread(passages_of, text)
        best = await self.best(text, passages, Question.of(question))
        if best is None:
            return Read(words=" ".join(text.split()[:MAX_ANSWER_WORDS]), sure=False)
        sure = best.probability >= self._judge.least
        start, end = (best.start, best.end) if sure and not wide else _widened(text, passages, best)
        whole = start <= passages[0].start and end >= passages[-1].end
        return Read(words=text[start:end], sure=sure, probability=best.probability, whole=whole)

    async def evidence(self, text: str, passages: Sequence[Passage], question: Question) -> list[Evidence]:
        """What speaks for the likeliest passages; a question without a word that could stand in a text has none."""
        if not question.terms:
            return []
        evidence = await asyncio.to_thread(evidence_of, text, passages, question)
        if self.scorer is None or not evidence:
            return evidence
        shown = [_shown(passages[one.passage].about, text, passages[one.passage]) for one in evidence]
        asked = f" {question.text.strip()}"
        nothing = f"Text: {passages[0].about[:_HEADING]}\nQuestion:"
        told = await self.scorer([Scored(before, asked) for before in (nothing, *shown)])
        return with_likelihoods(evidence, [one - told[0] for one in told[1:]])

    @property
    def _judge(self) -> Judge:
        return self.judge or Judge.shipped(model=self.scorer is not None)


def _widened(text: str, passages: Sequence[Passage], heard: Heard) -> tuple[int, int]:
    """A span with the passages after and before it, as long as that is short enough for an answer."""
    first = next(number for number, one in enumerate(passages) if one.start == heard.start)
    last = next(number for number, one in enumerate(passages) if one.end == heard.end)
    grown = True
    while grown:
        grown = False
        for low, high in ((first, last + 1), (first - 1, last)):
            if low < 0 or high >= len(passages):
                continue
            if len(text[passages[low].start : passages[high].end].split()) <= MAX_ANSWER_WORDS:
                first, last, grown = low, high, True
                break
    return passages[first].start, passages[last].end


def _shown(about: str, text: str, passage: Passage) -> str:
    words = " ".join(text[passage.start : passage.end].split())
    return f"Text: {about[:_HEADING]}: {words}\nQuestion:"
