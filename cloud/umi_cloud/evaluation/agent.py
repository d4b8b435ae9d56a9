"""An agent under static evaluation: the three roles on one engine, asked for one step of a recorded conversation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from umi_cloud.engines.errors import PromptTooLongError
from umi_cloud.evaluation.calling import call_text
from umi_cloud.model_role import RoleLimits
from umi_cloud.planner import Planner
from umi_cloud.summarizer import Summarizer
from umi_shared.dialects import Dialect
from umi_shared.engine import Engine
from umi_shared.errors import MalformedError
from umi_shared.handles import parts_of, render
from umi_shared.transcript import (
    Answer,
    AnswerDelta,
    Call,
    Decision,
    Next,
    Observation,
    Plan,
    RationaleDelta,
    Usage,
    View,
    with_text,
)

__all__ = ["Agent", "Written"]

T = TypeVar("T")

_SHORTER = (2000, 1000, 500, 250, 100, 25)
"""Characters that each result may keep, tried in this order where a prompt does not fit."""
_MAX_STRING = 480
"""The longest text of an argument whose schema sets no bound, in characters, as in the laptop's caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an agent wrote for a step."""

    plan: Plan | None = None
    """None where the planner's output held no decision."""
    then: Call | Answer | None = None
    usage: Usage = field(default_factory=Usage)
    cut: int = 0
    """Characters of results that did not fit the context, in the role that had the least room."""
    unanswered: int = 0
    """Roles whose prompt did not fit at all."""


@dataclass(slots=True)
class Agent:
    """Asks planner, then caller or summarizer, as the paper's inference does: on the planner's own words."""

    engine: Engine
    dialect: Dialect
    adapters: frozenset[str] = frozenset()
    limits: RoleLimits = field(default_factory=RoleLimits)

    async def step(self, view: View) -> Written:
        """Write the step after a view; output that cannot be read counts as nothing, as in the paper's scorer."""
        (plan, usage), cut, fits = await self._fitting(view, self._plan, (None, Usage()))
        written = Written(plan=plan, usage=usage, cut=cut, unanswered=not fits)
        if plan is None or plan.next is Next.GIVE_UP:
            return written
        act = self._call if plan.next is Next.CALLER else self._answer
        (then, usage), cut, fits = await self._fitting(
            replace(view, entries=(*view.entries, plan)), act, (None, Usage())
        )
        return Written(
            plan=plan,
            then=then,
            usage=written.usage + usage,
            cut=max(written.cut, cut),
            unanswered=not fits,
        )

    async def _fitting(self, view: View, ask: Callable[[View], Any], nothing: T) -> tuple[T, int, bool]:
        """What `ask` returns with as much of the results as fits, how many characters did not, and whether any did."""
        for length in (None, *_SHORTER):
            shorter, cut = (view, 0) if length is None else _shortened(view, length)
            try:
                return await ask(shorter), cut, True
            except PromptTooLongError:
                continue
        return nothing, 0, False

    async def _plan(self, view: View) -> tuple[Plan | None, Usage]:
        rationale, decision, usage = "", None, Usage()
        planner = Planner(self.engine, self.dialect, self._adapter("planner"), self.limits)
        try:
            async for event in planner.plan(view):
                match event:
                    case RationaleDelta(text):
                        rationale += text
                    case Decision():
                        decision = event
                    case Usage():
                        usage = event
        except MalformedError:
            return None, usage
        if decision is None:
            return None, usage
        return Plan(parts_of(rationale), decision.next, decision.tool), usage

    async def _call(self, view: View) -> tuple[Call | None, Usage]:
        schemas = {card.name: _closed(card.input_schema) for card in view.catalogue}
        text, usage = await call_text(self.engine, self.dialect, view, schemas, self._adapter("caller"))
        try:
            tool, arguments = self.dialect.read_call(text)
        except MalformedError:
            return None, usage
        return Call(tool, parts_of(arguments)), usage

    async def _answer(self, view: View) -> tuple[Answer | None, Usage]:
        text, usage = "", Usage()
        summarizer = Summarizer(self.engine, self.dialect, self._adapter("summarizer"), self.limits)
        try:
            async for event in summarizer.summarize(view):
                match event:
                    case AnswerDelta(piece):
                        text += piece
                    case Usage():
                        usage = event
        except MalformedError:
            return None, usage
        return Answer(parts_of(text)), usage

    def _adapter(self, role: str) -> str:
        return role if role in self.adapters else ""


def _shortened(view: View, length: int) -> tuple[View, int]:
    """The view with each result cut to a length, and how many characters that took away."""
    cut, entries = 0, []
    for entry in view.entries:
        text = render(entry.content) if isinstance(entry, Observation) else ""
        if len(text) > length:
            cut += len(text) - length
            entries.append(with_text(entry, parts_of(text[:length])))
        else:
            entries.append(entry)
    return replace(view, entries=tuple(entries)), cut


def _closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded tool's schema as a bound on what is written: only its own properties, and no endless text."""
    properties = {name: _bounded(child) for name, child in schema.get("properties", {}).items()}
    required = [name for name in schema.get("required", ()) if name in properties]
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _bounded(schema: Any) -> dict[str, Any]:
    kind = schema.get("type", "") if isinstance(schema, Mapping) else ""
    match kind:
        case "integer" | "number" | "boolean":
            return {"type": kind}
        case "array":
            return {"type": "array", "items": {"type": ["string", "number"]}, "maxItems": 16}
        case "object":
            return {"type": "object"}
        case _:
            bounds: dict[str, Any] = {"type": "string", "maxLength": _MAX_STRING}
            return {"enum": list(schema["enum"])} if "enum" in schema else bounds
