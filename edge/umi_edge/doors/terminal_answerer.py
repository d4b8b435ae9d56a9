"""The terminal as an answerer: the questions that wait are put to the person there, one after the other.

A question that is answered elsewhere, or whose run ends, is taken off the terminal, and the person is told.

I2: docs/design.md#i2-fail-closed
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from umi_edge.doors.approvals import Approvals, Decided, Kind, Reply, Waiting
from umi_edge.egress.cloud_client import Outbound
from umi_edge.session.consent import ConsentRequest
from umi_edge.session.replies import ReplyRequest
from umi_edge.terminal.consent import TerminalConsent
from umi_edge.terminal.preview import TerminalPreview
from umi_edge.terminal.replies import TerminalReplies
from umi_edge.terminal.stdin import TypedLines
from umi_shared.screen.console import Screen

__all__ = ["TerminalAnswerer"]

_MOST_PREVIEWS = 64


@dataclass(slots=True, kw_only=True)
class TerminalAnswerer:
    """Answers at one terminal, for as long as `answer` runs."""

    approvals: Approvals
    console: Screen
    lines: TypedLines
    name: str = "terminal"
    where: str = "in the terminal of `umi serve`"
    conversation: str = ""
    """The one whose questions it answers; empty for all."""
    shown: bool = False
    """Whether a planner's question stands on this terminal before it is put here: it streamed there."""
    known: Callable[[], Iterable[str]] = field(default=tuple, repr=False)
    """The addresses that an unknown one may look like."""
    notices: Callable[[], Sequence[str]] = field(default=tuple, repr=False)
    """What a person should know before something leaves."""
    _previews: dict[str, TerminalPreview] = field(default_factory=dict, repr=False)
    """What was approved before is not shown again, for each conversation."""

    async def answer(self) -> None:
        """Put questions to the person until the task is cancelled."""
        with self.approvals.answerer(self.name, self.where, conversation=self.conversation):
            async with aclosing(self.approvals.subscribe()) as changes:
                async for _ in changes:
                    while waiting := self.approvals.waiting(self.conversation):
                        await self._put(waiting[0])

    async def _put(self, waiting: Waiting) -> None:
        asked = asyncio.create_task(self._reply(waiting))
        over = asyncio.create_task(self.approvals.over(waiting.id))
        try:
            await asyncio.wait([asked, over], return_when=asyncio.FIRST_COMPLETED)
            if not over.done():
                self.approvals.decide(waiting.id, waiting.digest, asked.result(), by=self.name)
                return
        finally:
            for task in (asked, over):
                task.cancel()
            await asyncio.wait([asked, over])
        if asked.cancelled():
            self.console.print()
            self.console.print(_elsewhere(over.result(), waiting.kind), style="yellow", soft_wrap=True)

    async def _reply(self, waiting: Waiting) -> Reply:
        if not self.conversation:  # it may be of any program
            self.console.print(f"Asked by {waiting.asked_by}:", style="dim", markup=False, soft_wrap=True)
        match waiting.request:
            case ConsentRequest():
                return await self._consent.approve(waiting.request)
            case Outbound():
                return await self._preview(waiting.conversation).approve(waiting.request)
            case ReplyRequest(question):
                replies = TerminalReplies(self.console, self.lines, shown=self.shown)
                return (await replies.reply(question)).strip() or False
        answers = await self._consent.answer(waiting.request)
        return False if answers is None else answers

    @property
    def _consent(self) -> TerminalConsent:
        return TerminalConsent(self.console, self.lines, self.known)

    def _preview(self, conversation: str) -> TerminalPreview:
        while len(self._previews) >= _MOST_PREVIEWS and conversation not in self._previews:
            self._previews.pop(next(iter(self._previews)))
        fresh = TerminalPreview(self.console, self.lines, notices=self.notices)
        return self._previews.setdefault(conversation, fresh)


def _elsewhere(decided: Decided | None, kind: Kind) -> str:
    if decided is None:
        return "Nobody needs that answer any more: what asked for it was stopped."
    done = "Answered" if kind in (Kind.QUESTION, Kind.REPLY) else "Approved"
    return f"{done if decided.approved else 'Declined'} elsewhere ({decided.by}), so not asked here."
