"""Inference in figures: what a session takes of each agent, and the time of one over the other's."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Any

__all__ = ["AGENTS", "inference"]

AGENTS = ("single", "split")
_ROLES = ("planner", "caller", "summarizer")
Row = Mapping[str, Any]


def inference(rows: Iterable[Row]) -> dict[str, Any]:
    """What a session takes of each agent on average, and the split agent's time over the single one's.

    The agents may take different ways: `ratio of equal ways` is over the sessions in which both took as many steps.
    Empty for no rows.
    """
    by_agent: dict[str, dict[int, Row]] = {agent: {} for agent in AGENTS}
    for row in rows:
        by_agent[row["agent"]][row["number"]] = row
    single, split = by_agent["single"], by_agent["split"]
    both = sorted(single.keys() & split.keys())
    if not both:
        return {}
    equal = [number for number in both if single[number]["steps"] == split[number]["steps"]]
    return {
        "sessions": len(both),
        "sessions of equal ways": len(equal),
        "single": _means([single[number] for number in both]),
        "split": _means([split[number] for number in both]),
        "ratio": _ratio(single, split, both),
        "median ratio": median(split[n]["seconds"] / max(single[n]["seconds"], 1e-9) for n in both),
        "ratio of equal ways": _ratio(single, split, equal),
    }


def _ratio(single: Mapping[int, Row], split: Mapping[int, Row], numbers: Sequence[int]) -> float:
    """The split agent's seconds in all over the single one's; 0 where there are none."""
    below = sum(float(single[number]["seconds"]) for number in numbers)
    return sum(float(split[number]["seconds"]) for number in numbers) / below if below else 0.0


def _means(rows: Sequence[Row]) -> dict[str, float]:
    def tokens(word: str) -> float:
        return float(mean(sum(row["tokens"][role][word] for role in _ROLES) for row in rows))

    return {
        "seconds": float(mean(row["seconds"] for row in rows)),
        "success": float(mean(row["success"] for row in rows)),
        "steps": float(mean(row["steps"] for row in rows)),
        "prompt tokens": tokens("prompt_tokens"),
        "tokens written": tokens("completion_tokens"),
        "bytes out": float(mean(row["bytes_out"] for row in rows)),
        "load of the machine": float(mean(row["load"] for row in rows)),
    }
