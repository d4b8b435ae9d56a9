"""How much of the caller's reading is hidden behind the planner's stream, in whole sessions."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from umi_edge.caller import Caller, WrittenCall
from umi_lab.bench.figure import Figure, Goal
from umi_lab.bench.rounds import interleaved_rounds
from umi_lab.bench.setting import Outcome, Setting
from umi_lab.bench.spread import Spread
from umi_lab.bench.workload import CALLS, ScriptedRoles, instruction, open_session
from umi_shared.llama import Weights
from umi_shared.prefix import shared_prefix
from umi_shared.released import Released
from umi_shared.transcript import Decision, PlanEvent, RationaleDelta, Usage, View

__all__ = ["measure"]

_FIRST_SECONDS = 0.3
_WORD_SECONDS = 0.05
"""A planner that thinks for 0.3 s and then says 20 words a second, as one of 7 billion parameters does."""
_DECISION_WORDS = 2
"""`Next: caller.` takes its time too, before the decision is known."""
_LEFT = "read after the decision"


@dataclass(slots=True)
class _PacedRoles(ScriptedRoles):
    """The scripted planner, at a real planner's pace."""

    async def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent]:
        await asyncio.sleep(_FIRST_SECONDS)
        async for event in ScriptedRoles.plan(self, view, request_id):
            if isinstance(event, RationaleDelta):
                for word in event.text.split(" "):
                    yield RationaleDelta(word if event.text.startswith(word) else f" {word}")
                    await asyncio.sleep(_WORD_SECONDS)
            else:
                if isinstance(event, Decision):
                    await asyncio.sleep(_DECISION_WORDS * _WORD_SECONDS)
                yield event


@dataclass(slots=True)
class _Watched:
    """The real caller, whose calls are replaced by the script's, so that all sessions go alike."""

    caller: Caller
    number: int = 0
    rows: list[tuple[View, WrittenCall]] = field(default_factory=list)

    async def warm(self, catalogue: Released[View]) -> None:
        """Pass it on to the caller."""
        await self.caller.warm(catalogue)

    async def prefill(self, view: View) -> None:
        """Pass it on to the caller."""
        await self.caller.prefill(view)

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """Have the caller write, and hand out what the script says."""
        written = await self.caller.call(view, schemas)
        self.rows.append((view, written))
        tool, _, arguments = CALLS[self.number]
        self.number += 1
        return WrittenCall(tool=tool, arguments=arguments, usage=Usage())


async def measure(setting: Setting) -> Outcome:
    """Sessions over the sample home; tokens read after the decision, of those that a step adds."""
    weights = Weights.load(setting.model_file)
    caller = await Caller.open(setting.caller_config, setting.dialect)

    async def session(turn: int) -> dict[str, list[int]]:
        watched = _Watched(caller)
        with tempfile.TemporaryDirectory(prefix="umi-overlap-") as folder:
            opened = await open_session(Path(folder), _PacedRoles(), watched)
            await opened.ask(instruction(turn))
        return _tokens(setting, weights, watched.rows)

    try:
        rounds = await interleaved_rounds(
            {"session": session},
            rounds=setting.times(5),
            warm_up=0,
            seconds=setting.seconds / 2,
            tell=setting.progress("overlap"),
        )
    finally:
        await caller.close()
        weights.close()
    steps = [one["session"] for one in rounds]
    hidden = Figure(
        title="the caller's prefill hidden behind the planner's stream",
        goal=Goal(80, "%", least=True),
        value=Spread.of(100 * (1 - sum(one[_LEFT]) / sum(one["new"])) for one in steps),
        repeats=len(steps),
        profile="Tokens of a step's prompt that were read before the planner's decision. What is left is the end of "
        "the plan, and what the caller had no time for.",
    )
    return Outcome(figures=[hidden], details={"tokens of the steps": steps})


def _tokens(setting: Setting, weights: Weights, rows: list[tuple[View, WrittenCall]]) -> dict[str, list[int]]:
    """For each step but the first: how many tokens it adds to the previous prompt, and how many were not read ahead.

    The first step reads the catalogue: that is what a warm start is for.
    """
    prompts = [weights.prompt_tokens(setting.dialect.call(view).prompt) for view, _ in rows]
    new = [len(tokens) - shared_prefix(before, tokens) for before, tokens in pairwise(prompts)]
    ahead = [written.ahead_tokens for _, written in rows[1:]]
    return {"new": new, _LEFT: [max(count - read, 0) for count, read in zip(new, ahead, strict=True)]}
