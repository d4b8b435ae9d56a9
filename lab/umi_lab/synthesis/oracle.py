"""The oracle: a planner, a caller and a summarizer that follow a script, for the real session to talk to."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.caller import WrittenCall
from umi_edge.labelling.text import LabelledText
from umi_edge.session.events import Event, Instructed
from umi_lab.synthesis.refusals import refusal_of
from umi_lab.synthesis.scenario import Scenario
from umi_lab.synthesis.script import Done, Ended, GiveUp, Script, ScriptContext, ToolResult, UnseenError, Use
from umi_shared.handles import parts_of, render
from umi_shared.labels import PLANNER
from umi_shared.released import Released
from umi_shared.transcript import (
    Answer,
    AnswerDelta,
    Call,
    Decision,
    Entry,
    Instruction,
    Next,
    Observation,
    Plan,
    PlanEvent,
    RationaleDelta,
    SummarizeEvent,
    Usage,
    View,
)

__all__ = ["Oracle", "UnseenError"]


@dataclass(slots=True)
class Oracle:
    """Plays all three roles of one scenario, and keeps what each wrote.

    Implements `CloudPort` and `CallerPort` of the session.
    """

    scenario: Scenario
    written: list[Entry] = field(default_factory=list, repr=False)
    """What the roles wrote, in order, before the policy kept any of it from the transcript."""
    view: View | None = field(default=None, repr=False)
    """The last view that was released to the planner or the summarizer."""
    _instructions: list[LabelledText] = field(default_factory=list, repr=False)
    _begun: int = 0
    """How many of the scenario's requests are begun."""
    _script: Script | None = field(default=None, repr=False)
    _next: Use | Done | GiveUp | None = None

    def observe(self, event: Event) -> None:
        """Take note of how the instruction was labelled."""
        if isinstance(event, Instructed):
            self._instructions.append(event.text)

    async def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent]:
        """The script's next step."""
        del request_id
        self.view = view.payload
        self._next = self._advance(view.payload)
        plan = self._plan_of(self._next)
        if plan.tool and plan.tool not in {card.name for card in view.payload.catalogue}:
            raise UnseenError("the tool's name holds a private word, as a contact called Mail makes it")
        self.written.append(plan)
        yield RationaleDelta(render(plan.rationale))
        yield Decision(plan.next, plan.tool)
        yield Usage()

    def _advance(self, view: View) -> Use | Done | GiveUp:
        try:
            if isinstance(view.entries[-1], Instruction):
                if self.written and isinstance(self.written[-1], Call):
                    raise UnseenError("the device ended the request before with a question of its own")
                tasks = (self.scenario.task, *self.scenario.task.then)
                self._begun += 1
                self._script = tasks[self._begun - 1].script(
                    ScriptContext(
                        tools=frozenset(self.scenario.toolset.tools),
                        seen=self.seen,
                        refusal=refusal_of(self.scenario.refuses),
                    )
                )
                return next(self._script)
            last = view.entries[-1]
            assert self._script is not None  # noqa: S101  # a session begins with an instruction
            assert isinstance(last, Observation)  # noqa: S101  # a session plans after the instruction and observations
            return self._script.send(ToolResult.of(last))
        except Ended as ended:
            return ended.end
        except StopIteration as returned:
            end: Done | GiveUp = returned.value
            return end

    def _plan_of(self, step: Use | Done | GiveUp) -> Plan:
        match step:
            case Use(tool, purpose):
                name = self.scenario.shown(tool)
                return Plan(parts_of(f"To {purpose}, use {name}."), Next.CALLER, name)
            case Done(because):
                return Plan(parts_of(because), Next.SUMMARIZER)
            case GiveUp(reason):
                return Plan(parts_of(reason), Next.GIVE_UP)

    async def warm(self, catalogue: Released[View]) -> None:
        """Nothing to load."""

    async def prefill(self, view: View) -> None:
        """Nothing to read ahead."""

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        """The script's call."""
        del view, schemas
        assert isinstance(self._next, Use)  # noqa: S101  # the session calls after a plan that says so
        tool = self.scenario.shown(self._next.tool)
        arguments = self.scenario.shown_arguments(self._next.tool, self._next.arguments)
        text = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
        self.written.append(Call(tool, parts_of(text)))
        return WrittenCall(tool=tool, arguments=text, usage=Usage())

    async def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[SummarizeEvent]:
        """The script's answer."""
        del request_id
        self.view = view.payload
        assert isinstance(self._next, Done)  # noqa: S101  # the planner said so
        self.written.append(Answer(parts_of(self._next.answer)))
        yield AnswerDelta(self._next.answer)
        yield Usage()

    @property
    def wrote_every_call(self) -> bool:
        """Whether the session's calls are those that were written here: the device may look something up by itself."""
        made, written = (
            [entry.tool for entry in entries if isinstance(entry, Call)]
            for entries in (self.view.entries if self.view else (), self.written)
        )
        return made == written

    def seen(self, piece: str) -> str:
        """A piece of an instruction as the planner sees it; raises `UnseenError` when a handle cuts across it."""
        for instruction in reversed(self._instructions):
            if piece in "".join(span.clear for span in instruction):
                return _seen_in(instruction, piece)
        raise UnseenError("no instruction holds the piece as it is")


def _seen_in(instruction: LabelledText, piece: str) -> str:
    start = "".join(span.clear for span in instruction).find(piece)
    end, at, shown = start + len(piece), 0, ""
    for span in instruction:
        first, last = max(start, at), min(end, at + len(span.clear))
        if first < last:
            whole = (first, last) == (at, at + len(span.clear))
            if span.label.may_read(PLANNER):
                shown += span.clear[first - at : last - at]
            elif whole:
                shown += render(span.masked)
            else:
                raise UnseenError("a handle cuts across the piece")
        at += len(span.clear)
    return shown
