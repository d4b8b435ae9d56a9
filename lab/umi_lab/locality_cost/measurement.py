"""The measurement: repeats of several workloads in turn, so that a noisy minute falls on all of them alike."""

import json
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from umi_lab.locality_cost import presidio_worker
from umi_lab.locality_cost.step import PARTS, open_step
from umi_lab.locality_cost.workload import Workload
from umi_shared.errors import ConfigError

__all__ = ["Measured", "Spread", "measure", "measure_presidio"]

_WARM_UP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Milliseconds of some repeats."""

    median: float
    low: float
    """The first quartile."""
    high: float
    """The third."""
    least: float
    """What it costs when nothing disturbs it."""

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Spread":
        """Of at least two repeats."""
        times = [1e3 * one for one in seconds]
        low, median, high = statistics.quantiles(times, n=4)
        return cls(median=median, low=low, high=high, least=min(times))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one step of one workload costs."""

    name: str
    size_bytes: int
    private_leaves: int
    repeats: int
    total: Spread
    parts: dict[str, Spread]

    def as_json(self) -> dict[str, Any]:
        """One row."""
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
        total=Spread.of(sum(row.values()) for row in rows),
        parts={part: Spread.of(row[part] for row in rows) for part in PARTS},
    )


def measure_presidio(python: Path, workload: Workload, *, repeats: int) -> list[Measured]:
    """Presidio on the same text, by a Python that has it. Raises `ConfigError` when that Python has not."""
    text = json.dumps(workload.result, separators=(",", ":"))
    command = [str(python), presidio_worker.__file__, str(repeats)]
    ran = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if ran.returncode:
        last = ran.stderr.strip().rpartition("\n")[2]
        raise ConfigError(
            f"{python} cannot run Presidio: {last}",
            fix="name a Python that has presidio-analyzer, and a spaCy model if you can",
        )
    found = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    return [
        Measured(
            name=f"Presidio, {one['pipeline']}",
            size_bytes=workload.size_bytes,
            private_leaves=workload.private_leaves,
            repeats=repeats,
            total=Spread.of(one["seconds"]),
            parts={},
        )
        for one in found
    ]
