"""Reading on the device: questions are answered out of private texts, by a span of the text or not at all."""

from umi_edge.reading.reading import MAX_ANSWER_WORDS, Heard, Reading, Scored, Scorer

__all__ = ["MAX_ANSWER_WORDS", "Heard", "Reading", "Scored", "Scorer"]
