"""The model: a logistic regression for each kind over the features of a request (`weights.npz`), and when it objects.

`python -m umi_lab kinds --fit` makes the file. It objects only where the words speak against a kind and for another
one, or for nothing, and where it knows most of them: on other languages and subjects it has no say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from umi_edge.request_kinds.features import Features, features_of, number_of
from umi_edge.request_kinds.kind import CALENDAR, LISTS, NOTHING, Kind

__all__ = ["NAMES", "Limits", "RequestKinds"]

NAMES = (*Kind, NOTHING)
"""The order of the weights."""
_ROUNDS = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When it objects to each kind; scores are before the logistic function."""

    most: tuple[float, ...]
    """A kind with a higher score may be meant."""
    least: tuple[float, ...]
    """What another kind, or nothing, must score."""
    known: float
    """The share of the words that training must have had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKinds:
    """Weights and limits."""

    weights: NDArray[np.int8] = field(repr=False)
    """By bucket, then by kind in the order of `NAMES`."""
    scale: NDArray[np.float32] = field(repr=False)
    """What a weight of 1 is worth, by kind."""
    bias: NDArray[np.float32] = field(repr=False)
    known: NDArray[np.uint32] = field(repr=False)
    """The numbers of the words that training had, sorted."""
    limits: Limits

    @classmethod
    def of(
        cls, weights: NDArray[np.float32], bias: NDArray[np.float32], words: Sequence[str], limits: Limits
    ) -> Self:
        """A model in the numbers of its file; `weights` are by bucket and kind."""
        scale = (np.abs(weights).max(axis=0) / _ROUNDS + 1e-12).astype(np.float32)
        return cls(
            weights=np.rint(weights / scale).astype(np.int8),
            scale=scale,
            bias=bias.astype(np.float32),
            known=np.unique(np.array([number_of(word) for word in words], np.uint32)),
            limits=limits,
        )

    @classmethod
    def shipped(cls) -> Self:
        """The one that umi ships, read once."""
        return _shipped()  # type: ignore[return-value]  # of this very class

    @classmethod
    def read(cls, file: BinaryIO) -> Self:
        """A model that `write` has written."""
        with np.load(file, allow_pickle=False) as rows:
            return cls(
                weights=rows["weights"],
                scale=rows["scale"],
                bias=rows["bias"],
                known=rows["known"],
                limits=Limits(
                    most=tuple(map(float, rows["most"])),
                    least=tuple(map(float, rows["least"])),
                    known=float(rows["least_known"]),
                ),
            )

    def write(self, file: BinaryIO) -> None:
        """Write it: the same model gives the same bytes."""
        np.savez_compressed(
            file,
            weights=self.weights,
            scale=self.scale,
            bias=self.bias,
            known=self.known,
            most=np.array(self.limits.most),
            least=np.array(self.limits.least),
            least_known=np.array(self.limits.known),
        )

    def scores(self, features: Features) -> NDArray[np.float32]:
        """How much speaks for each kind, and for nothing, in the order of `NAMES`."""
        total = self.weights[features.buckets].sum(axis=0, dtype=np.int64)
        root = max(1, len(features.buckets)) ** 0.5
        return np.asarray(total * self.scale / root + self.bias, np.float32)

    def share_known(self, features: Features) -> float:
        """The share of the words that training had."""
        words = [word for word in features.words if word[0] == "<" or word[0].isalpha()]
        if not words:
            return 0.0
        numbers = np.array([number_of(word) for word in words], np.uint32)
        return float(np.isin(numbers, self.known).mean())

    def objects(self, kind: Kind, words: str, before: Sequence[str] = ()) -> bool:
        """Whether words ask for something else than a change of a kind, and so did what was said `before`.

        What was said of the calendar before may be made, moved or cancelled now. A note for a to-do, or a to-do for a
        note, is what they ask for.
        """
        features, at = features_of(words), NAMES.index(kind)
        scores = self.scores(features)
        same = LISTS if kind in LISTS else frozenset({kind})
        if (
            any(self._may_be(one, scores) for one in same)
            or np.delete(scores, at).max() < self.limits.least[at]
        ):
            return False
        if self.share_known(features) < self.limits.known:
            return False
        near = CALENDAR if kind in CALENDAR else same
        earlier = [self.scores(features_of(one)) for one in before]
        return not any(self._may_be(one, said) for said in earlier for one in near)

    def _may_be(self, kind: Kind, scores: NDArray[np.float32]) -> bool:
        at = NAMES.index(kind)
        return bool(scores[at] > self.limits.most[at])


@cache
def _shipped() -> RequestKinds:
    with files("umi_edge.request_kinds").joinpath("weights.npz").open("rb") as file:
        return RequestKinds.read(file)  # type: ignore[arg-type]  # a file of bytes
