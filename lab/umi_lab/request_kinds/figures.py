"""Figures: how often the model objects, to what was asked for and to what was not, on wordings that it has not seen.

Each wording is judged by a model that saw none of its writer, and none of its own; or none of its family.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umi_cloud.evaluation.interval import Share
from umi_edge.request_kinds import Kind
from umi_edge.request_kinds.features import features_of
from umi_edge.request_kinds.model import Limits, RequestKinds
from umi_lab.request_kinds.examples import Example
from umi_lab.request_kinds.fit import Table, fitted, known_words

__all__ = ["Judged", "by_family", "by_writer", "held_to", "judged_across", "shares"]

_WRONGLY = 0.003
"""The share of right changes of a kind that may be objected to."""
_LEAST = (1.5, 2.0, 2.5, 3.0)
"""What is tried for another kind to score."""
_KNOWN = 0.7
_FOLDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Examples with the scores of models that had not seen them."""

    scores: NDArray[np.float32]
    known: NDArray[np.float32]
    """The share of words that training had."""
    asked: NDArray[np.bool_]
    """By kind: whether it was asked for."""

    def objected(self, limits: Limits) -> NDArray[np.bool_]:
        """By example and kind: whether a change of that kind is objected to."""
        count = len(Kind)
        others = np.stack([np.delete(self.scores, at, 1).max(1) for at in range(count)], axis=1)
        sure = (others >= np.array(limits.least)) & (self.known >= limits.known)[:, None]
        return sure & (self.scores[:, :count] <= np.array(limits.most))


def by_writer(example: Example) -> str:
    """Its fold, so that no writer is in two; what nobody in particular writes is put by its words."""
    wording = example.wording
    return wording.writer or f"{zlib.crc32(wording.text.encode()) % 3}"


def by_family(example: Example) -> str:
    """Its fold, so that no family is in two."""
    return f"{zlib.crc32(example.wording.family.encode()) % _FOLDS}"


def judged_across(examples: Sequence[Example], fold_of: Callable[[Example], str], seed: int) -> Judged:
    """Every example by a model that was fitted on the other folds."""
    table = Table.of(examples)
    folds = np.array([fold_of(one) for one in examples])
    scores, known = np.zeros_like(table.truth), np.zeros(len(examples), np.float32)
    for fold in sorted(set(folds.tolist())):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        unseen = [one for one, its in zip(examples, folds, strict=True) if its == fold]
        seen = [one for one, its in zip(examples, folds, strict=True) if its != fold]
        weights = fitted(table.rows(outside), seed)
        scores[inside] = table.rows(inside).scores(weights)
        none = Limits(most=(0.0,) * len(Kind), least=(0.0,) * len(Kind), known=0.0)
        words = known_words(seen)
        model = RequestKinds.of(weights[:-1], weights[-1], words, none)
        known[inside] = [model.share_known(features_of(one.text)) for one in unseen]
    return Judged(scores=scores, known=known, asked=table.truth[:, : len(Kind)] > 0)


def held_to(judged: Judged) -> Limits:
    """The limits that object to most, of those by which few right changes of each kind would have been objected to."""
    most, least = zip(*(_limits(judged, at) for at in range(len(Kind))), strict=True)
    return Limits(most=most, least=least, known=_KNOWN)


def _limits(judged: Judged, at: int) -> tuple[float, float]:
    """The highest score that is objected to, and the least that another kind must have."""
    own, others = judged.scores[:, at], np.delete(judged.scores, at, 1).max(1)
    asked, known = judged.asked[:, at], judged.known >= _KNOWN
    allowed = int(_WRONGLY * asked.sum())

    def most(least: float) -> float:
        right = np.sort(own[known & asked & (others >= least)])
        return round(float(right[allowed] if allowed < len(right) else 0.0) - 0.01, 2)

    def caught(least: float) -> int:
        return int((known & ~asked & (others >= least) & (own <= most(least))).sum())

    best = max(_LEAST, key=caught)
    return most(best), best


def shares(judged: Judged, limits: Limits) -> dict[str, Share]:
    """How often it objects."""
    objected, asked = judged.objected(limits), judged.asked
    nothing = ~asked.any(axis=1)
    found = {
        "objects to a change that was asked for": _share(objected[asked]),
        "objects to a change that was not": _share(objected[~asked]),
        "... to any change for a question": _share(objected[nothing]),
    }
    for at, kind in enumerate(Kind):
        found[f"{kind}: asked for, and objected to"] = _share(objected[asked[:, at], at])
        found[f"{kind}: for a question, and objected to"] = _share(objected[nothing, at])
    return found


def _share(objected: NDArray[np.bool_]) -> Share:
    return Share(int(objected.sum()), int(objected.size))
