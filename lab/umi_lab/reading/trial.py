"""The trial: every question of a half is put to the reader, by a judge that has not seen its text."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from umi_edge.reading import Reading, Scorer
from umi_edge.reading.evidence import Evidence
from umi_edge.reading.judge import Judge
from umi_edge.reading.passages import Passage, passages_of
from umi_edge.reading.question import Question as Asked
from umi_lab.reading.fit import Example, fitted, fitted_across
from umi_lab.reading.question_file import Half, Question, Text

__all__ = ["Put", "Result", "across", "gather", "held_to", "results"]

_WRONG = 0.05
"""The share of wrong answers that the judge's least probability is chosen for."""
_ROUNDED = 0.005


@dataclass(frozen=True, slots=True)
class Put:
    """A question with the evidence that the reader found for it."""

    text: Text
    question: Question
    passages: tuple[Passage, ...] = field(repr=False)
    evidence: tuple[Evidence, ...] = field(repr=False)

    def examples(self) -> list[Example]:
        """One for each passage that was looked at."""
        of = self.text
        spans = [self.passages[one.passage] for one in self.evidence]
        return [
            Example(
                text=of.id,
                numbers=one.numbers,
                answers=self.question.answered_by(of.text[span.start : span.end]),
            )
            for one, span in zip(self.evidence, spans, strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one question."""

    text: Text
    question: Question
    answer: str = field(repr=False)
    """The best answer there is; empty for none."""
    probability: float
    least: float

    @property
    def found(self) -> bool:
        """Whether it was given."""
        return bool(self.answer) and self.probability >= self.least

    @property
    def right(self) -> bool:
        """Whether the answer is right, or rightly none was given."""
        return self.question.answered_by(self.answer) if self.found else not self.question.answers

    @property
    def wrong(self) -> bool:
        """Whether an answer was given that is not right."""
        return self.found and not self.right


async def gather(
    texts: Sequence[Text], half: Half, scorer: Scorer | None, tick: Callable[[], None]
) -> list[Put]:
    """The evidence for every question of a half."""
    reading, found = Reading(scorer), []
    for text in texts:
        if text.half != half:
            continue
        passages = passages_of(text.text)
        for question in text.questions:
            evidence = await reading.evidence(text.text, passages, Asked.of(question.asks))
            found.append(Put(text, question, passages, tuple(evidence)))
            tick()
    return found


def held_to(put: Sequence[Put]) -> Judge:
    """A judge of the development half, whose wrong answers would have been a twentieth at most.

    Its least probability is chosen by judges that had not seen the texts that they judged.
    """
    examples = [example for one in put for example in one.examples()]
    across = results(put, fitted_across(examples, 0.0))
    sure = sorted(
        (one.probability for one in across if not one.question.answered_by(one.answer)), reverse=True
    )
    allowed = math.floor(_WRONG * len(across))
    least = math.ceil(sure[allowed] / _ROUNDED + 1e-9) * _ROUNDED if len(sure) > allowed else 0.0
    return fitted(examples, round(least, 3))


def results(put: Sequence[Put], judges: Mapping[str, Judge] | Judge) -> list[Result]:
    """What becomes of each question; `judges` is one for all texts, or one for each by its id."""
    found = []
    for one in put:
        judge = judges if isinstance(judges, Judge) else judges[one.text.id]
        heard = Reading(judge=judge).heard(one.text.text, one.passages, one.evidence)
        found.append(
            Result(
                text=one.text,
                question=one.question,
                answer=one.text.text[heard.start : heard.end] if heard else "",
                probability=heard.probability if heard else 0.0,
                least=judge.least,
            )
        )
    return found


def across(put: Sequence[Put], least: float) -> list[Result]:
    """The development half, each text by a judge that has not seen it."""
    examples = [example for one in put for example in one.examples()]
    return results(put, fitted_across(examples, least))
