"""The comparison: both agents play the same scenes in one run, by turns, so that the machine's moods fall on both."""

import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from typing import Any

from umi_lab.closed_loop.evaluation import Outcome, play
from umi_lab.closed_loop.rig import LaptopCast, Rig
from umi_lab.cost.inference import AGENTS
from umi_lab.cost.single_agent import SingleAgent, SingleCast
from umi_lab.synthesis.scene import Scene

__all__ = ["compare"]


async def compare(
    scenes: Iterable[tuple[int, Scene]], rig: Rig, single: SingleAgent
) -> AsyncIterator[tuple[dict[str, Any], ...]]:
    """Two rows a scene, the single agent first in every other one; none for a scene the oracle cannot play."""
    for turn, (number, scene) in enumerate(scenes):
        rows = []
        for agent in AGENTS if turn % 2 else reversed(AGENTS):
            outcome = await play(scene, SingleCast(single) if agent == "single" else LaptopCast(rig))
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
