"""Fitting: a logistic regression for each kind, by Adam, on requests of which each weighs as its kinds are rare."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umi_edge.request_kinds.features import BUCKETS, features_of
from umi_edge.request_kinds.kind import NOTHING
from umi_edge.request_kinds.model import NAMES
from umi_lab.request_kinds.examples import Example

__all__ = ["Table", "fitted", "known_words"]

_OFTEN = 3
"""How many examples have a word that counts as known."""
_EPOCHS, _BATCH = 12, 512
_RATE, _RIDGE = 0.02, 2e-5


@dataclass(frozen=True, slots=True)
class Table:
    """Examples as numbers."""

    buckets: NDArray[np.int64]
    starts: NDArray[np.int64]
    """Where each example's buckets begin; one more at the end."""
    truth: NDArray[np.float32]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> "Table":
        """The table of some examples."""
        rows = [features_of(one.text).buckets for one in examples]
        starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
        truth = np.zeros((len(rows), len(NAMES)), np.float32)
        for at, one in enumerate(examples):
            for kind in one.kinds or (NOTHING,):
                truth[at, NAMES.index(kind)] = 1
        return cls(np.concatenate(rows), starts, truth)

    def rows(self, chosen: NDArray[np.int64]) -> "Table":
        """Some of them."""
        sizes = (self.starts[1:] - self.starts[:-1])[chosen]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        at = np.repeat(self.starts[chosen] - starts[:-1], sizes) + np.arange(starts[-1])
        return Table(self.buckets[at], starts, self.truth[chosen])

    def scores(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """A score by kind, before the logistic function."""
        sizes = np.maximum(self.starts[1:] - self.starts[:-1], 1)[:, None]
        sums = np.add.reduceat(weights[self.buckets], self.starts[:-1], axis=0)
        return np.asarray(sums / np.sqrt(sizes) + weights[-1], np.float32)


def fitted(table: Table, seed: int) -> NDArray[np.float32]:
    """Weights by bucket and kind; the last row is the bias."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((BUCKETS + 1, len(NAMES)), np.float32)
    first, second, step = np.zeros_like(weights), np.zeros_like(weights), 0
    count = len(table.truth)
    for epoch in range(_EPOCHS):
        order = rng.permutation(count)
        for begin in range(0, count, _BATCH):
            batch = table.rows(order[begin : begin + _BATCH])
            slope = _slope(batch, weights) + _RIDGE * weights
            step += 1
            first += 0.1 * (slope - first)
            second += 0.001 * (slope * slope - second)
            rate = _RATE * (1 - epoch / _EPOCHS)
            weights -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-6)
    return weights


def known_words(examples: Sequence[Example]) -> list[str]:
    """The words that several examples have."""
    counts = Counter(word for one in examples for word in set(features_of(one.text).words))
    return sorted(word for word, count in counts.items() if count >= _OFTEN)


def _slope(batch: Table, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    wrong = 1 / (1 + np.exp(-batch.scores(weights))) - batch.truth
    sizes = batch.starts[1:] - batch.starts[:-1]
    spread = np.repeat(wrong / np.sqrt(np.maximum(sizes, 1))[:, None], sizes, axis=0)
    slope = np.empty_like(weights)
    for kind in range(weights.shape[1]):
        slope[:-1, kind] = np.bincount(batch.buckets, spread[:, kind], BUCKETS)
    slope[-1] = wrong.sum(axis=0)
    return np.asarray(slope / len(batch.truth), np.float32)
