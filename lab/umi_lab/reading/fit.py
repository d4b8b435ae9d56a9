"""Fitting the judge: logistic regression on the development half, and the least probability that it answers from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umi_edge.reading.judge import Judge

__all__ = ["Example", "fitted", "fitted_across"]

_RIDGE = 3.0
_ROUNDS = 40
_FOLDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One passage that could answer a question."""

    text: str
    """The id of its text: what is fitted on a text never judges it in `fitted_across`."""
    numbers: tuple[float, ...]
    answers: bool


def fitted(examples: Sequence[Example], least: float) -> Judge:
    """The judge that makes the examples likeliest, but for a penalty on large weights."""
    rows = np.array([one.numbers for one in examples])
    truth = np.array([one.answers for one in examples], float)
    middle, width = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    table = np.hstack([(rows - middle) / width, np.ones((len(rows), 1))])
    weights = _newton(table, truth)
    raw = np.where(rows.std(axis=0) > 0, weights[:-1] / width, 0.0)
    return Judge(bias=float(weights[-1] - raw @ middle), weights=tuple(map(float, raw)), least=least)


def fitted_across(examples: Sequence[Example], least: float) -> dict[str, Judge]:
    """For each text a judge that has not seen it: what the development half can be scored with."""
    texts = sorted({one.text for one in examples})
    folds = {text: number % _FOLDS for number, text in enumerate(texts)}
    judges = {
        fold: fitted([one for one in examples if folds[one.text] != fold], least)
        for fold in set(folds.values())
    }
    return {text: judges[folds[text]] for text in texts}


def _newton(table: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.zeros(table.shape[1])
    ridge = np.eye(len(weights)) * _RIDGE
    ridge[-1, -1] = 0
    for _ in range(_ROUNDS):
        sure = 1 / (1 + np.exp(-table @ weights))
        slope = table.T @ (sure - truth) + ridge @ weights
        weights = weights - np.linalg.solve((table * (sure * (1 - sure))[:, None]).T @ table + ridge, slope)
    return weights
