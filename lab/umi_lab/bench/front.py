"""The gRPC front over the engine alone: 64 sessions ask in a loop, with a server between and without."""

import tempfile
from pathlib import Path
from statistics import mean

from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.load import LOAD_GENERATOR, rows_of
from umi_lab.bench.load_generator import LoadProfile, StepTiming
from umi_lab.bench.rounds import Round, interleaved_rounds
from umi_lab.bench.served import RATIONALE, scripted, served
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.worker import worker
from umi_lab.bench.workload import record_session

__all__ = ["measure"]

_SESSIONS = 64
_PAUSE_SECONDS = 0.05
"""After each two tokens: 40 tokens a second for each session, as a GPU gives 64 sessions of a 7-billion model."""


async def measure(setting: Setting) -> Outcome:
    """Each session has a device of its own, mTLS and padded real requests; the engine says a script at a fixed pace."""
    sessions, steps = (8, 2) if setting.quick else (_SESSIONS, 6)
    messages = tuple(step.message for step in (await record_session(0)).steps)
    with tempfile.TemporaryDirectory(prefix="umi-front-") as name:
        async with (
            served(Path(name), scripted(_PAUSE_SECONDS), {"running": 256, "queued": 256}) as server,
            worker(LOAD_GENERATOR, "the load generator") as through,
            worker(LOAD_GENERATOR, "the engine alone") as alone,
        ):
            devices = await server.enrol(sessions, Path(name))
            front = LoadProfile(
                sessions=sessions,
                steps=steps,
                messages=messages,
                connections=tuple(str(one.directory) for one in devices),
            )
            engine = LoadProfile(
                sessions=sessions,
                steps=steps,
                messages=messages,
                reply=RATIONALE,
                pause_seconds=_PAUSE_SECONDS,
            )
            rounds = await interleaved_rounds(
                {
                    "engine": lambda _turn: rows_of(alone, engine),
                    "front": lambda _turn: rows_of(through, front),
                },
                rounds=setting.times(7),
                seconds=setting.seconds,
                tell=setting.progress("front"),
            )
    return _outcome(rounds, sessions)


def _outcome(rounds: list[Round[list[StepTiming]]], sessions: int) -> Outcome:
    bad = {row.outcome for one in rounds for row in one["front"]} - {"ok"}
    slower = [100 * (_seconds(one["front"]) / _seconds(one["engine"]) - 1) for one in rounds]
    fewer = [100 * (1 - _pace(one["front"]) / _pace(one["engine"])) for one in rounds]
    first = [1e3 * (_first(one["front"]) - _first(one["engine"])) for one in rounds]
    profile = (
        "Python's gRPC writes each event by itself: its cost a message, on both sides, over the engine's pace. On two "
        "cores the server, the load generator and this program share the machine. The load generator on another "
        "machine, or fewer and larger events, would help."
    )
    return Outcome(
        figures=[
            Figure(
                title=f"the gRPC front over the engine alone, time of a plan at {sessions} sessions",
                goal=Goal(3, "%"),
                value=Spread.of(slower),
                repeats=len(rounds),
                profile=profile,
            ),
            Figure(
                title="the same, plans a second that are lost",
                goal=Goal(3, "%"),
                value=Spread.of(fewer),
                repeats=len(rounds),
                profile=profile,
            ),
            Figure(
                title="the same, until the first event",
                goal=None,
                unit="ms",
                value=Spread.of(first),
                repeats=len(rounds),
            ),
        ],
        notes=[f"calls ended with {', '.join(sorted(bad))}"] if bad else [],
        details={
            name: {
                "plans a second": [_pace(one[name]) for one in rounds],
                "seconds a plan": [_seconds(one[name]) for one in rounds],
            }
            for name in ("engine", "front")
        },
    )


def _seconds(rows: list[StepTiming]) -> float:
    return mean(row.seconds for row in rows)


def _first(rows: list[StepTiming]) -> float:
    return mean(row.first for row in rows)


def _pace(rows: list[StepTiming]) -> float:
    return len(rows) / max(row.began + row.seconds for row in rows)
