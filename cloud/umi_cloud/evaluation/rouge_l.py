"""ROUGE-L as the paper measures it: the F value of the PyPI package `rouge`, averaged."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from umi_cloud.evaluation.step import NO_ANSWER
from umi_shared.errors import ConfigError

__all__ = ["rouge_l"]


def rouge_l(predictions: Sequence[str], references: Sequence[str]) -> float:
    """The mean F value over the pairs; 0 without any.

    Raises `ConfigError` when the package is not installed.
    """
    if not references:
        return 0.0
    try:
        from rouge import Rouge  # type: ignore[import-untyped]  # noqa: PLC0415  # an optional extra
    except ImportError as error:
        raise ConfigError(
            "ROUGE-L needs the package `rouge`, as in the paper", fix="pip install 'umi-runtime[evaluation]'"
        ) from error
    predictions, references = [list(map(_with_a_sentence, texts)) for texts in (predictions, references)]
    with _room_for(predictions + references):
        scores = Rouge(metrics=["rouge-l"], stats=["f"]).get_scores(predictions, references, avg=True)
    return float(scores["rouge-l"]["f"])


def _with_a_sentence(text: str) -> str:
    """The package refuses text that is only full stops; the scorer's word for no answer takes its place."""
    return text if text.strip(".") else NO_ANSWER


@contextmanager
def _room_for(texts: Sequence[str]) -> Iterator[None]:
    """Room for the package's recursion, which goes one level deeper for each word."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 2 * max(len(text.split()) for text in texts))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
