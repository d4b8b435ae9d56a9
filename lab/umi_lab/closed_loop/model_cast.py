"""The real models in the roles: the server's planner and summarizer on llama.cpp, and the laptop's caller."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from umi_cloud.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from umi_cloud.planner import Planner
from umi_cloud.summarizer import Summarizer
from umi_edge.caller import Caller, CallerConfig
from umi_edge.events import Event, Planned
from umi_edge.session import CallerPort, CloudPort
from umi_shared.dialects import dialect_named
from umi_shared.released import Released
from umi_shared.transcript import PlanEvent, SummarizeEvent, View

__all__ = ["Models", "ModelCast", "open_models"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The planner and the summarizer, and the caller; loaded once for many sessions."""

    planner: Planner
    summarizer: Summarizer
    caller: Caller


@dataclass(slots=True)
class ModelCast:
    """The models in one session; implements `CloudPort` in this process, without the wire."""

    models: Models
    plans: list[Planned] = field(default_factory=list, repr=False)

    @property
    def cloud(self) -> CloudPort:
        """Planner and summarizer."""
        return self

    @property
    def caller(self) -> CallerPort:
        """The caller."""
        return self.models.caller

    def observe(self, event: Event) -> None:
        """Keep the plans, for the record."""
        if isinstance(event, Planned):
            self.plans.append(event)

    def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent]:
        """One decision of the real planner."""
        del request_id
        return self.models.planner.Plan(view.payload)

    def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[SummarizeEvent]:
        """One answer of the real summarizer."""
        del request_id
        return self.models.summarizer.Summarize(view.payload)


@asynccontextmanager
async def open_models(
    model: Path, adapters: Mapping[str, Path], *, dialect: str = "umi", threads: int = 0
) -> AsyncIterator[Models]:
    """Load one GGUF with the adapters of `planner`, `caller` and `summarizer`; any may be missing."""
    language = dialect_named(dialect)
    cloud = {role: path for role, path in adapters.items() if role != "caller"}
    options = LlamaCppOptions(threads=threads, sequences_per_adapter=1)
    engine = await asyncio.to_thread(LlamaCppEngine.load, model, cloud, options)
    config = CallerConfig(model=model, adapter=adapters.get("caller"), threads=threads)
    caller = await Caller.open(config, language)
    try:
        yield Models(
            planner=Planner(engine, language, "planner" if "planner" in cloud else ""),
            summarizer=Summarizer(engine, language, "summarizer" if "summarizer" in cloud else ""),
            caller=caller,
        )
    finally:
        await caller.close()
        await engine.close()
