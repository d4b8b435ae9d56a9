"""A thousand sessions on one server: none lost, all alike, memory per idle stream, steady latency, cost of step k."""

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

import psutil

from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.load_generator import LoadProfile, StepTiming
from umi_lab.bench.served import RATIONALE, Served, scripted, served
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.worker import Worker, worker
from umi_lab.bench.workload import record_session

__all__ = ["LOAD_GENERATOR", "jain", "measure", "rows_of"]

LOAD_GENERATOR = (sys.executable, "-m", "umi_lab.bench.load_generator")
_PAUSE_SECONDS = 0.05
_PIECES = -(-len(RATIONALE) // 8)
ENGINE_SECONDS = _PAUSE_SECONDS * _PIECES
"""How long the engine takes for one plan, whoever asks."""
_IDLE_SECONDS = 12.0


async def measure(setting: Setting) -> Outcome:
    """Sessions that pause between steps as laptops do, shared out among devices; then as many idle streams."""
    sessions, devices, steps, think = (60, 12, 3, 1.0) if setting.quick else (1000, 100, 5, 8.0)
    messages = tuple(step.message for step in (await record_session(0)).steps)
    admission = {"running": 256, "queued": 2048, "queued_per_device": 64}
    with tempfile.TemporaryDirectory(prefix="umi-load-") as name:
        async with (
            served(Path(name), scripted(_PAUSE_SECONDS), admission) as server,
            worker(LOAD_GENERATOR, "the load generator") as generator,
        ):
            setting.tell("load: enrolling", 0, 3)
            connections = tuple(str(one.directory) for one in await server.enrol(devices, Path(name)))
            setting.tell("load: sessions", 1, 3)
            many = LoadProfile(
                sessions=sessions,
                steps=steps,
                messages=messages,
                connections=connections,
                spread_seconds=think,
                think_seconds=think,
            )
            rows = await rows_of(generator, many)
        idle_name = Path(name) / "idle"
        idle_name.mkdir()
        async with (
            served(idle_name, scripted(600.0), {**admission, "running": sessions}) as server,
            worker(LOAD_GENERATOR, "the load generator") as generator,
        ):
            setting.tell("load: idle streams", 2, 3)
            connections = tuple(str(one.directory) for one in await server.enrol(devices, idle_name))
            idle = await _idle_bytes(server, generator, connections, messages, sessions)
    setting.tell("load", 3, 3)
    return _outcome(rows, idle, sessions=sessions, steps=steps, devices=devices)


async def rows_of(generator: Worker, work: LoadProfile) -> list[StepTiming]:
    """What a load took, step by step."""
    return [StepTiming(**row) for row in (await generator.ask(work.as_json()))["rows"]]


async def _idle_bytes(
    server: Served,
    generator: Worker,
    connections: tuple[str, ...],
    messages: tuple[bytes, ...],
    sessions: int,
) -> float | None:
    """Bytes of the server's memory for each waiting stream beyond the first tenth of them.

    None when not all of them waited at once.
    """
    process = psutil.Process(server.process)

    async def most_while(count: int) -> int | None:
        work = LoadProfile(
            sessions=count,
            steps=1,
            messages=messages,
            connections=connections,
            patience_seconds=_IDLE_SECONDS,
            spread_seconds=_IDLE_SECONDS / 3,
        )
        asking = asyncio.ensure_future(rows_of(generator, work))
        most = 0
        while not asking.done():
            most = max(most, process.memory_info().rss)
            await asyncio.wait([asking], timeout=0.25)
        waited = sum(row.events > 0 for row in await asking)
        return most if waited == count else None

    few, many = await most_while(sessions // 10), await most_while(sessions)
    return (many - few) / (sessions - sessions // 10) if few and many else None


def _outcome(
    rows: list[StepTiming], idle: float | None, *, sessions: int, steps: int, devices: int
) -> Outcome:
    good = [row for row in rows if row.outcome == "ok" and row.events]
    over = [1e3 * (row.seconds - ENGINE_SECONDS) for row in good]
    return Outcome(
        figures=[
            Figure(
                title=f"{sessions:,} sessions on one server, {steps} steps each: steps lost",
                goal=Goal(0, "steps"),
                value=Spread.of([sessions * steps - len(good)]),
                repeats=len(rows),
            ),
            Figure(
                title=f"the same: fairness over {devices} devices (Jain's index of their mean step)",
                goal=Goal(0.99, "", least=True),
                value=Spread.of([jain(_by_device(good, devices))]),
                repeats=devices,
            ),
            Figure(
                title="the same: what a step takes beyond the engine's own time",
                goal=None,
                unit="ms",
                value=Spread.of(over),
                repeats=len(good),
            ),
            Figure(
                title="the same: the last third's median step over the first third's",
                goal=Goal(1.1, "x"),
                value=Spread.of([drift(good)]),
                repeats=len(good),
                profile="As many steps a second begin at the start as at the end; where server and load generator "
                "together want more than the machine has, a queue grows meanwhile, and shows here.",
            ),
            Figure(
                title=f"the same: first event of step {steps} over step 1's, beyond nothing but a longer view",
                goal=None,
                unit="x",
                value=Spread.of([_first(good, steps - 1) / _first(good, 0)]),
                repeats=sessions,
            ),
            *([_idle_figure(idle, sessions)] if idle is not None else []),
        ],
        notes=[]
        if idle is not None
        else ["idle streams: not all waited at once, so their memory was not measured"],
        details={
            "milliseconds beyond the engine": {
                f"step {step + 1}": 1e3
                * (median(row.seconds for row in good if row.step == step) - ENGINE_SECONDS)
                for step in range(steps)
            },
            "99th percentile, ms beyond the engine": quantiles(over, n=100)[98],
            "steps a second": len(good) / max(row.began + row.seconds for row in good),
            "outcomes": {
                name: sum(row.outcome == name for row in rows) for name in {r.outcome for r in rows}
            },
        },
    )


def _idle_figure(idle: float, sessions: int) -> Figure:
    return Figure(
        title="server memory for one idle stream",
        goal=Goal(128, "KiB"),
        value=Spread.of([idle / 1024]),
        repeats=sessions,
    )


def _first(rows: list[StepTiming], step: int) -> float:
    return median(row.first for row in rows if row.step == step)


def drift(rows: list[StepTiming]) -> float:
    """The median step of the last third of the time over that of the first, once all sessions have begun."""
    ordered = sorted(rows, key=lambda row: row.began)
    third = max(len(ordered) // 3, 1)
    return median(row.seconds for row in ordered[-third:]) / median(row.seconds for row in ordered[:third])


def _by_device(rows: list[StepTiming], devices: int) -> list[float]:
    means = []
    for device in range(devices):
        seconds = [row.seconds for row in rows if row.session % devices == device]
        means.append(sum(seconds) / len(seconds) if seconds else 0.0)
    return means


def jain(shares: list[float]) -> float:
    """Jain's fairness index (DEC-TR-301, 1984): 1 when all are alike, 1/n when one has everything.

    >>> jain([2.0, 2.0, 2.0]), jain([3.0, 0.0, 0.0])
    (1.0, 0.3333333333333333)
    """
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
