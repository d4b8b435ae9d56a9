"""The shadow: at each step of the oracle's session the models are asked, too, and what they would do is compared.

Every step is judged on a right history, so a figure is a role's own, and not that of the steps before it.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from umi_edge.caller import WrittenCall
from umi_edge.events import Event
from umi_edge.session import CallerPort, CloudPort
from umi_lab.closed_loop.model_cast import ModelCast, Models
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.performance import perform
from umi_lab.synthesis.scene import Scene
from umi_shared.errors import MalformedError
from umi_shared.handles import render
from umi_shared.released import Released
from umi_shared.transcript import Answer, AnswerDelta, Decision, Plan, PlanEvent, SummarizeEvent, View

__all__ = ["Comparison", "shadow", "stepwise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One step: what the oracle wrote and what the model would have."""

    role: str
    own_names: bool
    wanted: str
    got: str
    """Empty for an output that could not be read."""
    right: Mapping[str, bool]
    """By what is compared; only what applies to the step."""

    def as_json(self) -> dict[str, Any]:
        """One row."""
        return asdict(self)


@dataclass(slots=True)
class ShadowCast:
    """The oracle acts, and the models answer the same questions; implements both ports."""

    oracle: Oracle
    models: ModelCast
    comparisons: list[Comparison] = field(default_factory=list, repr=False)

    @property
    def cloud(self) -> CloudPort:
        """The shadow itself."""
        return self

    @property
    def caller(self) -> CallerPort:
        """The shadow itself."""
        return self

    def observe(self, event: Event) -> None:
        """Let the oracle see."""
        self.oracle.observe(event)

    async def warm(self, catalogue: Released[View]) -> None:
        """Let the caller begin."""
        await self.models.caller.warm(catalogue)

    async def prefill(self, view: View) -> None:
        """Let the caller read ahead."""
        await self.models.caller.prefill(view)

    async def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent]:
        """Compare the decision."""
        got = Decision(next="")  # type: ignore[arg-type]  # no decision at all
        try:
            async for event in self.models.cloud.plan(view, request_id):
                if isinstance(event, Decision):
                    got = event
        except MalformedError:
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
            written = await self.models.caller.call(view, schemas)
            got = (written.tool, written.arguments)
        except MalformedError:
            pass
        wanted = await self.oracle.call(view, schemas)
        right = {
            "tool": got[0] == wanted.tool,
            "exact": (got[0], json.loads(got[1])) == (wanted.tool, json.loads(wanted.arguments)),
        }
        self._compare("caller", wanted.tool + wanted.arguments, "".join(got), right)
        return wanted

    async def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[SummarizeEvent]:
        """Compare the answer."""
        got = ""
        try:
            async for event in self.models.cloud.summarize(view, request_id):
                got += event.text if isinstance(event, AnswerDelta) else ""
        except MalformedError:
            pass
        async for event in self.oracle.summarize(view, request_id):
            yield event
        wanted = self.oracle.written[-1]
        assert isinstance(wanted, Answer)  # noqa: S101  # the oracle has just written it
        text = render(wanted.text)
        self._compare("summarizer", text, got, {"exact": got.strip() == text.strip()})

    def _compare(self, role: str, wanted: str, got: str, right: dict[str, bool]) -> None:
        own = self.oracle.scene.stage.own_names
        self.comparisons.append(Comparison(role=role, own_names=own, wanted=wanted, got=got, right=right))


async def shadow(scenes: Iterable[Scene], models: Models) -> AsyncIterator[Comparison]:
    """Every step of the scenes that the oracle can play."""
    for scene in scenes:
        cast = ShadowCast(Oracle(scene), ModelCast(models))
        try:
            await perform(scene, cast)
        except UnseenError:
            continue
        for comparison in cast.comparisons:
            yield comparison


def stepwise(comparisons: Iterable[Comparison]) -> dict[str, tuple[int, int]]:
    """How many steps of how many are right, by role and by what is compared; then by whose names the tools bear."""
    counts: dict[str, tuple[int, int]] = {}
    for one in comparisons:
        for what, right in one.right.items():
            for group in ("", ", built-in names" if one.own_names else ", other names"):
                name = f"{one.role}: {what}{group}"
                part, whole = counts.get(name, (0, 0))
                counts[name] = (part + right, whole + 1)
    return dict(sorted(counts.items()))
