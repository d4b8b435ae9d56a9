"""A single-model agent: one adapter in one context writes plans, calls and answers, in this process.

It is what the paper compares with. Its one sequence reads each word of a session once, and nothing of it passes a
wire; the session around it (policy, labels, tools) is the same. The umi dialect's roles share one transcript, so what
a role wrote is read already when the next one's turn comes.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from umi_cloud.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from umi_cloud.evaluation.calling import call_text
from umi_cloud.planner import Planner
from umi_cloud.summarizer import Summarizer
from umi_edge.caller import WrittenCall
from umi_edge.session.events import Event, Planned
from umi_edge.session.session import Session
from umi_lab.synthesis.rollout import Environment, plain_session
from umi_shared.dialects import Dialect, dialect_named
from umi_shared.errors import MalformedError
from umi_shared.released import Released
from umi_shared.transcript import PlanEvent, SummarizeEvent, View

__all__ = ["SingleAgent", "SingleModel", "open_single_model"]

_ADAPTER = "single"


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleModel:
    """The model, for session after session; implements `CloudPort` and `CallerPort`."""

    engine: LlamaCppEngine
    dialect: Dialect
    adapter: str

    def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent]:
        """One decision."""
        del request_id
        return Planner(self.engine, self.dialect, self.adapter).plan(view.payload)

    def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[SummarizeEvent]:
        """One answer."""
        del request_id
        return Summarizer(self.engine, self.dialect, self.adapter).summarize(view.payload)

    async def warm(self, catalogue: Released[View]) -> None:
        """Nothing: the first plan's prompt begins with it."""

    async def prefill(self, view: View) -> None:
        """Nothing: the plan is written in the very context that the call is written in."""

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """One call, under the grammar that the laptop's caller writes under."""
        text, usage = await call_text(self.engine, self.dialect, view, schemas, self.adapter)
        tool, arguments = self.dialect.read_call(text)
        if tool not in schemas:
            raise MalformedError("the caller names a tool that is not in the catalogue")
        return WrittenCall(tool=tool, arguments=arguments, usage=usage)


@dataclass(slots=True)
class SingleAgent:
    """The single model in one session; implements `ModelAgent`."""

    agent: SingleModel
    plans: list[Planned] = field(default_factory=list, repr=False)

    @asynccontextmanager
    async def session(self, environment: Environment) -> AsyncIterator[Session]:
        """A session without a wire."""
        yield plain_session(environment, cloud=self.agent, caller=self.agent, observe=self._observe)

    def _observe(self, event: Event) -> None:
        if isinstance(event, Planned):
            self.plans.append(event)


@asynccontextmanager
async def open_single_model(
    model: Path, adapter: Path | None, *, dialect: str, threads: int, context_tokens: int = 4096
) -> AsyncIterator[SingleModel]:
    """Load the model and, if there is one, the adapter. Raises `ModelError` for a file that does not load."""
    adapters = {_ADAPTER: adapter} if adapter else {}
    options = LlamaCppOptions(threads=threads, sequences_per_adapter=1, context_tokens=context_tokens)
    engine = LlamaCppEngine.load(model, adapters, options)
    try:
        yield SingleModel(engine=engine, dialect=dialect_named(dialect), adapter=_ADAPTER if adapter else "")
    finally:
        await engine.close()
