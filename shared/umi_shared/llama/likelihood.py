"""Likelihoods: how probable a model finds a text after another one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from umi_shared.cancellation import Cancellation
from umi_shared.llama.context import Context, Part
from umi_shared.llama.weights import Weights

__all__ = ["Continuation", "Likelihoods"]

_SIDE_BY_SIDE = 4
"""How many texts are read in one batch: each wants a row of logits for each token that is scored."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text that is scored, and what it follows; neither holds control tokens."""

    before: str = field(repr=False)
    text: str = field(repr=False)


class Likelihoods:
    """Scores texts on a context of its own, which holds nothing between two calls. One thread at a time uses it."""

    def __init__(
        self, weights: Weights, *, before_tokens: int = 160, text_tokens: int = 48, threads: int = 0
    ) -> None:
        """The first `text_tokens` of a text are scored, after the last `before_tokens` of what it follows.

        Raises `ModelError` where there is no memory.
        """
        self._weights = weights
        self._before_tokens = before_tokens
        self._text_tokens = text_tokens
        cells = _SIDE_BY_SIDE * (before_tokens + text_tokens)
        self._context = Context(
            weights,
            cache_tokens=cells,
            sequences=_SIDE_BY_SIDE,
            batch_tokens=cells,
            batch_rows=_SIDE_BY_SIDE * text_tokens,
            threads=threads,
        )

    def of(self, continuations: Sequence[Continuation], cancelled: Cancellation | None = None) -> list[float]:
        """The natural logarithm of the probability of each text. Raises `Cancelled`, `ModelError`."""
        found: list[float] = []
        for start in range(0, len(continuations), _SIDE_BY_SIDE):
            found += self._batch(continuations[start : start + _SIDE_BY_SIDE], cancelled or Cancellation())
        return found

    def _batch(self, continuations: Sequence[Continuation], cancelled: Cancellation) -> Iterator[float]:
        parts, texts = [], []
        for number, one in enumerate(continuations):
            before = self._weights.tokenize(one.before, special=False, start=True)[-self._before_tokens :]
            text = self._weights.tokenize(one.text, special=False)[: self._text_tokens]
            parts.append(Part(number, 0, [*before, *text[:-1]], len(text)))
            texts.append(text)
        try:
            logits = self._context.decode(parts, cancelled)
            return iter([_log_probability(rows, text) for rows, text in zip(logits, texts, strict=True)])
        finally:
            for part in parts:
                self._context.forget(part.sequence, 0)

    def close(self) -> None:
        """Free the context; safe to call twice."""
        self._context.close()


def _log_probability(logits: NDArray[np.float32], tokens: list[int]) -> float:
    """Of the tokens, each with the logits of its place."""
    rows = logits.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    chosen = rows[np.arange(len(tokens)), tokens]
    return float((chosen - np.log(np.exp(rows).sum(axis=1))).sum())
