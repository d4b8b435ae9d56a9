"""The planner's turn: it says what is to be done next, while the caller reads along.

I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

from dataclasses import dataclass, field

from umi_edge.caller import whole_words
from umi_edge.egress.cloud_client import Restarted, Sent
from umi_edge.labelling.text import LabelledEntry
from umi_edge.session.draft import Draft
from umi_edge.session.events import Planned, PlanStarted, QuestionStreamed, RationaleStreamed, Retrying
from umi_edge.session.exchange import Exchange
from umi_edge.session.pending_question import may_ask
from umi_edge.session.read_ahead import ReadAhead
from umi_edge.session.rehydration import Rehydrator
from umi_shared.errors import MalformedError
from umi_shared.handles import parts_of
from umi_shared.labels import PLANNER
from umi_shared.transcript import Decision, Next, Plan, QuestionDelta, RationaleDelta, Usage, View

__all__ = ["PlannedStep", "PlannerTurn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """What the planner decided."""

    plan: Plan
    rationale: str = field(repr=False)
    """What it wrote, with handles."""
    draft: Draft | None = field(repr=False)
    question: str = field(repr=False)
    """What it asks the user, as it wrote it."""
    asked: str = field(repr=False)
    """The same as the user was shown it, with the real values."""


@dataclass(frozen=True, slots=True)
class PlannerTurn:
    """One decision of the planner."""

    exchange: Exchange
    ahead: ReadAhead

    async def planned(self, step: int) -> PlannedStep:
        """Have it decide what comes next. Raises `MalformedError`, `PrivacyError`, and what the way to it raises."""
        exchange, ahead = self.exchange, self.ahead
        exchange.observe(PlanStarted(step))
        view, shown = exchange.released(PLANNER), exchange.shown_to(PLANNER)
        rationale, decision, usage = "", None, Usage()
        question, asked, rehydrator = "", "", Rehydrator(exchange.labeller.vault)
        ahead.know(view.payload)
        async for event in exchange.cloud.plan(view, exchange.new_id()):
            match event:
                case Sent():
                    exchange.sent(event, PLANNER)
                case Restarted(attempt):
                    rationale, decision = "", None
                    question, asked, rehydrator = "", "", Rehydrator(exchange.labeller.vault)
                    ahead.know(view.payload)
                    exchange.observe(Retrying(attempt))
                case RationaleDelta(text):
                    rationale += text
                    ahead.know(_with_plan(view.payload, rationale))
                    exchange.observe(RationaleStreamed(text))
                case QuestionDelta(text):
                    question += text
                    asked += self._streamed(rehydrator.feed(text))
                case Decision():
                    decision = self._sound(event)
                    (ahead.end if decision.next is Next.CALLER else ahead.drop)()
                case Usage():
                    usage = event
        if decision is None:
            raise MalformedError("the planner ended without a decision")
        if decision.next is Next.ASK_USER:
            if not may_ask(exchange.calls.entries) or not question.strip():
                raise MalformedError("the planner asks the user nothing, or more often than it may")
            asked += self._streamed(rehydrator.finish())
        labelled = exchange.wrote(rationale, shown)
        plan = Plan((), decision.next, decision.tool)
        entry = LabelledEntry(plan, labelled)
        exchange.calls.entries.append(entry)
        exchange.totals.planner += usage
        exchange.observe(Planned(step=step, rationale=labelled, next=plan.next, tool=plan.tool, usage=usage))
        return PlannedStep(
            plan=plan,
            rationale="".join(str(part) for span in labelled for part in span.seen_by(PLANNER)),
            draft=self._draft(decision, rationale),
            question=question,
            asked=asked,
        )

    def _streamed(self, piece: str) -> str:
        if piece:
            self.exchange.observe(QuestionStreamed(piece))
        return piece

    def _draft(self, decision: Decision, rationale: str) -> Draft | None:
        """What the plan would have its tool given, unchecked."""
        schemas = {card.name: card.input_schema for card, _ in self.exchange.told.cards}
        if decision.tool not in schemas:
            return None
        return Draft.of(decision.draft, rationale, decision.tool, schemas[decision.tool], schemas)

    def _sound(self, decision: Decision) -> Decision:
        """The decision, once it names no tool outside the catalogue that the cloud was shown (I6)."""
        if decision.tool and decision.tool not in {card.name for card, _ in self.exchange.told.cards}:
            raise MalformedError("the planner names a tool that is not in the catalogue")
        return decision


def _with_plan(view: View, rationale: str) -> View:
    """The view with what the planner has said so far: a guess at what a caller of handles will see, for it alone.

    Before the tool is fixed no caller sees more than that. A rationale that ends with a tool's name may be the
    whole plan, and is taken for it.
    """
    end = rationale.rpartition(" ")[2]
    named = end.endswith(".") and end[:-1] in {card.name for card in view.catalogue}
    said = parts_of(rationale if named else whole_words(rationale))
    plan = Plan(said, Next.CALLER, end[:-1] if named else "")
    return View(catalogue=view.catalogue, entries=(*view.entries, plan))
