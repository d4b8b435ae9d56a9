"""Four conversations that take turns, against the same calls one conversation after the other."""

import time
from dataclasses import dataclass
from statistics import mean, median

from umi_edge.caller import Caller
from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.rounds import interleaved_rounds
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.workload import RecordedSession, Step, record_session, write

__all__ = ["measure"]

_CONVERSATIONS = 4


@dataclass(frozen=True, slots=True)
class _Call:
    """What one call took."""

    seconds: float
    new: int
    """How many tokens of its prompt were read for it."""


@dataclass(slots=True)
class _Contest:
    """The same calls in either order, each in conversations that were not read before.

    A conversation's first call, which reads its instruction and maybe the tools, is not counted.
    """

    caller: Caller
    groups: list[list[RecordedSession]]

    async def in_turn(self, turn: int) -> list[_Call]:
        """A step of each conversation, then the next step of each."""
        sessions = self.groups[2 * turn]
        steps = list(zip(*(session.steps for session in sessions), strict=True))
        for step in steps[0]:
            await self._call(step)
        written = [await self._call(step) for row in steps[1:] for step in row]
        return [call for call in written if call is not None]

    async def one_by_one(self, turn: int) -> list[_Call]:
        """All steps of a conversation, then the next conversation."""
        written = []
        for session in self.groups[2 * turn + 1]:
            await self._call(session.steps[0])
            written += [await self._call(step) for step in session.steps[1:]]
        return [call for call in written if call is not None]

    async def _call(self, step: Step) -> _Call | None:
        """What a call took; None where none was written, which happens in either order."""
        began = time.perf_counter()
        call = await write(self.caller, step)
        seconds = time.perf_counter() - began
        if call is None:
            return None
        return _Call(seconds, call.usage.prompt_tokens - call.usage.cached_tokens)


async def measure(setting: Setting) -> Outcome:
    """Tokens that are read for a call, and its time, where four conversations take turns."""
    repeats = setting.times(5)
    numbers = range(2 * (repeats + 1) * _CONVERSATIONS)
    sessions = [await record_session(number) for number in numbers]
    groups = [sessions[start : start + _CONVERSATIONS] for start in range(0, len(sessions), _CONVERSATIONS)]
    caller = await Caller.open(setting.caller_config, setting.dialect)
    contest = _Contest(caller, groups)
    try:
        rounds = await interleaved_rounds(
            {"in turn": contest.in_turn, "one by one": contest.one_by_one},
            rounds=repeats,
            seconds=setting.seconds,
            tell=setting.progress("conversations"),
        )
    finally:
        await caller.close()
    tokens = [
        mean(call.new for call in one["in turn"]) / mean(call.new for call in one["one by one"])
        for one in rounds
    ]
    seconds = [
        median(call.seconds for call in one["in turn"]) / median(call.seconds for call in one["one by one"])
        for one in rounds
    ]
    read = Figure(
        title=f"tokens read for a call, {_CONVERSATIONS} conversations in turn over one by one",
        goal=Goal(1.1, "x"),
        value=Spread.of(tokens),
        repeats=len(rounds),
        profile="What was read of the conversations that wait is kept beside the cache, up to the context's size.",
    )
    time_taken = Figure(
        title=f"time of a call, {_CONVERSATIONS} conversations in turn over one by one",
        goal=Goal(1.2, "x"),
        value=Spread.of(seconds),
        repeats=len(rounds),
        profile="Taking one conversation's state out of the cache, and putting another's back.",
    )
    rows = [
        {name: [(call.seconds, call.new) for call in calls] for name, calls in one.items()} for one in rounds
    ]
    return Outcome(figures=[read, time_taken], details={"seconds and tokens": rows})
