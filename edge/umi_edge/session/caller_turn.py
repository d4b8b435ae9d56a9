"""The caller's turn: a planned call is written, held against the user's words, labelled, and made.

I2: docs/design.md#i2-fail-closed
I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from umi_edge.caller import WrittenCall
from umi_edge.labelling.labeller import LabelledArguments
from umi_edge.labelling.text import DEVICE, LabelledEntry
from umi_edge.labelling.tool_cards import declared_names
from umi_edge.labelling.vault import UnknownHandleError
from umi_edge.session.addressing import Addressing
from umi_edge.session.argument_refusal import ArgumentRefusal, refusal_of
from umi_edge.session.call_writer import CallWriter
from umi_edge.session.clearing import Clearing
from umi_edge.session.draft import Draft
from umi_edge.session.events import CallWritten
from umi_edge.session.exchange import Exchange
from umi_edge.session.item_finder import ItemFinder, with_plan_last
from umi_edge.session.ports import CallerPort
from umi_edge.session.ready_call import ReadyCall, WaitingCall
from umi_edge.session.rehydration import resolve
from umi_edge.session.time_arguments import SpokenTimes, Timed
from umi_edge.session.writing_rules import Held, WritingRules
from umi_edge.tools import FailureKind
from umi_edge.values.time_words import TimePhrases
from umi_shared.errors import MalformedError
from umi_shared.labels import PLANNER, PUBLIC, Integrity, Label
from umi_shared.transcript import Call, Observation, Plan, Usage

__all__ = ["CallerTurn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerTurn:
    """Of one session, as it is at one step."""

    exchange: Exchange
    caller: CallerPort = field(repr=False)
    clearing: Clearing = field(repr=False)
    phrases: TimePhrases = field(repr=False)
    """How the user's words for days and times are read."""
    lost_at: int
    """The entry of a question whose call a saved conversation has lost; -1 where there is none."""

    async def carry_out(self, plan: Plan, draft: Draft | None) -> None:
        """Have the planned call written, and make it. Raises `PrivacyError`, and what asks the user back."""
        exchange, rules = self.exchange, self._rules
        sees = rules.reader(plan.tool)
        unseen = sees == DEVICE
        finder = ItemFinder(
            exchange=exchange, clearing=self.clearing, phrases=self.phrases, make=self._look_up
        )
        held: Held | None = {} if unseen else await finder.held(plan.tool)
        if held is None:
            return  # there is no such thing: the planner has seen that, and plans anew
        view, shown = with_plan_last(exchange.view_of(sees).payload), exchange.shown_to(sees)
        times = None if unseen else SpokenTimes.of(view, self.phrases)
        schemas = rules.schemas(view, plan.tool, times, held)
        checked = rules.checked(draft, view, plan.tool, times, held)
        writer = CallWriter(
            caller=self.caller,
            rules=rules,
            entries=exchange.calls.entries,
            totals=exchange.totals,
            times=times,
        )
        try:
            written, timed = await writer.write(view, schemas, checked)
            if not unseen:
                addressed = await self._addressing.addressed(written, timed, self._look_up)
                if addressed is None:
                    return  # whoever plans has just seen who was found, and plans anew
                if addressed.timed is not timed:
                    shown, checked = exchange.shown_to(sees), None
                written, timed = addressed
            refusal = self._refusal(written.tool, timed.arguments)
            if refusal is not None and (refusal.public or self._may_hide(written.tool)):
                if not refusal.public:
                    shown, unseen = shown.join(exchange.labeller.quoted(timed.arguments)), True
                told = refusal.told(view, written.tool, written.arguments)
                same = rules.schemas(view, written.tool, times)
                checked = None
                written, timed = await writer.write_again(told, same, hidden=not refusal.public)
            ready = ReadyCall(
                written=written,
                timed=timed,
                shown=shown,
                unseen=unseen,
                planned=bool(plan.tool),
                draft=draft,
                checked=checked,
            )
            ready = self.clearing.cleared(ready, self.lost_at)
            labelled = self._labelled(ready)
        except (MalformedError, UnknownHandleError) as error:
            self._failed_to_write(plan.tool, error, shown if unseen else PUBLIC)
            return
        await self._make(ready, labelled)
        if not unseen and (title := await finder.title_meant(plan.tool)) is not None:
            ready = replace(ready, timed=replace(ready.timed, arguments={**ready.timed.arguments, **title}))
            ready = self.clearing.cleared(ready, self.lost_at)
            await self._make(ready, self._labelled(ready))

    async def settle(self, waiting: WaitingCall, reply: str) -> None:
        """Make the call that waits for the user's choice, where their reply makes one; else it is planned anew."""
        # It shows which one is meant, or that the reply means none of them.
        self.exchange.labeller.shapes.chosen(waiting.call.tool, len(waiting.choice.items) + 1)
        if (arguments := waiting.settled(reply, self.clearing.read)) is None:
            return
        timed = Timed(arguments=arguments, said=waiting.call.timed.said)
        try:
            ready = replace(waiting.call, timed=timed)
            ready = self.clearing.cleared(ready, self.lost_at, settled=waiting.choice)
            labelled = self._labelled(ready)
        except (MalformedError, UnknownHandleError):
            return  # what was put in makes no call
        await self._make(ready, labelled)

    async def _look_up(self, tool: str, timed: Timed) -> None:
        """Make a search that the plan left out, as whoever plans would have: a call like any other."""
        arguments = json.dumps(timed.arguments, ensure_ascii=False)
        ready = ReadyCall(
            written=WrittenCall(tool=tool, arguments=arguments, usage=Usage()),
            timed=timed,
            shown=self.exchange.shown_to(PLANNER),
            unseen=False,
            planned=True,
            draft=None,
            checked=None,
        )
        await self._make(ready, self._labelled(ready))

    @property
    def _addressing(self) -> Addressing:
        calls = self.exchange.calls
        return Addressing(
            catalogue=calls.catalogue,
            told=frozenset(card.name for card, _ in self.exchange.told.cards),
            labeller=self.exchange.labeller,
            entries=calls.entries,
        )

    @property
    def _rules(self) -> WritingRules:
        return WritingRules(self.exchange.calls.catalogue, self.exchange.labeller)

    def _labelled(self, ready: ReadyCall) -> LabelledArguments:
        return self.exchange.labeller.arguments(
            ready.tool,
            ready.timed.arguments,
            ready.shown,
            names=declared_names(self.exchange.calls.catalogue[ready.tool].input_schema),
            values_seen=ready.unseen,
            drafted=ready.planners_words,
        )

    async def _make(self, ready: ReadyCall, labelled: LabelledArguments) -> None:
        calls, written = self.exchange.calls, ready.written
        self.exchange.totals.ahead_tokens += written.ahead_tokens
        calls.entries.append(LabelledEntry(Call(written.tool, (), ready.draft_use), labelled.text))
        calls.public.allow_clear(labelled.text)
        self.exchange.observe(
            CallWritten(
                tool=written.tool,
                arguments=labelled.text,
                usage=written.usage,
                ahead_tokens=written.ahead_tokens,
                drafted=ready.drafted,
            )
        )
        calls.notes += [note for note in ready.timed.notes if note not in calls.notes]
        before = len(calls.entries)
        try:
            await calls.make(
                written.tool,
                ready.timed,
                labelled,
                ready.seen,
                planned=ready.planned,
                drafted=ready.drafted,
            )
        finally:
            if len(calls.entries) == before:  # every call has its observation, whatever came between
                calls.entries.append(LabelledEntry(Observation(written.tool, (), "interrupted"), ()))

    def _refusal(self, name: str, arguments: Mapping[str, Any]) -> ArgumentRefusal | None:
        """What the tool's own schema says against the values of these arguments. Raises `UnknownHandleError`."""
        labeller = self.exchange.labeller
        card = next(card for card, _ in self.exchange.told.cards if card.name == name)
        resolved = resolve(arguments, labeller.vault)
        return refusal_of(
            self.exchange.calls.catalogue[name], card, labeller.keeper.scanner, arguments, resolved
        )

    def _may_hide(self, name: str) -> bool:
        """Whether it may show that a call was written again for a reason that stays: a failure, charged as one."""
        labeller = self.exchange.labeller
        if labeller.hides_shape(name):
            return False
        labeller.shapes.failed(name, FailureKind.INVALID_ARGUMENTS)
        return True

    def _failed_to_write(self, tool: str, error: Exception, seen: Label) -> None:
        """The caller wrote no call that can be made; the planner learns of it as of any failure.

        `seen` is what the caller has seen beside handles: where that stays, this must look like any call.
        """
        calls = self.exchange.calls
        kind = "unknown-handle" if isinstance(error, UnknownHandleError) else "invalid-call"
        written = seen.with_integrity(Integrity.UNTRUSTED)
        text = () if seen.public else calls.labeller.unseen(tool, None, written)
        calls.entries.append(LabelledEntry(Call(tool, ()), text))
        calls.refuse(tool, kind, (str(error),), {}, seen)
