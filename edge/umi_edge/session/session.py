"""The session: plan, call, check, execute, label, again; then the answer (docs/design.md#one-step).

I2: docs/design.md#i2-fail-closed
I6: docs/design.md#i6-cloud-text-is-untrusted-input
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import json
import math
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime
from typing import Any

from umi_edge.caller import HandleRule, WrittenCall, call_schemas, whole_words
from umi_edge.egress.cloud_client import Restarted, Sent, UnapprovedError
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.approved_cards import NONE_APPROVED, ApprovedCards
from umi_edge.labelling.gazetteers import Gazetteers
from umi_edge.labelling.labeller import LabelledArguments, Labeller
from umi_edge.labelling.release import LabelledCard, release
from umi_edge.labelling.text import DEVICE, LabelledEntry, LabelledText, constant
from umi_edge.labelling.tool_cards import Unapproved, Withheld, declared_names, labelled_cards
from umi_edge.labelling.vault import INSTRUCTION, Kept, Origin, Source, UnknownHandleError
from umi_edge.policy import Allowed, Ask, Denied, Policy, Scanner, Verdict, check_call
from umi_edge.policy.checks import LOOSE_TYPES, leaves_device, may_write
from umi_edge.policy.document import ClockWord, RelationsWord, UnknownNames
from umi_edge.records import Records
from umi_edge.session.argument_refusal import ArgumentRefusal, refusal_of
from umi_edge.session.call_host import SessionCallHost
from umi_edge.session.clock import clock_entry, local_now
from umi_edge.session.consent import Consent, ConsentRequest, Provenance
from umi_edge.session.draft import CheckedDraft, Draft
from umi_edge.session.events import (
    Action,
    Answered,
    AnswerStarted,
    AnswerStreamed,
    Asked,
    AskedUser,
    CallWritten,
    ClockTold,
    Ended,
    Ending,
    Event,
    GaveUp,
    Instructed,
    Observed,
    Planned,
    PlanStarted,
    QuestionStreamed,
    RationaleStreamed,
    Refused,
    Replied,
    Retrying,
    Stopped,
)
from umi_edge.session.noes import Noes
from umi_edge.session.ports import CallerPort, CloudPort
from umi_edge.session.provenance import History
from umi_edge.session.public_text import PublicText
from umi_edge.session.read_ahead import ReadAhead, reading_ahead
from umi_edge.session.read_out import read_from, read_out
from umi_edge.session.record_keeping import RecordKeeping
from umi_edge.session.recording import Observer
from umi_edge.session.rehydration import Rehydrator, resolve, without
from umi_edge.session.relations import compared, relations_of
from umi_edge.session.replies import MOST_QUESTIONS, NoReplies, Replies
from umi_edge.session.snapshot import Snapshot
from umi_edge.session.time_arguments import SpokenTimes, Timed, UnclearTimeError, time_kinds
from umi_edge.session.totals import Totals
from umi_edge.session.unknown_names import about_to_leave, question_of, with_names_kept
from umi_edge.session.unread_note import unread_note
from umi_edge.session.written_arguments import read_arguments
from umi_edge.tools import Catalogue, Failed, FailureKind, Lost, Outcome, RunLimits, Succeeded, run_tool
from umi_edge.values.time_words import TimePhrases
from umi_shared.errors import MalformedError, PrivacyError, UmiError
from umi_shared.handles import HANDLE_TYPE_PATTERN, Handle, escape, parts_of
from umi_shared.labels import PLANNER, PUBLIC, SUMMARIZER, Integrity, Label, Sink, join_all
from umi_shared.released import Released
from umi_shared.transcript import (
    Answer,
    AnswerDelta,
    Call,
    Clock,
    Decision,
    DraftUse,
    Instruction,
    Next,
    Observation,
    Plan,
    QuestionDelta,
    RationaleDelta,
    Relation,
    Usage,
    View,
)

__all__ = ["Connect", "Session"]

Connect = Callable[[EgressGuard], CloudPort]
"""Makes the way to the planner and the summarizer; every message goes through the guard that it is given."""


_WHICH_DAY = "Which day or time do you mean?"


class _SaidNoTwiceError(Exception):
    """The user's second no: whoever goes on asking is not to get a third try."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One conversation with one vault. `ask` may be called again: what came before stays in the transcript.

    Labeller, vault, guard and cloud are made here, of one policy and for each other, so that they cannot be mixed: a
    guard that looked for another vault's values would find none of this one's, and let them through in silence.

    Cancelling `ask` at any point leaves nothing half-done but the tool call that was running, which the record
    then shows as interrupted. A tool is executed once for each call the caller wrote: retries repeat messages,
    never calls.
    """

    policy: InitVar[Policy]
    catalogue: Catalogue
    """The tools, their sources and hints."""
    gazetteers: InitVar[Mapping[str, Sequence[str]]]
    """The values of detectors that read them from tools, by the rule of each."""
    caller: CallerPort
    connect: InitVar[Connect]
    consent: Consent
    name: str = field(default="", repr=False)
    """The word under which the ledger has its messages."""
    new_id: Callable[[], str] = field(default=lambda: secrets.token_hex(8))
    """Request ids; random, or a counter where runs must be comparable."""
    observer: InitVar[Observer] = lambda _: lambda _: None
    """Makes the function that is told of each event; it is given the vault, to show the user their own values."""
    hash_key: InitVar[bytes] = b""
    """The key of `show: hash`; without one, hashes differ from session to session."""
    guarded_by: InitVar[type[EgressGuard]] = EgressGuard
    names_lost: tuple[str, ...] = field(default=(), repr=False)
    """What of the gazetteers could not be read, and the policy does without; for the user's eyes."""
    read_gazetteers: Callable[[], Awaitable[Gazetteers]] | None = field(default=None, repr=False)
    """Reads them again, before each instruction."""
    records: Records = field(default_factory=Records.of_session, repr=False)
    """What umi has written into the user's stores, in this session and before."""
    approved: InitVar[ApprovedCards] = NONE_APPROVED
    """What the user lets the cloud read of foreign tools."""
    replies: Replies = field(default_factory=NoReplies)
    """Who replies when the planner asks the user something, or this device does."""
    labeller: Labeller = field(init=False)
    guard: EgressGuard = field(init=False)
    cloud: CloudPort = field(init=False)
    observe: Callable[[Event], None] = field(init=False)
    totals: Totals = field(default_factory=Totals, init=False)
    record: list[Action] = field(default_factory=list, init=False)
    cards: tuple[LabelledCard, ...] = field(init=False)
    """The tools as the cloud is told of them."""
    withheld: tuple[Withheld, ...] = field(init=False)
    """Tools that the cloud is not told of."""
    unapproved: tuple[Unapproved, ...] = field(init=False)
    """Tools of which the cloud is told the outline only."""
    now: Callable[[], datetime] = local_now
    """The clock; its zone is the user's."""
    locale: str = field(default="", repr=False)
    """How the user writes days in figures, such as `en_GB`; empty where that is not known."""
    _entries: list[LabelledEntry] = field(default_factory=list, repr=False, init=False)
    _catalogue: Released[View] = field(init=False, repr=False)
    """What the planner is shown of the tools, and nothing else."""
    _told_now: datetime = field(default_factory=local_now, init=False, repr=False)
    """When the user asked: what they say of days and times counts from then."""
    _caller_is_warm: bool = field(default=False, init=False)
    _public: PublicText = field(init=False, repr=False)
    _busy: bool = field(default=False, init=False, repr=False)
    _names: Mapping[str, Sequence[str]] = field(init=False, repr=False)
    _noes: Noes = field(default_factory=Noes, init=False, repr=False)
    _let_go: set[str] = field(default_factory=set, init=False, repr=False)
    """Unknown names that the user has let leave."""
    _unread: dict[str, tuple[Lost, ...]] = field(default_factory=dict, init=False, repr=False)
    """What the tools of this instruction say that they could not read, by the tool."""

    def __post_init__(
        self,
        policy: Policy,
        gazetteers: Mapping[str, Sequence[str]],
        connect: Connect,
        observer: Observer,
        hash_key: bytes,
        guarded_by: type[EgressGuard],
        approved: ApprovedCards,
    ) -> None:
        self._names = gazetteers
        sources = {tool.name: tool.source for tool in self.catalogue}
        self.labeller = Labeller.fresh(policy, Scanner.of(policy, gazetteers), sources, hash_key=hash_key)
        self.guard = guarded_by(self.labeller.vault)
        self.cloud = connect(self.guard)
        self.observe = observer(self.labeller.vault)
        cards = labelled_cards(self.catalogue, self.labeller, approved)
        self.cards, self.withheld, self.unapproved = cards.told, cards.withheld, cards.unapproved
        self.labeller.result_names = cards.result_names
        self._catalogue = release(self.cards, (), PLANNER)
        self._public = PublicText(self.guard)
        self._public.allow_catalogue(
            self.cards, [tool.name for tool in self.catalogue], policy, cards.result_names
        )

    @property
    def _keeping(self) -> RecordKeeping:
        return RecordKeeping(self.labeller.policy, self.records)

    def snapshot(self) -> Snapshot:
        """The session as it is now. Between two instructions it is all that `resume` needs."""
        return Snapshot(
            kept=tuple(self.labeller.vault),
            entries=tuple(self._entries),
            read_by=dict(self._public.read_by),
            declassified=dict(self.labeller.keeper.declassified.charged),
            shapes=dict(self.labeller.shapes.charged),
            record=tuple(self.record),
        )

    def resume(self, snapshot: Snapshot) -> None:
        """Go on, as a fresh session, from a snapshot that was taken under the same policy and tools.

        Raises `ValueError` where its values do not fit those that this session keeps already.
        """
        self.labeller.vault.restore(snapshot.kept)
        self.labeller.keeper.declassified.restore(snapshot.declassified)
        self.labeller.shapes.restore(snapshot.shapes)
        self.record += snapshot.record
        self._entries = list(snapshot.entries)
        self._noes = Noes.in_transcript(self._entries)
        for entry in self._entries:
            own = isinstance(entry.template, Observation)
            (self._public.allow_explicit if own else self._public.allow_clear)(entry.text)
        for sink, count in snapshot.read_by.items():
            self._public.has_read(sink, self._entries[:count])

    def take_over(
        self, said: Sequence[tuple[bool, str]], *, known: Iterable[Kept] = (), quoted: Iterable[str] = ()
    ) -> None:
        """Go on with a conversation that this session has not seen: what was said, each with whether the user did.

        What an assistant said is taken for private as a whole, and so is what is `quoted` of other conversations
        wherever it stands. `known` are values that other sessions keep.
        """
        for chat in quoted:
            self.labeller.past_answer(chat)
        for kept in known:
            if not kept.label.visible:
                self.labeller.vault.conceal(kept.value, label=kept.label, origin=kept.origin)
                continue
            self.labeller.vault.keep(
                kept.value, type=kept.handle.type, label=kept.label, origin=kept.origin, link=kept.linked
            )
        for by_user, words in said:
            text = self._past_instruction(words) if by_user else self.labeller.past_answer(words)
            self._public.allow_clear(text)
            self._entries.append(LabelledEntry(Instruction(()) if by_user else Answer(()), text))

    def _past_instruction(self, words: str) -> LabelledText:
        text = self.labeller.instruction(words)
        names = self._unknown(text)
        return with_names_kept(text, names, self.labeller.vault, INSTRUCTION) if names else text

    async def ask(self, instruction: str) -> Ending:
        """Carry out one instruction; everything on the way goes to `observe`.

        Raises `PrivacyError` before a byte is sent, `TransportError`, `PeerError`, `ModelError`; and `RuntimeError`
        while another instruction of this session is being carried out. Any other exception stops the session as a
        `PrivacyError` that names its type only: its text, and the exceptions that it came from, may hold values (I8).
        """
        if self._busy:  # the two would read each other's half-written steps
            raise RuntimeError(
                "a session carries out one instruction at a time: wait for the other, or open a session"
            )
        fault = ""
        self._busy = True
        try:
            return await self._carry_through(instruction)
        except (UmiError, BrokenPipeError):
            raise
        except Exception as error:
            fault = type(error).__name__
        finally:
            self._busy = False
        raise PrivacyError(  # outside of the handler, so that it has no `__context__`
            f"something in umi, the policy or a plug-in failed ({fault}); nothing more was sent",
            fix="try again; if it stays so, please report it",
        )

    async def _look_up_names(self) -> None:
        """Take the names that the user's tools have now. Raises `PrivacyError` where they have lost some."""
        if self.read_gazetteers is None:
            return
        now = await self.read_gazetteers()
        if now.values != self._names:
            self.labeller.keeper.scanner = Scanner.of(self.labeller.policy, now.values)
        self._names, self.names_lost = now.values, now.notices

    async def _carry_through(self, instruction: str) -> Ending:
        await self._look_up_names()
        self._unread.clear()
        self._tell_clock()
        text = self.labeller.instruction(instruction)
        await self._take_words(text)
        self.observe(Instructed(text))
        try:
            ending = await self._steps_and_questions()
        except UnapprovedError as error:
            ending = Stopped(f"{error.message}; {error.fix}")
        except _SaidNoTwiceError:
            ending = Stopped("you said no for the second time in this session")
        self.observe(Ended(ending))
        return ending

    async def _take_words(self, text: LabelledText) -> None:
        """Put what the user typed into the transcript. Raises `PrivacyError` where names in it are to stay."""
        names = self._unknown(text)
        if names and not await self.consent.approve(question_of(names, instruction=True)):
            raise PrivacyError(
                "names that no detector knows are in the instruction, and you did not let them leave; nothing was sent",
                fix="put them into your contacts, or into `detect` of the policy: then they stay",
            )
        self._let_go |= set(names)
        self._public.allow_clear(text)
        self._entries.append(LabelledEntry(Instruction(()), text))

    async def _steps_and_questions(self) -> Ending:
        """The steps; and again once the user has replied to this device's own question of a day or a time."""
        for _ in range(MOST_QUESTIONS):
            try:
                return await self._steps()
            except UnclearTimeError as error:
                answered = self._ask_back(str(error))
            reply = (await self.replies.reply(answered.answer)).strip()
            if not reply:
                return answered
            text = self.labeller.instruction(reply)
            await self._take_words(text)
            self.observe(Replied(text))
        try:
            return await self._steps()
        except UnclearTimeError as error:
            return self._ask_back(str(error))

    @property
    def _may_ask(self) -> bool:
        """Whether the planner has questions left in this session."""
        asked = [one for one in self._entries if isinstance(one.template, Plan)]
        return sum(one.template.next is Next.ASK_USER for one in asked) < MOST_QUESTIONS  # type: ignore[union-attr]

    async def _ask_user(self, question: str, shown: str) -> AskedUser | None:
        """Ask what the planner asks, `question`, which the user has been shown; how it ends where nobody replies.

        The reply is the user's own words, as an instruction is, and what of it leaves is counted: the planner had them
        say it.
        """
        label = self._shown_to(PLANNER)
        self._entries.append(LabelledEntry(Answer(()), self._model_text(question, label)))
        reply = (await self.replies.reply(shown)).strip()
        if not reply:
            return AskedUser(shown)
        text = self.labeller.reply(reply, shown)
        self.labeller.shapes.replied("".join(span.clear for span in text if span.label.may_read(PLANNER)))
        await self._take_words(text)
        self.observe(Replied(text))
        return None

    def _unknown(self, text: LabelledText) -> tuple[str, ...]:
        """The names that the user must be asked about before this text leaves."""
        if self.labeller.policy.unknown_names is not UnknownNames.ASK:
            return ()
        return tuple(name for name in about_to_leave(text) if name not in self._let_go)

    async def _without_refused_names(self, text: LabelledText, tool: str) -> LabelledText:
        """A result's text, without the names that nobody knows and the user keeps here."""
        names = self._unknown(text)
        if not names:
            return text
        if await self.consent.approve(question_of(names, instruction=False)):
            self._let_go |= set(names)
            return text
        return with_names_kept(text, names, self.labeller.vault, Origin(Source.RESULT, tool))

    def _ask_back(self, question: str) -> Answered:
        """End the instruction with a question of the device's own; nothing was done for the plan that led to it."""
        hidden = self.labeller.policy.clock is ClockWord.HIDDEN  # the readings tell what day it is
        text = (constant(escape(_WHICH_DAY if hidden else question), "asked by this device"),)
        self._public.allow_clear(text)
        self._entries.append(LabelledEntry(Answer(()), text))
        self.observe(AnswerStarted())
        return Answered(self._stream_answer(question))

    def _tell_clock(self) -> None:
        """Tell the models what of now the policy lets out, unless that is what they were told last."""
        self._told_now = self.now()
        entry = clock_entry(self._told_now, self.labeller.policy)
        told = [one for one in self._entries if isinstance(one.template, Clock)]
        if entry is None or (told and told[-1].text == entry.text):
            return
        self._public.allow_clear(entry.text)
        self._entries.append(entry)
        self.observe(ClockTold(entry.text))

    async def _steps(self) -> Ending:
        limit = self.labeller.policy.limits.steps
        for step in range(1, limit + 1):
            async with reading_ahead(self._warm_caller, self.caller.prefill) as ahead:
                plan, draft, question = await self._plan(step, ahead)
                self.totals.steps += 1
                match plan.next:
                    case Next.ASK_USER:
                        if (ending := await self._ask_user(*question)) is not None:
                            return ending
                    case Next.SUMMARIZER:
                        return await self._answer()
                    case Next.GIVE_UP:
                        return GaveUp(self._spoken(plan))
                    case Next.CALLER:
                        await self._carry_out(plan, draft)
        return Stopped(f"{limit} steps were not enough (`limits.steps` of the policy)")

    # Planning.

    async def _plan(self, step: int, ahead: ReadAhead) -> tuple[Plan, Draft | None, tuple[str, str]]:
        """The plan, its draft, and its question to the user: as it was written, and with the real values."""
        self.observe(PlanStarted(step))
        view, shown = self._released(PLANNER), self._shown_to(PLANNER)
        rationale, decision, usage = "", None, Usage()
        question, asked, rehydrator = "", "", Rehydrator(self.labeller.vault)
        ahead.know(view.payload)
        async for event in self.cloud.plan(view, self.new_id()):
            match event:
                case Sent():
                    self._sent(event, PLANNER)
                case Restarted(attempt):
                    rationale, decision = "", None
                    question, asked, rehydrator = "", "", Rehydrator(self.labeller.vault)
                    ahead.know(view.payload)
                    self.observe(Retrying(attempt))
                case RationaleDelta(text):
                    rationale += text
                    ahead.know(_with_plan(view.payload, rationale))
                    self.observe(RationaleStreamed(text))
                case QuestionDelta(text):
                    question += text
                    asked += self._stream_question(rehydrator.feed(text))
                case Decision():
                    decision = self._sound(event)
                    (ahead.end if decision.next is Next.CALLER else ahead.drop)()
                case Usage():
                    usage = event
        if decision is None:
            raise MalformedError("the planner ended without a decision")
        if decision.next is Next.ASK_USER:
            if not self._may_ask or not question.strip():
                raise MalformedError("the planner asks the user nothing, or more often than it may")
            asked += self._stream_question(rehydrator.finish())
        labelled = self._model_text(rationale, shown)
        plan = Plan((), decision.next, decision.tool)
        self._entries.append(LabelledEntry(plan, labelled))
        self.totals.planner += usage
        self.observe(Planned(step=step, rationale=labelled, next=plan.next, tool=plan.tool, usage=usage))
        return plan, self._draft(decision, rationale), (question, asked)

    def _draft(self, decision: Decision, rationale: str) -> Draft | None:
        """What the plan would have its tool given, unchecked."""
        schemas = {card.name: card.input_schema for card, _ in self.cards}
        if decision.tool not in schemas:
            return None
        return Draft.of(decision.draft, rationale, decision.tool, schemas[decision.tool], schemas)

    def _sound(self, decision: Decision) -> Decision:
        """The decision, once it names no tool outside the catalogue that the cloud was shown (I6)."""
        if decision.tool and decision.tool not in {card.name for card, _ in self.cards}:
            raise MalformedError("the planner names a tool that is not in the catalogue")
        return decision

    async def _warm_caller(self) -> None:
        """Have the caller read what all sessions share, before it reads what is this session's own."""
        if not self._caller_is_warm:
            await self.caller.warm(self._catalogue)
            self._caller_is_warm = True

    # Calling.

    async def _carry_out(self, plan: Plan, draft: Draft | None) -> None:
        sees = self._caller_sees(plan.tool)
        view, shown = release(self.cards, self._entries, sees).payload, self._shown_to(sees)
        times = SpokenTimes.of(view, TimePhrases(self._told_now, self.locale)) if sees != DEVICE else None
        schemas = self._schemas(view, plan.tool, times)
        unseen = sees == DEVICE
        checked = self._checked(draft, view, plan.tool, times)
        try:
            written, timed = await self._write(view, schemas, times, checked)
            refusal = self._refusal(written.tool, timed.arguments)
            if refusal is not None and (refusal.public or self._may_hide(written.tool)):
                if not refusal.public:
                    shown, unseen = shown.join(Label()), True
                told = refusal.told(view, written.tool, written.arguments)
                same = {written.tool: schemas[written.tool]}
                checked = None
                written, timed = await self._write_again(told, same, times, hidden=not refusal.public)
            arguments = timed.arguments
            planned = frozenset(checked.kept) if checked is not None else frozenset[str]()
            labelled = self.labeller.arguments(
                written.tool,
                arguments,
                shown,
                names=declared_names(self.catalogue[written.tool].input_schema),
                values_seen=unseen,
                drafted=_own_words(checked, arguments),
            )
        except (MalformedError, UnknownHandleError) as error:
            self._failed_to_write(plan.tool, error, shown if unseen else PUBLIC)
            return
        self.totals.ahead_tokens += written.ahead_tokens
        use = DraftUse.NONE if unseen else _use_of(draft, arguments)
        self._entries.append(LabelledEntry(Call(written.tool, (), use), labelled.text))
        self._public.allow_clear(labelled.text)
        self.observe(
            CallWritten(
                tool=written.tool,
                arguments=labelled.text,
                usage=written.usage,
                ahead_tokens=written.ahead_tokens,
                drafted=planned,
            )
        )
        before = len(self._entries)
        try:
            seen = shown if unseen else PUBLIC
            await self._execute(written.tool, timed, labelled, seen, planned=bool(plan.tool), drafted=planned)
        finally:
            if len(self._entries) == before:  # every call has its observation, whatever came between
                self._entries.append(LabelledEntry(Observation(written.tool, (), "interrupted"), ()))

    def _checked(
        self, draft: Draft | None, view: View, tool: str, times: SpokenTimes | None
    ) -> CheckedDraft | None:
        """What of a draft is kept. Nothing where the caller sees values: the user wants it to look at them."""
        if draft is None or times is None:
            return None
        [schema] = [card.input_schema for card in view.catalogue if card.name == tool]
        handles = [handle for handle in view.handles() if handle in self.labeller.vault]
        admitted = call_schemas([(tool, schema)], handles, self._handle_rule, longest=math.inf)[tool]
        kinds = time_kinds(self.catalogue[tool].check.sound.schema)
        try:
            return CheckedDraft.of(draft, admitted, kinds, times, handles)
        except ValueError:  # a stranger's schema that cannot be held against a part of its arguments
            return None

    async def _write(
        self,
        view: View,
        schemas: Mapping[str, Mapping[str, Any]],
        times: SpokenTimes | None,
        draft: CheckedDraft | None = None,
    ) -> tuple[WrittenCall, Timed]:
        """Have the caller write a call, or what a draft leaves of it; without `times` it sees values.

        Raises `MalformedError`, `UnclearTimeError`.
        """
        if draft is not None:
            [(tool, schema)] = schemas.items()
            gaps = {tool: draft.of_gaps(schema)}
            written = (
                await self.caller.call(view, gaps)
                if draft.gaps
                else WrittenCall(tool=tool, arguments="{}", usage=Usage())
            )
        else:
            written = await self.caller.call(view, schemas)
        self.totals.caller += written.usage
        if written.tool not in schemas:
            raise MalformedError("the caller names another tool than the planned one")
        arguments = read_arguments(written.arguments, handles=times is not None)
        if draft is not None:
            arguments = draft.filled(arguments, schemas[written.tool]["properties"])
            written = replace(written, arguments=json.dumps(arguments, ensure_ascii=False))
        return written, self._timed(written.tool, arguments, times)

    async def _write_again(
        self,
        view: View,
        schemas: Mapping[str, Mapping[str, Any]],
        times: SpokenTimes | None,
        *,
        hidden: bool,
    ) -> tuple[WrittenCall, Timed]:
        """The same after a refusal. Where that stays (`hidden`), no question to the user may come of it."""
        try:
            return await self._write(view, schemas, times)
        except UnclearTimeError as error:
            if not hidden:
                raise
            raise MalformedError("the call says a day or a time that nobody named") from error

    def _refusal(self, name: str, arguments: Mapping[str, Any]) -> ArgumentRefusal | None:
        """What the tool's own schema says against the values of these arguments. Raises `UnknownHandleError`."""
        card = next(card for card, _ in self.cards if card.name == name)
        resolved = resolve(arguments, self.labeller.vault)
        return refusal_of(self.catalogue[name], card, self.labeller.keeper.scanner, arguments, resolved)

    def _may_hide(self, name: str) -> bool:
        """Whether it may show that a call was written again for a reason that stays: a failure, charged as one."""
        if self.labeller.hides_shape(name):
            return False
        self.labeller.shapes.failed(name, FailureKind.INVALID_ARGUMENTS)
        return True

    def _caller_sees(self, tool: str) -> Sink:
        """Handles, as the planner does; or values, for a tool that opted in: then the tool is fixed first."""
        return DEVICE if tool and self.labeller.tool_policy(tool).caller == "values" else PLANNER

    def _timed(self, tool: str, arguments: dict[str, Any], times: SpokenTimes | None) -> Timed:
        """The arguments with the user's words for days and times in figures. Raises `UnclearTimeError`.

        A caller that sees values has its words left as they are: what they mean may tell of what stays.
        """
        if times is None:
            return Timed(arguments=arguments)
        one = self.catalogue[tool]
        return times.timed(arguments, one.check.sound.schema, read_only=one.hints.read_only)

    def _schemas(
        self, view: View, planned: str, times: SpokenTimes | None
    ) -> Mapping[str, Mapping[str, Any]]:
        """What the caller may write: the planned tool and nothing else; any tool where the planner names none.

        A caller that sees values (without `times`) refers to nothing by handles, nor to days by the user's words.
        """
        tools = [(card.name, card.input_schema) for card in view.catalogue if planned in ("", card.name)]
        handles = (
            [] if times is None else [handle for handle in view.handles() if handle in self.labeller.vault]
        )
        schemas = call_schemas(tools, handles, self._handle_rule)
        if times is None:
            return schemas
        return {
            name: times.schema(schema, time_kinds(self.catalogue[name].check.sound.schema))
            for name, schema in schemas.items()
        }

    def _handle_rule(self, tool: str, argument: str) -> HandleRule:
        rule = self.labeller.policy.arguments(tool, {argument: ""}).at((argument,))
        return HandleRule(
            type="" if rule.type in LOOSE_TYPES else rule.type, only=rule.requires == Integrity.TRUSTED
        )

    def _failed_to_write(self, tool: str, error: Exception, seen: Label) -> None:
        """The caller wrote no call that can be made; the planner learns of it as of any failure.

        `seen` is what the caller has seen beside handles: where that stays, this must look like any call.
        """
        kind = "unknown-handle" if isinstance(error, UnknownHandleError) else "invalid-call"
        written = seen.with_integrity(Integrity.UNTRUSTED)
        text = () if seen.public else self.labeller.unseen(tool, None, written)
        self._entries.append(LabelledEntry(Call(tool, ()), text))
        self._refuse(tool, kind, (str(error),), {}, seen)

    async def _execute(
        self,
        name: str,
        timed: Timed,
        labelled: LabelledArguments,
        seen: Label,
        *,
        planned: bool,
        drafted: frozenset[str],
    ) -> None:
        tool, arguments = self.catalogue[name], timed.arguments
        remainder = self.labeller.remainder(arguments, labelled)
        verdict = check_call(
            self.labeller.policy,
            name,
            labelled.leaves,
            tool.hints,
            source=tool.source,
            argument_names=declared_names(tool.input_schema),
            planned=planned,
            stored_as=tool.stored_as,
            unfound=remainder,
            holds_never=remainder.holds_never,
        )
        if remainder.looked and isinstance(verdict, Allowed) and seen.public:
            self.labeller.shapes.asked(
                name, approved=True
            )  # a question would have been told, so its absence tells
        match verdict:
            case Denied(reasons):
                resolved = resolve(arguments, self.labeller.vault)
                self._refuse(name, "denied", tuple(map(str, reasons)), resolved, seen)
            case Allowed(redact) | Ask(_, redact):
                resolved = resolve(without(arguments, redact), self.labeller.vault)
                told = may_write(tool.hints, tool.source) or isinstance(verdict, Ask)
                known = self._provenance(name, timed, labelled, drafted) if told else {}
                fails = bool(tool.check.problems(resolved))  # then nobody is asked about it
                if not fails and not await self._approved(name, arguments, resolved, verdict, seen, known):
                    return
                asked = isinstance(verdict, Ask) and not fails
                written = self._keeping.write(tool, resolved, labelled, known, self._entries, asked=asked)
                derived = tool.hints.derived
                made_of = seen.join(labelled.label) if derived else seen
                kind = _type_asked_for(arguments, labelled) if derived else ""
                read = read_from(tool.reads, labelled, self.labeller.vault)
                found_told = seen.public and self.labeller.tells_found(
                    name, made_of, [one.handle for one in read]
                )
                outcome = await self._run(name, resolved)
                self._keeping.name(written, outcome)
                await self._take(name, resolved, outcome, made_of, kind, read, found_told=found_told)

    def _provenance(
        self, name: str, timed: Timed, labelled: LabelledArguments, drafted: frozenset[str]
    ) -> Mapping[str, Provenance]:
        rules = self.labeller.policy.arguments(name, timed.arguments)
        said = {**timed.arguments, **timed.said}
        history = History(self._entries, self.labeller.vault)
        return history.provenance_of(said, labelled.leaves, rules, drafted=drafted)

    async def _approved(
        self,
        name: str,
        written: Mapping[str, Any],
        resolved: Mapping[str, Any],
        verdict: Verdict,
        seen: Label,
        provenance: Mapping[str, Provenance],
    ) -> bool:
        """Whether the user agrees, where the policy wants them asked: to these very values and no others.

        A call that they have said no to is declined without asking; their second no ends the instruction, where the
        cloud may know of it.
        """
        if not isinstance(verdict, Ask):
            return True
        reasons = tuple(map(str, verdict.reasons))
        request = ConsentRequest(
            tool=name,
            arguments=resolved,
            reasons=reasons,
            leaves_device=leaves_device(self.labeller.tool_policy(name), self.catalogue[name].hints),
            provenance=provenance,
        )
        asked = not self._noes.said_to(name, written, shows=seen.public)
        approved = asked and await self.consent.approve(request)
        self.observe(Asked(name, approved))
        if seen.public:  # else a "no" looks like any result
            self.labeller.shapes.asked(name, approved=approved)
        if approved:
            return True
        why = reasons if asked else ("you said no to it before, so you were not asked again", *reasons)
        self._refuse(name, FailureKind.DECLINED, why, resolved, seen)
        self._noes.add(name, written, shows=seen.public)
        if self._noes.enough and seen.public:
            raise _SaidNoTwiceError
        return False

    async def _run(self, name: str, resolved: Mapping[str, Any]) -> Outcome:
        limits = self.labeller.policy.limits
        try:
            return await run_tool(
                self.catalogue[name],
                resolved,
                RunLimits(call_seconds=limits.call_seconds, result_bytes=limits.result_bytes),
                SessionCallHost(
                    tool=name,
                    rules=self.labeller.tool_policy(name),
                    consent=self.consent,
                    vault=self.labeller.vault,
                    observe=self.observe,
                ),
            )
        except asyncio.CancelledError:
            self.record.append(Action(tool=name, arguments=resolved, result="interrupted"))
            raise

    async def _take(
        self,
        name: str,
        resolved: Mapping[str, Any],
        outcome: Outcome,
        made_of: Label,
        type: str,  # noqa: A002
        read: Sequence[Kept],
        *,
        found_told: bool,
    ) -> None:
        """What a call came to: into the record with its values, into the transcript with its labels."""
        # The record first: what was done was done, also if labelling fails now.
        match outcome:
            case Succeeded(value, seconds, lost):
                self._unread[name] = max(self._unread.get(name, ()), lost, key=len)
                self.record.append(Action(tool=name, arguments=resolved, result="done", seconds=seconds))
                doubts = self._keeping.doubts(self.catalogue[name], outcome)
                if read and not made_of.public:
                    doubts = {(): read_out(name, read)}
                kind = ""
                text = self.labeller.result(name, value, made_of=made_of, type=type, doubts=doubts)
                self._public.allow_explicit(text)
            case Failed(failure, detail, seconds):
                self.record.append(
                    Action(tool=name, arguments=resolved, result=str(failure), detail=detail, seconds=seconds)
                )
                kind, text = self.labeller.failure(
                    name, str(failure), detail, made_of=made_of, type=type, told=found_told
                )
                self._public.allow_explicit(text)
        text = await self._without_refused_names(text, name)
        relations = (
            self._relations(name, text) if made_of.public else ()
        )  # what is made of what stays tells nothing
        told = Observation(name, (), kind, relations)
        self._entries.append(LabelledEntry(told, text))
        self.observe(Observed(tool=name, outcome=outcome, observation=text, failure=kind))

    def _relations(self, tool: str, result: LabelledText) -> tuple[Relation, ...]:
        """What the policy tells of the names in a result: which hold a name that the user typed."""
        if self.labeller.policy.relations is RelationsWord.HIDDEN:
            return ()
        pairs = compared(self._entries, result, self.labeller.vault)
        if not pairs or not self.labeller.shapes.related(tool, len(pairs)):
            return ()
        return relations_of(pairs, self.labeller.vault)

    def _refuse(
        self, tool: str, kind: str, reasons: Sequence[str], resolved: Mapping[str, Any], seen: Label
    ) -> None:
        """A call that is not made. The labels decide that, so the planner may know; unless values did."""
        said, text = str(kind), LabelledText()
        if not seen.public:
            said, text = self.labeller.failure(tool, kind, made_of=seen)
        self._entries.append(LabelledEntry(Observation(tool, (), said), text))
        self.record.append(Action(tool=tool, arguments=resolved, result=kind))
        self.observe(Refused(tool, kind, tuple(reasons)))

    # Answering.

    async def _answer(self) -> Answered:
        self.observe(AnswerStarted())
        view, shown = self._released(SUMMARIZER), self._shown_to(SUMMARIZER)
        said, answer, rehydrator = "", "", Rehydrator(self.labeller.vault)
        async for event in self.cloud.summarize(view, self.new_id()):
            match event:
                case Sent():
                    self._sent(event, SUMMARIZER)
                case Restarted(attempt):
                    said, answer, rehydrator = "", "", Rehydrator(self.labeller.vault)
                    self.observe(Retrying(attempt))
                case AnswerDelta(text):
                    said += text
                    answer += self._stream_answer(rehydrator.feed(text))
                case Usage():
                    self.totals.summarizer += event
        answer += self._stream_answer(rehydrator.finish())
        answer += self._stream_answer(self._unread_note(answer))
        self._entries.append(LabelledEntry(Answer(()), self._model_text(said, shown)))
        return Answered(answer)

    def _unread_note(self, answer: str) -> str:
        """The device's own word on what no tool could read: no model is trusted to pass it on."""
        note = unread_note(one for lost in self._unread.values() for one in lost)
        return note if not note or not answer or answer.endswith("\n") else f"\n{note}"

    def _stream_question(self, piece: str) -> str:
        if piece:
            self.observe(QuestionStreamed(piece))
        return piece

    def _stream_answer(self, piece: str) -> str:
        if piece:
            self.observe(AnswerStreamed(piece))
        return piece

    # What the cloud has seen.

    def _released(self, sink: Sink) -> Released[View]:
        """What a sink may see, as long as the vault has what every handle in it stands for (I2)."""
        view = release(self.cards, self._entries, sink, may_ask=sink == PLANNER and self._may_ask)
        if not all(handle in self.labeller.vault for handle in view.payload.handles()):
            raise PrivacyError(
                "the vault has lost values of this session; nothing more was sent", fix="start a new session"
            )
        return view

    def _shown_to(self, sink: Sink) -> Label:
        """The label of what a sink writes next: the join of all that it was shown in clear."""
        return join_all(entry.shown_to(sink) for entry in self._entries)

    def _model_text(self, text: str, shown: Label) -> LabelledText:
        labelled = self.labeller.model_text(text, shown)
        self._public.allow_clear(labelled)
        return labelled

    def _spoken(self, plan: Plan) -> str:
        rationale = next(entry for entry in reversed(self._entries) if entry.template is plan)
        rehydrator = Rehydrator(self.labeller.vault)
        said = "".join(
            str(part) if isinstance(part, Handle) else part
            for span in rationale.text
            for part in span.seen_by(PLANNER)
        )
        return rehydrator.feed(said) + rehydrator.finish()

    def _sent(self, sent: Sent, sink: Sink) -> None:
        self.totals.messages_out += 1
        self.totals.bytes_out += sent.size_bytes
        self._public.has_read(sink, self._entries)
        self.observe(sent)


def _own_words(checked: CheckedDraft | None, arguments: Mapping[str, Any]) -> frozenset[str]:
    """The arguments that are as the planner wrote them: a day that was worked out tells of the clock."""
    kept = checked.kept if checked is not None else {}
    return frozenset(name for name in kept if name in arguments and arguments[name] == kept[name])


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


def _use_of(draft: Draft | None, arguments: Mapping[str, Any]) -> DraftUse:
    """What became of a draft, as models are told of it; what a rationale only spells is none."""
    if draft is None or not draft.carried:
        return DraftUse.NONE
    return DraftUse.KEPT if draft.arguments == arguments else DraftUse.CHANGED


def _type_asked_for(arguments: Mapping[str, Any], labelled: LabelledArguments) -> str:
    """What an operator's call names as the type of its result, where everyone may read that name."""
    name, leaf = arguments.get("as"), labelled.leaves.get(("as",))
    if not isinstance(name, str) or leaf is None or leaf.label.readers is not None:
        return ""
    return name if re.fullmatch(HANDLE_TYPE_PATTERN, name) else ""
