"""The report on fleets: a large one, one front beside grpc.aio alone, and how cost grows with the number enrolled."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from umi_lab.bench.picture import pyplot
from umi_lab.bench.workload import record_session
from umi_lab.fleet.trial import Crowded, FleetSize, fleet
from umi_lab.postgres_server import PostgresServer

__all__ = ["ADDED_MOST", "PACE_LEAST", "FleetReport", "draw_growth", "measure"]

PACE_LEAST = 400
"""Plans for each second of a front's core, at least."""
ADDED_MOST = 15
"""Milliseconds that a front adds to the median plan at 64 at once, at most."""
_SIDE_BY_SIDE = 64
_RUNNING = 256

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """What was measured."""

    size: FleetSize
    whole: Crowded
    """The whole fleet; some of its laptops are revoked half-way."""
    echo: Crowded
    """One front's process at 64 at once: grpc.aio with mTLS, the engine and as many messages, and nothing of umi."""
    front: Crowded
    """The same with umi."""
    growth: tuple[tuple[int, Crowded], ...]
    """One front, by the number enrolled; of them as many at once as the fleet's."""
    profile: str = field(default="", repr=False)

    def as_json(self) -> dict[str, Any]:
        """With the figures that follow from others."""
        return {
            "size": asdict(self.size),
            **{name: _told(getattr(self, name)) for name in ("whole", "echo", "front")},
            "growth": [{"enrolled": enrolled, **_told(one)} for enrolled, one in self.growth],
            "profile": self.profile,
        }


def _told(one: Crowded) -> dict[str, Any]:
    fields = {key: value for key, value in asdict(one).items() if key != "profile"}
    return {
        **fields,
        "plans_a_core_second": one.plans_a_core_second,
        "added_milliseconds": one.added_milliseconds,
        "fronts": [
            {**asdict(front), "plans_a_core_second": front.plans_a_core_second} for front in one.fronts
        ],
    }


async def measure(
    size: FleetSize,
    folder: Path,
    postgres: PostgresServer,
    *,
    seconds: float,
    think_seconds: float,
    growth: Sequence[int] = (),
    profile: bool = False,
    tell: Tell = lambda _line: None,
) -> FleetReport:
    """Measure everything, one after the other. Raises ConfigError."""
    messages = tuple(step.message for step in (await record_session(0)).steps)
    tell(f"{size.enrolled:,} enrolled, {size.at_once:,} at once, {size.fronts} fronts")
    async with fleet(size, folder / "whole", postgres, "whole") as one:
        whole = await one.run(
            at_once=size.at_once, seconds=seconds, messages=messages, think_seconds=think_seconds, revoke=True
        )
    few = min(_SIDE_BY_SIDE, size.at_once)
    tell(f"one front and grpc.aio alone, {few} at once")
    side = FleetSize(enrolled=size.enrolled, at_once=few, fronts=1, running=size.running)
    async with fleet(side, folder / "side", postgres, "side") as one:
        await one.run(at_once=few, seconds=min(seconds, 2.0), messages=messages)  # all has run once
        echo = await one.run(at_once=few, seconds=seconds, messages=messages, echo=True)
        front = await one.run(at_once=few, seconds=seconds, messages=messages)
        told = ""
        if profile:
            told = (await one.run(at_once=few, seconds=seconds, messages=messages, profile=True)).profile
    grown = []
    for enrolled in growth:
        tell(f"growth: {enrolled:,} enrolled")
        at_once = min(enrolled, size.at_once)
        grows = FleetSize(enrolled=enrolled, at_once=at_once, fronts=1, running=size.running)
        async with fleet(grows, folder / f"growth-{enrolled}", postgres, f"growth_{enrolled}") as one:
            # Fewer laptops think less, so that all do about as many plans: what a front does by itself is shared alike.
            run = await one.run(
                at_once=at_once,
                seconds=seconds,
                messages=messages,
                think_seconds=think_seconds * at_once / size.at_once,
            )
        grown.append((enrolled, run))
    return FleetReport(size=size, whole=whole, echo=echo, front=front, growth=tuple(grown), profile=told)


def draw_growth(report: FleetReport, path: Path) -> None:
    """What a plan costs a front, and its memory, by the number of laptops. Raises ConfigError without matplotlib."""
    plot = pyplot()
    picture, (cost, memory) = plot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    enrolled = [count for count, _ in report.growth]
    cost.plot(enrolled, [1e3 / one.plans_a_core_second for _, one in report.growth], "o-", color="#2f7d4f")
    cost.set_ylabel("CPU milliseconds a plan", fontsize=8)
    megabytes = [one.fronts[0].memory_bytes / 2**20 for _, one in report.growth]
    memory.plot(enrolled, megabytes, "o-", color="#2f5f9f")
    memory.set_ylabel("a front's memory, MiB", fontsize=8)
    for axes in (cost, memory):
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"laptops enrolled (at most {report.size.at_once:,} at once)", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    picture.savefig(path, metadata={"Date": None})
    plot.close(picture)
