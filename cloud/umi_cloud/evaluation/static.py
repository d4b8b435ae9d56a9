"""The paper's step metrics (arXiv 2401.07324, table 1), computed exactly as its scorer computes them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from umi_cloud.evaluation.prediction_file import Prediction
from umi_cloud.evaluation.rouge_l import rouge_l
from umi_cloud.evaluation.step import NO_ACTION, Step, read_step

__all__ = ["StaticMetrics", "static_metrics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticMetrics:
    """Fractions between 0 and 1, under the names of the paper's metric files; 0 when there is no row to count."""

    rouge: float
    """ROUGE-L of the answers, over rows whose reference is a conclusion."""
    plan_em: float
    """How often the plan (call, finish, give up) is the reference's, over all rows."""
    action_em: float
    """How often the action is the reference's, over rows whose reference is a call."""
    easy_f1: float
    """Argument F1 over calls whose reference has no arguments, and all calls with a wrong action."""
    hard_f1: float
    """Argument F1 over calls whose reference has arguments, and all calls with a wrong action."""
    f1: float
    """Argument F1 over calls."""
    hallu_rate: float
    """How often the action is not a tool of the row, over all rows."""


def static_metrics(rows: Iterable[Prediction]) -> StaticMetrics:
    """Score predictions against their references, step by step."""
    rows = tuple(rows)
    steps = [(read_step(row.reference), read_step(row.prediction)) for row in rows]
    answers = [(theirs.answer, ours.answer) for theirs, ours in steps if theirs.plan == "finish"]
    calls = [(theirs, ours) for theirs, ours in steps if theirs.plan == "call"]
    easy, hard, every = _argument_scores(calls)
    return StaticMetrics(
        rouge=rouge_l([ours for _, ours in answers], [theirs for theirs, _ in answers]),
        plan_em=_mean(theirs.plan == ours.plan for theirs, ours in steps),
        action_em=_mean(theirs.action == ours.action for theirs, ours in calls),
        easy_f1=_mean(easy),
        hard_f1=_mean(hard),
        f1=_mean(every),
        hallu_rate=_mean(_hallucinated(ours, row) for row, (_, ours) in zip(rows, steps, strict=True)),
    )


def _hallucinated(step: Step, row: Prediction) -> bool:
    return step.action != NO_ACTION and step.action not in row.tools


def _argument_scores(calls: Iterable[tuple[Step, Step]]) -> tuple[list[float], list[float], list[float]]:
    """F1 of easy calls, of hard calls, and of all; a wrong action is a 0 in each."""
    easy: list[float] = []
    hard: list[float] = []
    every: list[float] = []
    for theirs, ours in calls:
        if theirs.action != ours.action:
            for scores in (easy, hard, every):
                scores.append(0.0)
            continue
        try:
            reference = json.loads(theirs.arguments)
        except (ValueError, RecursionError):
            continue  # nothing is judged by a reference that does not parse
        score = _argument_f1(reference, ours.arguments)
        (easy if reference == {} else hard).append(score)
        every.append(score)
    return easy, hard, every


def _argument_f1(reference: Any, text: str) -> float:
    """F1 over argument names; the right name with a wrong value counts half."""
    try:
        predicted = json.loads(text)
    except (ValueError, RecursionError):
        return 0.0
    if reference == {}:
        return float(predicted == {})
    if not isinstance(reference, dict) or not isinstance(predicted, dict):
        return 0.0
    points = sum(
        1.0 if predicted[name] == value else 0.5 for name, value in reference.items() if name in predicted
    )
    if not points:
        return 0.0
    recall, precision = points / len(reference), points / len(predicted)
    return 2 * recall * precision / (recall + precision)


def _mean(scores: Iterable[float]) -> float:
    scores = tuple(scores)
    return sum(scores) / len(scores) if scores else 0.0
