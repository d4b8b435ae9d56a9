"""The judge: how probable it is that a passage answers a question, by the evidence (`judge.json`).

A logistic regression; `python -m umi_lab reading --fit` makes its weights of the development half of the laboratory's
questions.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Self

from umi_edge.reading.evidence import NAMES, Evidence

__all__ = ["Judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Weights, and how sure one must be to answer."""

    bias: float
    weights: tuple[float, ...] = field(repr=False)
    """In the order of `NAMES`."""
    least: float
    """The probability below which nothing is answered."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """A judge as it is written in a file."""
        return cls(
            bias=row["bias"],
            weights=tuple(row["weights"].get(name, 0.0) for name in NAMES),
            least=row["least"],
        )

    @classmethod
    def shipped(cls, *, model: bool) -> Self:
        """The one that umi ships, for evidence with the likelihoods of a model or without."""
        return cls.of(_shipped()["model" if model else "words"])

    def as_row(self) -> dict[str, Any]:
        """As `of` reads it."""
        weights = {name: round(weight, 4) for name, weight in zip(NAMES, self.weights, strict=True) if weight}
        return {"bias": round(self.bias, 4), "weights": weights, "least": self.least}

    def probability(self, evidence: Evidence) -> float:
        """That the passage answers."""
        score = self.bias + sum(
            weight * number for weight, number in zip(self.weights, evidence.numbers, strict=True)
        )
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, score))))


@cache
def _shipped() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(
        files("umi_edge.reading").joinpath("judge.json").read_text(encoding="utf-8")
    )
    return found
