"""The measurement: repeats of several workloads in turn, so that a noisy minute falls on all of them alike."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from umi_lab.bench.spread import Spread
from umi_lab.bench.worker import Worker, worker
from umi_lab.locality_cost import presidio_worker
from umi_lab.locality_cost.step import PARTS, open_step
from umi_lab.locality_cost.workload import Workload

__all__ = ["Measured", "measure", "measure_presidio", "presidio"]

_WARM_UP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one step of one workload costs."""

    name: str
    size_bytes: int
    private_leaves: int
    repeats: int
    total: Spread
    """The whole step, in milliseconds."""
    parts: dict[str, Spread]
    """Each part, in milliseconds; empty where the contender does not tell them apart."""

    def as_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self)


def measure(workloads: Sequence[Workload], *, repeats: int) -> list[Measured]:
    """Run a step of each workload in turn, as often as wanted."""
    rows: list[list[dict[str, float]]] = [[] for _ in workloads]
    with ExitStack() as stack:
        steps = [stack.enter_context(open_step(workload)) for workload in workloads]
        for turn in range(_WARM_UP + repeats):
            for step, kept in zip(steps, rows, strict=True):
                spent = step.run()
                if turn >= _WARM_UP:
                    kept.append(spent)
    return [_measured(workload, kept) for workload, kept in zip(workloads, rows, strict=True)]


def _measured(workload: Workload, rows: list[dict[str, float]]) -> Measured:
    return Measured(
        name=f"umi, free text: {workload.free}",
        size_bytes=workload.size_bytes,
        private_leaves=workload.private_leaves,
        repeats=len(rows),
        total=Spread.of(1e3 * sum(row.values()) for row in rows),
        parts={part: Spread.of(1e3 * row[part] for row in rows) for part in PARTS},
    )


def presidio(python: Path) -> AbstractAsyncContextManager[Worker]:
    """Presidio in a Python that has it. Raises `ConfigError` when that Python does not have it."""
    return worker([python, presidio_worker.__file__], "Presidio")


def measure_presidio(python: Path, workload: Workload, *, repeats: int) -> list[Measured]:
    """Presidio on the same text. Raises `ConfigError` when that Python does not have it."""
    text = json.dumps(workload.result, separators=(",", ":"))

    async def analyse() -> list[dict[str, float]]:
        async with presidio(python) as peer:
            return [(await peer.ask({"text": text}))["seconds"] for _ in range(repeats)]

    rows = asyncio.run(analyse())
    return [
        Measured(
            name=f"Presidio, {pipeline}",
            size_bytes=workload.size_bytes,
            private_leaves=workload.private_leaves,
            repeats=repeats,
            total=Spread.of(1e3 * row[pipeline] for row in rows),
            parts={},
        )
        for pipeline in rows[0]
    ]
