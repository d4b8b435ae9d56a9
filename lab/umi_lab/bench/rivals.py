"""A call on a machine that is busy with other things: alone, beside one busy program, and beside two."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

from umi_edge.caller import Caller
from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.rounds import interleaved_rounds
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.workload import RecordedSession, record_session, write

__all__ = ["measure"]

_BUSY = "while True: pass"
_SETTLE_SECONDS = 0.5
"""Until a rival's process has begun."""
_GOALS = {"alone": None, "one rival": Goal(1.0, "s"), "two rivals": Goal(1.2, "s")}


@asynccontextmanager
async def _busy(count: int) -> AsyncIterator[None]:
    """So many programs that do nothing but use a core."""
    rivals = [await asyncio.create_subprocess_exec(sys.executable, "-c", _BUSY) for _ in range(count)]
    try:
        if rivals:
            await asyncio.sleep(_SETTLE_SECONDS)
        yield
    finally:
        for rival in rivals:
            rival.kill()
        await asyncio.gather(*(rival.wait() for rival in rivals))


@dataclass(slots=True)
class _Contest:
    """The calls of one session, beside a number of rivals."""

    caller: Caller
    sessions: list[RecordedSession]

    async def calls(self, turn: int, rivals: int) -> float:
        """The median of a session's calls, in seconds; its first, which reads the tools, is not counted."""
        seconds = []
        async with _busy(rivals):
            for step in self.sessions[turn].steps:
                began = time.perf_counter()
                await write(self.caller, step)
                seconds.append(time.perf_counter() - began)
        return median(seconds[1:])


async def measure(setting: Setting) -> Outcome:
    """Seconds of a call, each in a session that was not read before."""
    repeats = setting.times(5)
    sessions = [await record_session(number) for number in range((repeats + 1) * len(_GOALS))]
    caller = await Caller.open(setting.caller_config, setting.dialect)
    contest = _Contest(caller, sessions)

    async def beside(rivals: int, turn: int) -> float:
        return await contest.calls(turn * len(_GOALS) + rivals, rivals)

    try:
        rounds = await interleaved_rounds(
            {name: partial(beside, rivals) for rivals, name in enumerate(_GOALS)},
            rounds=repeats,
            seconds=setting.seconds,
            tell=setting.progress("rivals"),
        )
    finally:
        await caller.close()
    figures = [
        Figure(
            title=f"one call of the caller, {name}",
            goal=goal,
            unit="" if goal else "s",
            value=Spread.of(one[name] for one in rounds),
            repeats=len(rounds),
            profile="On two cores; a decode takes as many threads as there are cores that nobody else uses.",
        )
        for name, goal in _GOALS.items()
    ]
    return Outcome(figures=figures, details={"seconds": rounds})
