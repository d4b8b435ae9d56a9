"""The comparison: both agents play the same scenarios in one run, in turn, so that a busy minute slows both alike."""

import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from typing import Any

from umi_lab.closed_loop.evaluation import Outcome, play
from umi_lab.closed_loop.harness import Harness, LaptopAgent
from umi_lab.cost.inference import AGENTS
from umi_lab.cost.single_agent import SingleAgent, SingleModel
from umi_lab.synthesis.scenario import Scenario

__all__ = ["compare"]


async def compare(
    scenarios: Iterable[tuple[int, Scenario]], harness: Harness, single: SingleModel
) -> AsyncIterator[tuple[dict[str, Any], ...]]:
    """Two rows a scenario, the single agent first in every other one; none for a scenario the oracle cannot play."""
    for turn, (number, scenario) in enumerate(scenarios):
        rows = []
        for agent in AGENTS if turn % 2 else reversed(AGENTS):
            outcome = await play(scenario, SingleAgent(single) if agent == "single" else LaptopAgent(harness))
            if outcome is not None:
                rows.append({"number": number, "agent": agent, **_measured(outcome)})
        yield tuple(rows)


def _measured(outcome: Outcome) -> dict[str, Any]:
    return {
        "seconds": outcome.seconds,
        "steps": outcome.steps,
        "success": outcome.verdict.success,
        "tokens": {role: asdict(usage) for role, usage in outcome.tokens.items()},
        "bytes_out": outcome.bytes_out,
        "load": os.getloadavg()[0],
    }
