"""The chat door: what a client asks becomes a session's instruction, and what the session does becomes an answer.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass, field

from umi_edge.doors.approvals import Approvals, Questions
from umi_edge.doors.chat_request import ChatRequest, Turn
from umi_edge.doors.chores import quoted_chats
from umi_edge.doors.memory import Memory
from umi_edge.doors.run import Called, Ended, Failed, Piece, Returned, Run, Said, Thought
from umi_edge.labelling.release import seen_by
from umi_edge.labelling.text import LabelledText
from umi_edge.ledger import Ledger
from umi_edge.policy import Policy
from umi_edge.policy.checks import may_write
from umi_edge.session.consent import Consent, ConsentRequest
from umi_edge.session.event_stream import event_stream
from umi_edge.session.events import (
    Answered,
    AnswerStreamed,
    CallWritten,
    Event,
    Observed,
    Planned,
    RationaleStreamed,
    Refused,
    Retrying,
    Stopped,
)
from umi_edge.session.report import Report
from umi_edge.session.session import Session
from umi_edge.tools import Succeeded
from umi_edge.tools.json_type import JSON
from umi_edge.tools.running_call import ServerQuestion
from umi_shared.errors import UmiError
from umi_shared.handles import render
from umi_shared.labels import PLANNER

__all__ = ["DOOR", "ChatDoor", "OpenSession"]

_MOST_SHOWN = 4000
"""Characters of a call or of its result: a client keeps them, and sends them back with each message."""

OpenSession = Callable[[Consent, str, str], AbstractAsyncContextManager[Session]]
"""Opens a fresh session with the planner: its questions go to that consent; then its conversation, and a title."""

DOOR = "chat"
"""What this door is called where conversations are shown."""


_TITLE_CHARACTERS = 80
_STAYED = "The shared planner is there again. It is not told what was said here while it was away.\n"


@dataclass(slots=True, kw_only=True)
class ChatDoor:
    """Carries out what clients ask, one session a request, each from where its conversation was."""

    ledger: Ledger
    open_session: OpenSession = field(repr=False)
    approvals: Approvals
    """Where the questions of every conversation wait."""
    memory: Memory = field(default_factory=Memory)
    _policy: Policy | None = field(default=None, init=False, repr=False)
    """That of the sessions which are remembered."""

    async def carry_out(self, request: ChatRequest, run: Run) -> AsyncIterator[Piece]:
        """What the request comes to, piece by piece. A failure after something was done is told as an answer."""
        answer: list[str] = []
        with suppress(UmiError):  # each report looks at it again, from there on, and says what is wrong
            await asyncio.to_thread(self.ledger.verify)
        try:
            questions = self.approvals.of(request.conversation, DOOR)
            title = request.turns[0].bare[:_TITLE_CHARACTERS]
            async with self.open_session(_Questions(questions, run), request.conversation, title) as session:
                if self._go_on(session, request):
                    yield Thought(_STAYED)
                try:
                    async for piece in self._pieces(session, request, run):
                        if isinstance(piece, Said):
                            answer.append(piece.text)
                        yield piece
                finally:
                    turns = (*request.turns, Turn("assistant", "".join(answer)))
                    if session.on_device:
                        self.memory.note_told_here(turns)
                    if session.labeller.policy is self._policy:
                        self.memory.keep(turns, session.snapshot())
        except UmiError as error:
            yield Failed(error)

    def _go_on(self, session: Session, request: ChatRequest) -> bool:
        """Bring a fresh session to where the conversation is.

        Whether it begins anew: what a planner on this device was told in place of the shared one stays here.
        """
        if session.labeller.policy is not self._policy:
            self._policy = session.labeller.policy
            self.memory.forget_sessions()
        recalled = self.memory.recall(request.before, on_device=session.on_device)
        if recalled.snapshot is not None:
            session.resume(recalled.snapshot)
        said = [(turn.role == "user", turn.bare) for turn in recalled.rest]
        session.take_over(
            said,
            known=self.memory.kept_in([request.asked, *(turn.bare for turn in recalled.rest)]),
            quoted=quoted_chats([request.asked, *(words for by_user, words in said if by_user)]),
        )
        return recalled.stays

    async def _pieces(self, session: Session, request: ChatRequest, run: Run) -> AsyncIterator[Piece]:
        said = calling = False
        done_before = len(session.record)
        try:
            async with aclosing(event_stream(session, request.asked, self.ledger)) as events:
                async for event in events:
                    if isinstance(event, Report):
                        for piece in _conclusion(event, said=said):
                            yield piece
                        return
                    if isinstance(
                        event, CallWritten
                    ):  # before it runs: one that is cut off may have done its work
                        run.acted = run.acted or _may_act(session, event.tool)
                    if isinstance(event, Retrying) and said:
                        break  # what was streamed cannot be taken back, and two halves may make one address
                    if isinstance(event, AnswerStreamed):
                        said = said or bool(event.text)
                        yield Said(event.text)
                    elif step := _step(event, calling=calling):
                        calling = isinstance(step, Called) or (calling and not isinstance(step, Returned))
                        yield step
        except asyncio.CancelledError:
            # What began while its event was still on the way here counts, too.
            begun = session.record[done_before:]
            run.acted = run.acted or any(_may_act(session, action.tool) for action in begun)
            for piece in self._stopped(
                session, "The client hung up, so umi stopped.", done_before, said=said
            ):
                await run.add(piece)
            raise
        why = "(The connection to the planner failed in the middle of this answer. Ask again.)"
        for piece in self._stopped(session, why, done_before, said=said):
            yield piece

    def _stopped(self, session: Session, why: str, done_before: int, *, said: bool) -> list[Piece]:
        report = Report.concluding(session, Stopped(why), self.ledger, done_before=done_before)
        return _conclusion(report, said=said)


@dataclass(frozen=True, slots=True)
class _Questions:
    """The questions of one run, of which its client is told; implements `Consent` and `AnswersQuestions`."""

    questions: Questions
    run: Run

    async def approve(self, request: ConsentRequest) -> bool:
        """Whether this very call may be made."""
        await self._tell(f"your yes or no to {request.tool}", f"{request.tool} needs your yes")
        return await self.questions.approve(request)

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """What the user answers to a tool's server."""
        await self._tell("your answer to a tool's question", "A tool asks you something")
        return await self.questions.answer(question)

    async def _tell(self, waited_for: str, needed: str) -> None:
        where = self.questions.where
        said = f"Waiting for {waited_for}, {where}." if where else f"{needed}, and nobody can be asked."
        await self.run.add(Thought(f"\n{said}\n"))


