"""Predictions of an agent for the steps of recorded conversations, each on the recorded history before it."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from umi_cloud.episodes import Episode
from umi_cloud.episodes.alpha_umi_rows import decisions
from umi_cloud.evaluation.agent import Agent
from umi_cloud.evaluation.prediction_file import Prediction, step_text
from umi_shared.dialects.alpha_umi import Turn
from umi_shared.transcript import Call, Observation, Plan

__all__ = ["Question", "predict", "predictions_of", "questions", "rows_in_order", "sampled"]


@dataclass(frozen=True, slots=True)
class Question:
    """One step to write: which conversation, how much of it came before, and what was written there."""

    conversation: int
    end: int
    """How many turns of the conversation come before the step."""
    reference: str


def sampled(count: int, limit: int | None, seed: int) -> list[int]:
    """The conversations to ask about, by number: all, or `limit` of them at random, the same for the same seed.

    >>> sampled(3, None, 1), sampled(100, 3, 1) == sampled(100, 3, 1)
    ([0, 1, 2], True)
    """
    if limit is None or limit >= count:
        return list(range(count))
    return sorted(random.Random(seed).sample(range(count), limit))  # noqa: S311  # not for secrets


def questions(number: int, episode: Episode) -> list[Question]:
    """The steps of a conversation that can be asked: those whose history is whole.

    Data sets without results (ToolAlpaca) are asked for the first call only; what follows depends on an unknown result.
    """
    whole = _whole(episode.turns)
    return [
        Question(number, end, text)
        for end, plan, then in decisions(episode)
        if end <= whole and isinstance(plan, Plan) and (text := step_text(plan, then))
    ]


def _whole(turns: Sequence[Turn]) -> int:
    """How many turns come before the first call without a recorded result."""
    for index, (turn, then) in enumerate(zip(turns, (*turns[1:], None), strict=True)):
        if isinstance(turn, Call) and not isinstance(then, Observation):
            return index
    return len(turns)


async def predict(
    agent: Agent, episodes: Mapping[int, Episode], *, jobs: int
) -> AsyncIterator[tuple[dict[str, Any], ...]]:
    """The rows of each conversation as they become ready; `jobs` conversations are asked at once."""
    slots = asyncio.Semaphore(jobs)

    async def conversation(number: int, episode: Episode) -> tuple[dict[str, Any], ...]:
        async with slots:
            asked = questions(number, episode)
            return tuple([await _row(agent, episode, question) for question in asked])

    tasks = [asyncio.create_task(conversation(*item)) for item in episodes.items()]
    try:
        for finished in asyncio.as_completed(tasks):
            yield await finished
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _row(agent: Agent, episode: Episode, question: Question) -> dict[str, Any]:
    """A row in the shape of α-UMi's prediction files, with further facts about the step."""
    written = await agent.step(episode.view(question.end))
    return {
        "conversation": question.conversation,
        "step": question.end,
        "tools": [{"Name": card.name} for card in episode.catalogue],
        "reference": question.reference,
        "predictions": step_text(written.plan, written.then),
        "usage": asdict(written.usage),
        "cut": written.cut,
        "unanswered": written.unanswered,
    }


def rows_in_order(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows by conversation and step; of two rows for one step, as an interrupted run may leave them, the last."""
    found = {(row["conversation"], row["step"]): dict(row) for row in rows}
    return [found[key] for key in sorted(found)]


def predictions_of(rows: Iterable[Mapping[str, Any]]) -> list[Prediction]:
    """The rows as the scorer takes them."""
    return [
        Prediction(
            tools=frozenset(tool["Name"] for tool in row["tools"]),
            reference=row["reference"],
            prediction=row["predictions"],
        )
        for row in rows
    ]
