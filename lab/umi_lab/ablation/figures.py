"""Figures of an ablation: shares of right steps by arm, with intervals over scenarios and seeds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ScenarioScore", "arm_figures"]

_RESAMPLES = 2000
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioScore:
    """How well the models of one arm and seed would have done in one scenario."""

    arm: str
    seed: int
    scenario: int
    adapters: str
    """A digest of the adapters; scores of other adapters are out of date."""
    right: Mapping[str, tuple[int, int]]
    """For each thing compared, how many steps were right, and of how many."""


def arm_figures(scores: Iterable[ScenarioScore], reference: str) -> dict[str, Any]:
    """For each arm and measure: the share of right steps over all seeds and in each, and the difference to `reference`.

    Intervals hold 95 % of a bootstrap that draws scenarios and seeds with replacement. Differences are paired, since
    all arms are measured on the same scenarios. Three seeds say little about how seeds vary: the intervals reflect
    no more than those three.
    """
    scores = list(scores)
    arms = sorted({score.arm for score in scores})
    measures = sorted({measure for score in scores for measure in score.right})
    found: dict[str, Any] = {arm: {} for arm in arms}
    for measure in measures:
        tables = {arm: _table([s for s in scores if s.arm == arm], measure) for arm in arms}
        for arm, table in tables.items():
            entry = {"share": _share(table), "seeds": [_share(row[None]) for row in table], **_spread(table)}
            if arm != reference and reference in tables and tables[reference].shape == table.shape:
                entry[f"minus {reference}"] = _spread(table, tables[reference])
            found[arm][measure] = entry
    return found


def _table(scores: list[ScenarioScore], measure: str) -> NDArray[np.float64]:
    """How many steps are right and how many there are, in an array of `(seeds, scenarios, 2)`."""
    seeds, scenarios = sorted({s.seed for s in scores}), sorted({s.scenario for s in scores})
    table = np.zeros((len(seeds), len(scenarios), 2))
    for score in scores:
        table[seeds.index(score.seed), scenarios.index(score.scenario)] = score.right.get(measure, (0, 0))
    return table


def _share(table: NDArray[np.float64]) -> float:
    right, whole = table.sum(axis=(0, 1))
    return round(float(right / whole), 4) if whole else 0.0


def _spread(table: NDArray[np.float64], other: NDArray[np.float64] | None = None) -> dict[str, Any]:
    """The interval of a share, or of the difference of two."""
    rng = np.random.default_rng(0)
    seeds, scenarios, _ = table.shape
    drawn = []
    for _ in range(_RESAMPLES):
        some = np.ix_(rng.integers(seeds, size=seeds), rng.integers(scenarios, size=scenarios))
        drawn.append(_share(table[some]) - (_share(other[some]) if other is not None else 0.0))
    low, high = np.percentile(drawn, _INTERVAL)
    spread = {"interval": [round(float(low), 4), round(float(high), 4)]}
    return spread if other is None else {"difference": round(_share(table) - _share(other), 4), **spread}