def _step(event: Event, *, calling: bool) -> Piece | None:
    """What a client shows while umi works, as the planner is shown it: handles stay handles."""
    match event:
        case RationaleStreamed(text):
            return Thought(text) if text else None
        case Planned():
            return Thought("\n")
        case CallWritten(tool=tool, arguments=arguments):
            return Called(tool, _shown(arguments))
        case Observed(outcome=outcome, observation=observation, failure=failure):
            told = ": ".join(filter(None, (failure, _shown(observation))))
            return Returned(told=told, done=isinstance(outcome, Succeeded))
        case Refused(reasons=reasons):
            why = f"not done: {'; '.join(reasons)}"
            return Returned(told=why, done=False, made=False) if calling else Thought(f"✗ {why}\n")
    return None


def _shown(text: LabelledText) -> str:
    """What the planner is shown of it, and no more than a client can draw."""
    told = render(seen_by(text, PLANNER))
    return told if len(told) <= _MOST_SHOWN else f"{told[:_MOST_SHOWN]}… ({len(told):,} characters)"


def _may_act(session: Session, name: str) -> bool:
    """Whether a tool may change something; a call that names no tool changes nothing."""
    tools = session.catalogue
    return name in tools and may_write(tools[name].hints, tools[name].source)


def _conclusion(report: Report, *, said: bool) -> list[Piece]:
    """The end of an answer: what is left to say, and the device's own record of what was changed."""
    done = [
        f"{action.tool}: {action.result}"
        for action in report.actions
        if _may_act(report.session, action.tool)
    ]
    ending: list[Piece] = []
    gap = "\n\n" if said else ""
    if isinstance(report.ending, UmiError):
        if not report.actions and not said:
            return [Failed(report.ending)]
        ending.append(Said(f"{gap}{Failed(report.ending).text}"))
    elif not isinstance(report.ending, Answered):
        ending.append(Said(f"{gap}{report.text}"))
    if done:
        ending.append(Said(f"\n\nDone on this device: {', '.join(done)}."))
    totals = report.session.totals
    used = totals.planner + totals.caller + totals.summarizer
    usage = {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }
    return [*ending, Ended(usage)]
