"""Reading on the device: questions are answered out of private texts, by a span of the text or not at all."""

from umi_edge.reading.library import Page, Ranked, ranked
from umi_edge.reading.question import Question
from umi_edge.reading.reading import MAX_ANSWER_WORDS, Heard, Read, Reading, Scored, Scorer
from umi_edge.reading.spelling import spelt_as_there

__all__ = [
    "MAX_ANSWER_WORDS",
    "Heard",
    "Page",
    "Question",
    "Ranked",
    "Read",
    "Reading",
    "Scored",
    "Scorer",
    "ranked",
    "spelt_as_there",
]
