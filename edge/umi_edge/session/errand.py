"""The errand: plan, call, check, execute, label, again; then the answer (docs/design.md#one-step)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from umi_edge.labelling.text import LabelledEntry
from umi_edge.policy.document import ClockWord
from umi_edge.session.answering import Answering
from umi_edge.session.caller_turn import CallerTurn
from umi_edge.session.clearing import Clearing
from umi_edge.session.events import Answered, AskedUser, Ending, GaveUp, Replied, Stopped
from umi_edge.session.exchange import Exchange
from umi_edge.session.pending_question import DEVICES_OWN, Question, bars_of, pending_question
from umi_edge.session.planner_turn import PlannedStep, PlannerTurn
from umi_edge.session.ports import CallerPort
from umi_edge.session.read_ahead import reading_ahead
from umi_edge.session.ready_call import UnclearChoiceError, WaitingCall
from umi_edge.session.replies import MOST_QUESTIONS, Replies
from umi_edge.session.time_wording import UnclearTimeError
from umi_edge.session.unasked_change import UnaskedChangeError, WaitingPlan
from umi_edge.session.unasked_removal import UnaskedRemovalError
from umi_edge.session.users_turn import UsersTurn
from umi_edge.values.time_words import TimePhrases
from umi_shared.labels import PLANNER
from umi_shared.transcript import Answer, Next

__all__ = ["Errand", "Waiting"]

_WHICH_DAY = "Which day or time do you mean?"


@dataclass(slots=True)
class Waiting:
    """What of one errand waits for the next."""

    call: WaitingCall | None = field(default=None, repr=False)
    """The call that waits for a reply."""
    plan: WaitingPlan | None = field(default=None, repr=False)
    """The plan that waits for the user to say that they want it; a saved conversation loses it."""
    lost_at: int = -1
    """The entry of a question whose call a saved conversation has lost; -1 where there is none."""

    @property
    def tool(self) -> str:
        """The tool of the call; empty where none waits."""
        return self.call.call.tool if self.call is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Of one session, once the instruction is in the transcript."""

    exchange: Exchange
    caller: CallerPort = field(repr=False)
    clearing: Clearing = field(repr=False)
    phrases: TimePhrases = field(repr=False)
    """How the user's words for days and times are read."""
    replies: Replies
    waiting: Waiting
    writes_lists: bool
    """Whether this device writes the lists that are asked for, where it is sure."""
    look_up_names: Callable[[], Awaitable[None]] = field(repr=False)
    """Takes the names that the user's tools have now."""

    async def ending(self, instruction: str) -> Ending:
        """Carry it out; and again once the user has replied to this device's own question."""
        reply, answering = instruction, Answering(self.exchange)
        for number in range(MOST_QUESTIONS + 1):
            try:
                await self._settle(reply)
                return await self._steps()
            except UnclearTimeError as error:
                answered = answering.asked_back(self._told_of(error), str(error))
            except (UnaskedChangeError, UnaskedRemovalError) as error:
                answered = answering.asked_back(str(error), str(error))
            except UnclearChoiceError as error:
                self.waiting.call = error.waiting
                question = self.exchange.with_values(error.waiting.question, one_line=True)
                answered = answering.asked_back(str(error), question)
            if number == MOST_QUESTIONS or not (reply := (await self.replies.reply(answered.answer)).strip()):
                break
            asked = pending_question(self.exchange.calls.entries) or DEVICES_OWN
            reply = await self._take_reply(reply, asked)
        return answered

    def _told_of(self, error: UnclearTimeError) -> str:
        """What models are told of a day that is not clear: what it may mean tells what day it is."""
        hidden = self.exchange.labeller.policy.clock is ClockWord.HIDDEN
        return _WHICH_DAY if hidden else str(error)

    async def _settle(self, reply: str) -> None:
        """Make the call, or carry out the plan, that waits for the user, where their reply settles it."""
        waiting, self.waiting.call = self.waiting.call, None
        doubted, self.waiting.plan = self.waiting.plan, None
        entries = self.exchange.calls.entries
        if waiting is not None:
            await self._caller_turn.settle(waiting, reply)
        elif doubted is not None and (entry := doubted.entry(entries)) is not None:
            entries.append(entry)
            await self._caller_turn.carry_out(doubted.plan, doubted.draft)

    async def _steps(self) -> Ending:
        limit = self.exchange.labeller.policy.limits.steps
        for step in range(1, limit + 1):
            if step > 1:
                await self.look_up_names()
            async with reading_ahead(self._warm_caller, self.caller.prefill) as ahead:
                planned = await PlannerTurn(self.exchange, ahead).planned(step)
                self.exchange.totals.steps += 1
                match planned.plan.next:
                    case Next.ASK_USER:
                        if (ending := await self._ask_user(planned)) is not None:
                            return ending
                    case Next.SUMMARIZER:
                        return await self._answer(planned.rationale)
                    case Next.GIVE_UP:
                        return GaveUp(self.exchange.with_values(planned.rationale))
                    case Next.CALLER:
                        await self._carry_out(planned)
        return Stopped(f"{limit} steps were not enough (`limits.steps` of the policy)")

    async def _carry_out(self, planned: PlannedStep) -> None:
        """Raises `UnaskedChangeError` before anything is written, where the user asked for something else."""
        self.waiting.plan = WaitingPlan(planned.plan, planned.draft)
        self.clearing.check_asked(planned.plan.tool, self.waiting.lost_at)
        self.waiting.plan = None
        await self._caller_turn.carry_out(planned.plan, planned.draft)

    async def _ask_user(self, planned: PlannedStep) -> AskedUser | None:
        """Ask what the planner asks, which the user has been shown; how it ends where nobody replies.

        The reply is the user's own words, as an instruction is, and what of it leaves is counted: the planner had them
        say it.
        """
        exchange = self.exchange
        asked = exchange.wrote(planned.question, exchange.shown_to(PLANNER))
        exchange.calls.entries.append(LabelledEntry(Answer(()), asked))
        reply = (await self.replies.reply(planned.asked)).strip()
        if not reply:
            return AskedUser(planned.asked)
        await self._take_reply(reply, Question(planned.asked, by_planner=True, bars=bars_of(asked)))
        return None

    async def _take_reply(self, reply: str, question: Question) -> str:
        """Put a reply into the transcript; what it says, as it is read."""
        await self.look_up_names()
        user = UsersTurn(self.exchange.calls)
        read = user.read(reply)
        text = user.replied(read, question)
        await user.take(text)
        self.exchange.observe(Replied(text))
        return read.text

    async def _answer(self, rationale: str) -> Answered:
        written = self.clearing.written(rationale) if self.writes_lists else None
        if written is not None:
            return Answering(self.exchange).on_device(written)
        await self.look_up_names()
        return await Answering(self.exchange).summarized()

    async def _warm_caller(self) -> None:
        await self.exchange.told.warm(self.caller)

    @property
    def _caller_turn(self) -> CallerTurn:
        return CallerTurn(
            exchange=self.exchange,
            caller=self.caller,
            clearing=self.clearing,
            phrases=self.phrases,
            lost_at=self.waiting.lost_at,
        )
