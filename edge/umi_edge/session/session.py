"""The session: plan, call, check, execute, label, again; then the answer (docs/design.md#one-step).

I2: docs/design.md#i2-fail-closed
I6: docs/design.md#i6-cloud-text-is-untrusted-input
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import json
import math
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from umi_edge.caller import HandleRule, WrittenCall, call_schemas, whole_words
from umi_edge.egress.cloud_client import Restarted, Sent, UnapprovedError
from umi_edge.egress.guard import EgressGuard, GuardedError
from umi_edge.labelling.approved_cards import NONE_APPROVED, ApprovedCards
from umi_edge.labelling.gazetteers import Gazetteers
from umi_edge.labelling.labeller import LabelledArguments, Labeller
from umi_edge.labelling.later_names import CardWords, added_names
from umi_edge.labelling.release import LabelledCard, release
from umi_edge.labelling.text import DEVICE, LabelledEntry, LabelledText, Span, constant
from umi_edge.labelling.tool_cards import Unapproved, Withheld, declared_names, labelled_cards
from umi_edge.labelling.vault import INSTRUCTION, Kept, UnknownHandleError
from umi_edge.policy import Policy, Scanner
from umi_edge.policy.checks import LOOSE_TYPES, is_accepted, leaves_device
from umi_edge.policy.document import ClockWord
from umi_edge.records import Records
from umi_edge.session.argument_refusal import ArgumentRefusal, refusal_of
from umi_edge.session.calls import Calls, SaidNoTwiceError
from umi_edge.session.clearing import Clearing
from umi_edge.session.clock import clock_entry, local_now
from umi_edge.session.consent import Consent
from umi_edge.session.disagreement import explained
from umi_edge.session.draft import CheckedDraft, Draft
from umi_edge.session.echoes import Echoes
from umi_edge.session.events import (
    Action,
    Answered,
    AnswerStarted,
    AnswerStreamed,
    AskedUser,
    CallWritten,
    ClockTold,
    Ended,
    Ending,
    Event,
    GaveUp,
    Instructed,
    Planned,
    PlanStarted,
    QuestionStreamed,
    RationaleStreamed,
    Replied,
    Retrying,
    Stopped,
)
from umi_edge.session.item_evidence import Said
from umi_edge.session.noes import Noes
from umi_edge.session.pending_question import (
    ASKED_BY_DEVICE,
    DEVICES_OWN,
    Question,
    bars_of,
    pending_question,
)
from umi_edge.session.ports import CallerPort, CloudPort
from umi_edge.session.public_text import PublicText
from umi_edge.session.read_ahead import ReadAhead, reading_ahead
from umi_edge.session.ready_call import ReadyCall, UnclearChoiceError, WaitingCall
from umi_edge.session.recording import Observer
from umi_edge.session.rehydration import Rehydrator, resolve
from umi_edge.session.replies import MOST_QUESTIONS, NoReplies, Replies
from umi_edge.session.snapshot import Snapshot
from umi_edge.session.stray_text import held_to_words, stray_text
from umi_edge.session.taken_texts import TakenTexts
from umi_edge.session.time_arguments import SpokenTimes, Timed, UnclearTimeError, time_kinds
from umi_edge.session.totals import Totals
from umi_edge.session.unasked_removal import UnaskedRemovalError
from umi_edge.session.unclear_choice import begins_at
from umi_edge.session.unknown_names import question_of, with_names_kept
from umi_edge.session.unread_note import unread_note
from umi_edge.session.written_arguments import read_arguments
from umi_edge.tools import Catalogue, FailureKind, Tool
from umi_edge.values.time_words import TimePhrases
from umi_shared.errors import MalformedError, PrivacyError, UmiError
from umi_shared.handles import Handle, escape, parts_of
from umi_shared.labels import PLANNER, PUBLIC, SUMMARIZER, Integrity, Label, Sink, join_all
from umi_shared.released import Released
from umi_shared.transcript import (
    Answer,
    AnswerDelta,
    Call,
    Clock,
    Decision,
    Instruction,
    Next,
    Observation,
    Plan,
    QuestionDelta,
    RationaleDelta,
    Usage,
    View,
)

__all__ = ["Connect", "Session"]

Connect = Callable[[EgressGuard], CloudPort]
"""Makes the way to the planner and the summarizer; every message goes through the guard that it is given."""


_WHICH_DAY = "Which day or time do you mean?"


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
    """Reads them again, before each message."""
    records: Records = field(default_factory=Records.of_session, repr=False)
    """What umi has written into the user's stores, in this session and before."""
    approved: InitVar[ApprovedCards] = NONE_APPROVED
    """What the user lets the cloud read of foreign tools."""
    on_device: bool = False
    """Whether its planner is on this device."""
    replies: Replies = field(default_factory=NoReplies)
    """Who replies when the planner asks the user something, or this device does."""
    labeller: Labeller = field(init=False)
    guard: EgressGuard = field(init=False)
    cloud: CloudPort = field(init=False)
    observe: Callable[[Event], None] = field(init=False)
    totals: Totals = field(default_factory=Totals, init=False)
    calls: Calls = field(init=False, repr=False)
    """What makes the calls, with the transcript and the record of what was done."""
    _notes: list[str] = field(default_factory=list, init=False, repr=False)
    """What the user is told, at the end of an answer, of days that they did not say."""
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
    _catalogue: Released[View] = field(init=False, repr=False)
    """What the planner is shown of the tools, and nothing else."""
    _told_now: datetime = field(default_factory=local_now, init=False, repr=False)
    """When the user asked: what they say of days and times counts from then."""
    _caller_is_warm: bool = field(default=False, init=False)
    _busy: bool = field(default=False, init=False, repr=False)
    _unclear: WaitingCall | None = field(default=None, init=False, repr=False)
    """The call that waits for a reply."""
    _lost_at: int = field(default=-1, init=False, repr=False)
    """The entry of a question whose call a saved conversation has lost; -1 where there is none."""
    _clearing: Clearing = field(init=False, repr=False)
    _names: Mapping[str, Sequence[str]] = field(init=False, repr=False)
    _approved: ApprovedCards = field(init=False, repr=False)

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
        self._approved = approved
        self._tell_of_tools()
        entries: list[LabelledEntry] = []
        self._clearing = Clearing(
            catalogue=self.catalogue, labeller=self.labeller, entries=entries, read=self._read
        )
        self.calls = Calls(
            catalogue=self.catalogue,
            labeller=self.labeller,
            entries=entries,
            public=PublicText(self.guard),
            consent=self.consent,
            records=self.records,
            observe=self._tell,
            narrow=self._clearing.narrowed,
        )
        self._allow_catalogue()

    def _tell_of_tools(self) -> None:
        """Make the cards, as far as the names that are known now let the cloud be told of the tools."""
        cards = labelled_cards(self.catalogue, self.labeller, self._approved)
        self.cards, self.withheld, self.unapproved = cards.told, cards.withheld, cards.unapproved
        self.labeller.result_names = cards.result_names
        self._catalogue, self._caller_is_warm = release(self.cards, (), PLANNER), False

    def _allow_catalogue(self) -> None:
        tools, names = [tool.name for tool in self.catalogue], self.labeller.result_names
        self.calls.public.allow_catalogue(self.cards, tools, self.labeller.policy, names)

    def _tell(self, event: Event) -> None:
        """To whoever observes now: `observe` may be another function later."""
        self.observe(event)

    @property
    def record(self) -> list[Action]:
        """What was done, for the user's eyes."""
        return self.calls.record

    def snapshot(self) -> Snapshot:
        """The session as it is now. Between two instructions it is all that `resume` needs."""
        return Snapshot(
            kept=tuple(self.labeller.vault),
            entries=tuple(self.calls.entries),
            read_by=dict(self.calls.public.read_by),
            declassified=dict(self.labeller.keeper.declassified.charged),
            shapes=dict(self.labeller.shapes.charged),
            record=tuple(self.record),
            on_device=self.on_device,
            waiting=self._unclear,
            lost_at=self._lost_at,
        )

    def resume(self, snapshot: Snapshot) -> None:
        """Go on, as a fresh session, from a snapshot that was taken under the same policy and tools.

        Raises `ValueError` where its values do not fit those that this session keeps already.
        """
        self.labeller.vault.restore(snapshot.kept)
        self.labeller.keeper.declassified.restore(snapshot.declassified)
        self.labeller.shapes.restore(snapshot.shapes)
        self.calls.record += snapshot.record
        self.calls.entries[:] = snapshot.entries
        self._unclear = snapshot.waiting
        self._lost_at = snapshot.lost_at
        self.calls.noes = Noes.in_transcript(self.calls.entries)
        self.calls.public.allow_transcript(self.calls.entries, snapshot.read_by)
        self._withhold(added_names({}, self._names))

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
            self.calls.public.allow_clear(text)
            self.calls.entries.append(LabelledEntry(Instruction(()) if by_user else Answer(()), text))

    def _past_instruction(self, words: str) -> LabelledText:
        text = self.labeller.instruction(words, self._echoes.label)
        names = self.calls.unknown(text)
        return with_names_kept(text, names, self.labeller.vault, INSTRUCTION, PLANNER) if names else text

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
        self.names_lost = now.notices
        if now.values != self._names:
            self.labeller.keeper.scanner = await asyncio.to_thread(
                Scanner.of, self.labeller.policy, now.values
            )
            if added := added_names(self._names, now.values):
                cards = self.cards
                self._tell_of_tools()
                self._withhold(added, CardWords.of(cards, self.cards, self.labeller))
        self._names = now.values  # only now: what has failed is to fail again

    def _withhold(self, names: Mapping[str, Sequence[str]], cards: CardWords = CardWords()) -> None:  # noqa: B008
        """Take names out of all that was said before, since it is sent again. Raises `PrivacyError` where one stays."""
        told = {card.name for card, _ in self.cards}
        used = {one.template.tool for one in self.calls.entries if isinstance(one.template, Call | Plan)}
        used |= {self._unclear.call.tool} if self._unclear is not None else set()
        if used & {tool.name for tool in self.catalogue} - told:
            raise PrivacyError(
                "a tool that this session has used must not be told of any more, for the name of it: "
                f"{'; '.join(one.because for one in self.withheld)}; nothing more was sent",
                fix="start a new session",
            )
        self.calls.withhold(names, cards, self._allow_catalogue)

    async def _carry_through(self, instruction: str) -> Ending:
        await self._look_up_names()
        self.calls.unread.clear()
        self._notes.clear()
        question = pending_question(self.calls.entries)
        self._unclear = self._unclear if question else None
        self._tell_clock()
        text = self._replied(instruction, question) if question else self._typed(instruction)
        await self._take_words(text)
        self.observe(Instructed(text))
        try:
            ending = await self._steps_and_questions(instruction)
        except UnapprovedError as error:
            ending = Stopped(f"{error.message}; {error.fix}")
        except SaidNoTwiceError:
            ending = Stopped("you said no for the second time in this session")
        except GuardedError as error:
            raise explained(error, self.calls.entries, self.labeller.vault) from None
        self.observe(Ended(ending))
        return ending

    async def _take_words(self, text: LabelledText) -> None:
        """Put what the user typed into the transcript. Raises `PrivacyError` where names in it are to stay."""
        names = self.calls.unknown(text)
        if names and not await self.consent.approve(question_of(names, PLANNER, instruction=True)):
            raise PrivacyError(
                "names that no detector knows are in the instruction, and you did not let them leave; nothing was sent",
                fix="put them into your contacts, or into `detect` of the policy: then they stay",
            )
        self.calls.let_go |= set(names)
        self.calls.public.allow_clear(text)
        self.calls.entries.append(LabelledEntry(Instruction(()), text))

    async def _steps_and_questions(self, instruction: str) -> Ending:
        """The steps; and again once the user has replied to this device's own question."""
        reply = instruction
        for number in range(MOST_QUESTIONS + 1):
            try:
                await self._settle(reply)
                return await self._steps()
            except UnclearTimeError as error:
                answered = self._ask_back(_WHICH_DAY if self._hides_clock else str(error), str(error))
            except UnaskedRemovalError as error:
                answered = self._ask_back(str(error), str(error))
            except UnclearChoiceError as error:
                self._unclear = error.waiting
                answered = self._ask_back(str(error), self._rehydrated(error.waiting.question))
            if number == MOST_QUESTIONS or not (reply := (await self.replies.reply(answered.answer)).strip()):
                break
            await self._look_up_names()
            text = self._replied(reply, pending_question(self.calls.entries) or DEVICES_OWN)
            await self._take_words(text)
            self.observe(Replied(text))
        return answered

    async def _settle(self, reply: str) -> None:
        """Make the call that waits for the user's choice, where their reply makes one; else it is planned anew."""
        waiting, self._unclear = self._unclear, None
        if waiting is None:
            return
        # It shows which one is meant, or that the reply means none of them.
        self.labeller.shapes.chosen(waiting.call.tool, len(waiting.choice.items) + 1)
        if (arguments := waiting.settled(reply, self._read)) is None:
            return
        timed = Timed(arguments=arguments, said=waiting.call.timed.said)
        try:
            ready = replace(waiting.call, timed=timed)
            ready = self._clearing.cleared(ready, self._lost_at, settled=waiting.choice)
            labelled = self._labelled(ready)
        except (MalformedError, UnknownHandleError):
            return  # what was put in makes no call
        await self._make(ready, labelled)

    @property
    def _may_ask(self) -> bool:
        """Whether the planner has questions left in this session."""
        asked = [one for one in self.calls.entries if isinstance(one.template, Plan)]
        return sum(one.template.next is Next.ASK_USER for one in asked) < MOST_QUESTIONS  # type: ignore[union-attr]

    async def _ask_user(self, question: str, shown: str) -> AskedUser | None:
        """Ask what the planner asks, `question`, which the user has been shown; how it ends where nobody replies.

        The reply is the user's own words, as an instruction is, and what of it leaves is counted: the planner had them
        say it.
        """
        label = self._shown_to(PLANNER)
        asked = self._model_text(question, label)
        self.calls.entries.append(LabelledEntry(Answer(()), asked))
        reply = (await self.replies.reply(shown)).strip()
        if not reply:
            return AskedUser(shown)
        await self._look_up_names()
        text = self._replied(reply, Question(shown, by_planner=True, bars=bars_of(asked)))
        await self._take_words(text)
        self.observe(Replied(text))
        return None

    @property
    def _echoes(self) -> Echoes:
        return Echoes.of(self.calls.entries, self.labeller.vault)

    def _typed(self, words: str) -> LabelledText:
        """What the user typed unasked: their own words, but for an address that a model told them before."""
        text = self.labeller.instruction(words, self._echoes.label)
        self._count([span for span in text if not span.label.trusted])
        return text

    def _replied(self, text: str, question: Question) -> LabelledText:
        """What the user says to a question that is open. Raises `PrivacyError` where too much of it would leave."""
        said = (
            self.labeller.reply(text, question.text, question.bars, self._echoes.label)
            if question.by_planner
            else self._typed(text)
        )
        self._count(said)
        return said

    def _count(self, spans: Iterable[Span]) -> None:
        """Charge what a model had the user say, as far as it leaves. Raises `PrivacyError` where that is too much."""
        leaves = "".join(span.clear for span in spans if span.label.may_read(PLANNER))
        if leaves:
            self.labeller.shapes.replied(leaves)

    def _ask_back(self, told: str, question: str) -> Answered:
        """End the instruction with a question of the device's own; nothing was done for the plan that led to it.

        `told` is what of it the models are told.
        """
        text = (constant(escape(told), ASKED_BY_DEVICE),)
        self.calls.public.allow_clear(text)
        self.calls.entries.append(LabelledEntry(Answer(()), text))
        self.observe(AnswerStarted())
        return Answered(self._stream_answer(question))

    @property
    def _hides_clock(self) -> bool:
        """Whether no model may know what day it is: what a day may mean tells it."""
        return self.labeller.policy.clock is ClockWord.HIDDEN

    def _read(self, text: str, *, beside: Sequence[str] = ()) -> Said:
        return Said(text, TimePhrases(self._told_now, self.locale), tuple(beside))

    def _rehydrated(self, text: str) -> str:
        rehydrator = Rehydrator(self.labeller.vault)
        return rehydrator.feed(text) + rehydrator.finish()

    def _tell_clock(self) -> None:
        """Tell the models what of now the policy lets out, unless that is what they were told last."""
        self._told_now = self.now()
        entry = clock_entry(self._told_now, self.labeller.policy)
        told = [one for one in self.calls.entries if isinstance(one.template, Clock)]
        if entry is None or (told and told[-1].text == entry.text):
            return
        self.calls.public.allow_clear(entry.text)
        self.calls.entries.append(entry)
        self.observe(ClockTold(entry.text))

    async def _steps(self) -> Ending:
        limit = self.labeller.policy.limits.steps
        for step in range(1, limit + 1):
            if step > 1:
                await self._look_up_names()
            async with reading_ahead(self._warm_caller, self.caller.prefill) as ahead:
                plan, draft, question = await self._plan(step, ahead)
                self.totals.steps += 1
                match plan.next:
                    case Next.ASK_USER:
                        if (ending := await self._ask_user(*question)) is not None:
                            return ending
                    case Next.SUMMARIZER:
                        people = self._clearing.people_asked_for(self._rationale(plan))
                        return self._answer_with(people) if people else await self._answer()
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
        self.calls.entries.append(LabelledEntry(plan, labelled))
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
        view, shown = release(self.cards, self.calls.entries, sees).payload, self._shown_to(sees)
        times = SpokenTimes.of(view, TimePhrases(self._told_now, self.locale)) if sees != DEVICE else None
        schemas = self._schemas(view, plan.tool, times)
        unseen = sees == DEVICE
        checked = self._checked(draft, view, plan.tool, times)
        try:
            written, timed = await self._write(view, schemas, times, checked)
            refusal = self._refusal(written.tool, timed.arguments)
            if refusal is not None and (refusal.public or self._may_hide(written.tool)):
                if not refusal.public:
                    shown, unseen = shown.join(self.labeller.quoted(timed.arguments)), True
                told = refusal.told(view, written.tool, written.arguments)
                same = {written.tool: schemas[written.tool]}
                checked = None
                written, timed = await self._write_again(told, same, times, hidden=not refusal.public)
            ready = ReadyCall(
                written=written,
                timed=timed,
                shown=shown,
                unseen=unseen,
                planned=bool(plan.tool),
                draft=draft,
                checked=checked,
            )
            ready = self._clearing.cleared(ready, self._lost_at)
            labelled = self._labelled(ready)
        except (MalformedError, UnknownHandleError) as error:
            self._failed_to_write(plan.tool, error, shown if unseen else PUBLIC)
            return
        await self._make(ready, labelled)

    def _labelled(self, ready: ReadyCall) -> LabelledArguments:
        return self.labeller.arguments(
            ready.tool,
            ready.timed.arguments,
            ready.shown,
            names=declared_names(self.catalogue[ready.tool].input_schema),
            values_seen=ready.unseen,
            drafted=ready.planners_words,
        )

    async def _make(self, ready: ReadyCall, labelled: LabelledArguments) -> None:
        written, seen = ready.written, ready.seen
        self.totals.ahead_tokens += written.ahead_tokens
        self.calls.entries.append(LabelledEntry(Call(written.tool, (), ready.draft_use), labelled.text))
        self.calls.public.allow_clear(labelled.text)
        self.observe(
            CallWritten(
                tool=written.tool,
                arguments=labelled.text,
                usage=written.usage,
                ahead_tokens=written.ahead_tokens,
                drafted=ready.drafted,
            )
        )
        self._notes += [note for note in ready.timed.notes if note not in self._notes]
        before = len(self.calls.entries)
        try:
            await self.calls.make(
                written.tool, ready.timed, labelled, seen, planned=ready.planned, drafted=ready.drafted
            )
        finally:
            if len(self.calls.entries) == before:  # every call has its observation, whatever came between
                self.calls.entries.append(LabelledEntry(Observation(written.tool, (), "interrupted"), ()))

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
            [(planned, schema)] = schemas.items()
            gaps = {planned: draft.of_gaps(schema)}
            written = (
                await self.caller.call(view, gaps)
                if draft.gaps
                else WrittenCall(tool=planned, arguments="{}", usage=Usage())
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
        if times is None:
            return written, Timed(arguments=arguments)
        tool, given = self.catalogue[written.tool], draft.kept if draft is not None else {}
        stray = stray_text(tool, arguments, given, view)
        held = held_to_words(schemas[tool.name], stray, view) if stray else None
        if held is not None:
            rest = {name: value for name, value in arguments.items() if name != stray}
            once_more = CheckedDraft(kept=rest, gaps=frozenset({stray}))
            return await self._write(view, {tool.name: held}, times, once_more)
        taken = TakenTexts.of(view, times.words)
        arguments = taken.mended(tool, arguments, given, partial(self._admits, tool))
        return written, self._timed(tool, arguments, times)

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

    def _timed(self, tool: Tool, arguments: dict[str, Any], times: SpokenTimes) -> Timed:
        """The arguments with the user's words for days and times in figures. Raises `UnclearTimeError`.

        A caller that sees values has its words left as they are: what they mean may tell of what stays.
        """
        now_at = None if tool.hints.read_only else begins_at(arguments, self.calls.entries)
        schema, read_only = tool.check.sound.schema, tool.hints.read_only
        return times.timed(
            arguments, schema, read_only=read_only, now_at=now_at, tells_today=not self._hides_clock
        )

    def _admits(self, tool: Tool, argument: str, handles: Iterable[Handle]) -> bool:
        """Whether handles may stand in a text that is an argument of a tool, by the policy and their labels."""
        rule = self.labeller.policy.arguments(tool.name, {argument: ""}).at((argument,))
        vault, rules = self.labeller.vault, self.labeller.tool_policy(tool.name)
        if rule.type not in LOOSE_TYPES or not all(one in vault for one in handles):
            return False
        open_to_all = rule.accepts is None and not leaves_device(rules, tool.hints)
        return open_to_all or all(is_accepted(rule, vault[one].label) for one in handles)

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
        self.calls.entries.append(LabelledEntry(Call(tool, ()), text))
        self.calls.refuse(tool, kind, (str(error),), {}, seen)

    # Answering.

    async def _answer(self) -> Answered:
        await self._look_up_names()
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
        answer += self._stream_answer(self._device_notes(answer))
        self.calls.entries.append(LabelledEntry(Answer(()), self._model_text(said, shown)))
        return Answered(answer)

    def _answer_with(self, text: str) -> Answered:
        """Answer on this device, with what the planner was shown: its label is that of all of it."""
        self.observe(AnswerStarted())
        answer = self._stream_answer(self._rehydrated(text))
        answer += self._stream_answer(self._device_notes(answer))
        said = self._model_text(text, self._shown_to(PLANNER))
        self.calls.entries.append(LabelledEntry(Answer(()), said))
        return Answered(answer)

    def _device_notes(self, answer: str) -> str:
        """The device's own word on days that were not said, and on what no tool could read: no model passes it on."""
        unread = unread_note(one for lost in self.calls.unread.values() for one in lost)
        told = "\n".join(filter(None, (*self._notes, unread)))
        return told if not told or not answer or answer.endswith("\n") else f"\n{told}"

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
        view = release(self.cards, self.calls.entries, sink, may_ask=sink == PLANNER and self._may_ask)
        if not all(handle in self.labeller.vault for handle in view.payload.handles()):
            raise PrivacyError(
                "the vault has lost values of this session; nothing more was sent", fix="start a new session"
            )
        return view

    def _shown_to(self, sink: Sink) -> Label:
        """The label of what a sink writes next: the join of all that it was shown in clear."""
        return join_all(entry.shown_to(sink) for entry in self.calls.entries)

    def _model_text(self, text: str, shown: Label) -> LabelledText:
        labelled = self.labeller.model_text(text, shown)
        self.calls.public.allow_clear(labelled)
        return labelled

    def _spoken(self, plan: Plan) -> str:
        return self._rehydrated(self._rationale(plan))

    def _rationale(self, plan: Plan) -> str:
        """What the planner wrote, with handles."""
        rationale = next(entry for entry in reversed(self.calls.entries) if entry.template is plan)
        return "".join(str(part) for span in rationale.text for part in span.seen_by(PLANNER))

    def _sent(self, sent: Sent, sink: Sink) -> None:
        self.totals.messages_out += 1
        self.totals.bytes_out += sent.size_bytes
        self.calls.public.has_read(sink, self.calls.entries)
        self.observe(sent)


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
