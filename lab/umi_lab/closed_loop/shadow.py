"""The shadow: at each step of the oracle's session the models are asked, too, and what they would do is compared.

Every step is judged on a right history, so a figure is a role's own, and not that of the steps before it.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from umi_edge.caller import WrittenCall
from umi_edge.session.events import Event
from umi_edge.session.ports import CallerPort, CloudPort
from umi_edge.session.session import Session
from umi_lab.closed_loop.argument_source import source_of
from umi_lab.closed_loop.harness import Harness, LaptopAgent
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.rollout import Environment, roll_out
from umi_lab.synthesis.scenario import Scenario
from umi_shared.errors import PeerError
from umi_shared.handles import render
from umi_shared.released import Released
from umi_shared.transcript import Answer, AnswerDelta, Decision, Plan, PlanEvent, SummarizeEvent, View

__all__ = ["Comparison", "shadow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One step: what the oracle wrote and what the model would have."""

    role: str
    own_names: bool
    wanted: str
    """What the oracle wrote."""
    got: str
    """What the model would have written; empty where that could not be read."""
    right: Mapping[str, bool]
    """Whether the model was right in what applies to the step: `next`, `tool`, `exact`."""
    arguments: tuple[tuple[str, bool], ...] = ()
    """For each argument of a call, where its value was to be read, and whether the model was right."""

    def as_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self)


@dataclass(slots=True)
class ShadowAgent:
    """The oracle acts, and the models answer the same questions; implements `Agent` and both ports."""

    oracle: Oracle
    models: LaptopAgent
    comparisons: list[Comparison] = field(default_factory=list, repr=False)
    _cloud: CloudPort = field(init=False, repr=False)
    _caller: CallerPort = field(init=False, repr=False)

    @asynccontextmanager
    async def session(self, environment: Environment) -> AsyncIterator[Session]:
        """The laptop's own session, with this between it and the models."""
        async with self.models.session(environment) as session:
            self._cloud, session.cloud = session.cloud, self
            self._caller, session.caller = session.caller, self
            observe = session.observe

            def both(event: Event) -> None:
                self.oracle.observe(event)
                observe(event)

            session.observe = both
            yield session

    async def warm(self, catalogue: Released[View]) -> None:
        """Let the caller begin."""
        await self._caller.warm(catalogue)

    async def prefill(self, view: View) -> None:
        """Let the caller read ahead."""
        await self._caller.prefill(view)

    async def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent]:
        """Compare the decision."""
        got = Decision(next="")  # type: ignore[arg-type]  # no decision at all
        try:
            async for event in self._cloud.plan(view, request_id):
                if isinstance(event, Decision):
                    got = event
        except PeerError:
            pass
        async for event in self.oracle.plan(view, request_id):
            yield event
        wanted = self.oracle.written[-1]
        assert isinstance(wanted, Plan)  # noqa: S101  # the oracle has just written it
        right = {"next": got.next == wanted.next}
        if wanted.tool:
            right["tool"] = got.tool == wanted.tool
        self._compare("planner", f"{wanted.next} {wanted.tool}", f"{got.next} {got.tool}", right)

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """Compare the call."""
        got = ("", "{}")
        try:
            written = await self._caller.call(view, schemas)
            got = (written.tool, written.arguments)
        except PeerError:
            pass
        wanted = await self.oracle.call(view, schemas)
        ours, theirs = json.loads(got[1]), json.loads(wanted.arguments)
        same_tool = got[0] == wanted.tool
        self._compare(
            "caller",
            wanted.tool + wanted.arguments,
            "".join(got),
            {"tool": same_tool, "exact": same_tool and ours == theirs},
            tuple(
                (source_of(value, view), same_tool and ours.get(name) == value)
                for name, value in theirs.items()
            ),
        )
        return wanted

    async def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[SummarizeEvent]:
        """Compare the answer."""
        got = ""
        try:
            async for event in self._cloud.summarize(view, request_id):
                got += event.text if isinstance(event, AnswerDelta) else ""
        except PeerError:
            pass
        async for event in self.oracle.summarize(view, request_id):
            yield event
        wanted = self.oracle.written[-1]
        assert isinstance(wanted, Answer)  # noqa: S101  # the oracle has just written it
        text = render(wanted.text)
        self._compare("summarizer", text, got, {"exact": got.strip() == text.strip()})

    def _compare(
        self,
        role: str,
        wanted: str,
        got: str,
        right: dict[str, bool],
        arguments: tuple[tuple[str, bool], ...] = (),
    ) -> None:
        self.comparisons.append(
            Comparison(
                role=role,
                own_names=self.oracle.scenario.toolset.own_names,
                wanted=wanted,
                got=got,
                right=right,
                arguments=arguments,
            )
        )


async def shadow(scenario: Scenario, harness: Harness) -> Iterable[Comparison]:
    """The comparison of every step of a scenario; there are none where the oracle cannot play it."""
    agent = ShadowAgent(Oracle(scenario), LaptopAgent(harness))
    try:
        await roll_out(scenario, agent)
    except UnseenError:
        return ()
    return agent.comparisons
