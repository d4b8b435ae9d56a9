"""The comparison of two sets of adapters, played on the same scenarios: whether the new one is to replace the old."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from umi_cloud.evaluation.run_file import RunFile
from umi_shared.errors import ConfigError

__all__ = ["Change", "changes", "is_better", "read_outcomes"]

_MEASURES: Mapping[str, Callable[[Any], bool]] = {
    "success": lambda row: row["success"],
    "success, built-in names": lambda row: row["success"] and row["own_names"],
    "success, other names": lambda row: row["success"] and not row["own_names"],
    "false claims": lambda row: (
        row["verdict"]["ended"] == "answered"
        and not (row["verdict"]["right_state"] and row["verdict"]["should_end"] == "answered")
    ),
    "wrongly gave up": lambda row: (
        row["verdict"]["ended"] == "gave up" and row["verdict"]["should_end"] != "gave up"
    ),
}
_RESAMPLES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One measure, before and after, over the scenarios."""

    old: float
    new: float
    interval: tuple[float, float]
    """The 95 % interval of the difference, from a bootstrap over the scenarios."""


def read_outcomes(path: Path) -> list[dict[str, Any]]:
    """The rows of a file that `closed-loop --out` wrote, by scenario. Raises `ConfigError` for other files."""
    try:
        rows = [row for row in RunFile.read(path).rows if not row.get("left_out")]
        rows.sort(key=lambda row: int(row["number"]))
        for row in rows:
            for measure in _MEASURES.values():
                measure(row)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} holds no outcomes of sessions", fix="write it with closed-loop --out FILE"
        ) from error
    return rows


def changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> dict[str, Change]:
    """Each measure's change, scenario by scenario. Raises `ConfigError` where the scenarios are not the same."""
    if [_scenario(row) for row in old] != [_scenario(row) for row in new] or not old:
        raise ConfigError(
            "the two files hold outcomes of different scenarios",
            fix="play both with the same --seed, --count and --own-names",
        )
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(old), size=(_RESAMPLES, len(old)))
    found = {}
    for name, measure in _MEASURES.items():
        before, after = (np.array([bool(measure(row)) for row in rows], float) for rows in (old, new))
        low, high = np.percentile((after - before)[drawn].mean(axis=1), (2.5, 97.5))
        found[name] = Change(old=before.mean(), new=after.mean(), interval=(float(low), float(high)))
    return found


def is_better(found: Mapping[str, Change]) -> bool:
    """Whether the new set succeeds more often beyond chance, and there is no sign that it claims falsely more often.

    >>> yes, no = (Change(old=0.5, new=0.6, interval=(low, 0.2)) for low in (0.02, -0.01))
    >>> same = Change(old=0.1, new=0.1, interval=(-0.05, 0.05))
    >>> is_better({"success": yes, "false claims": same}), is_better({"success": no, "false claims": same})
    (True, False)
    """
    return found["success"].interval[0] > 0 and found["false claims"].interval[0] <= 0


def _scenario(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["family"], row["own_names"], row["broken"], row["transcript"]["instruction"]
