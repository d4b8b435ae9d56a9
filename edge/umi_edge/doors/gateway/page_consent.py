"""Consent of a program's calls, on the page: the user is led there by their client, or the daemon opens it.

What the client says is never a yes: it may say that the user goes to the page, or that they will not. The decision is
made there, or wherever else questions are answered, about the exact values, and the first one holds.

I2: docs/design.md#i2-fail-closed
I5: docs/design.md#i5-third-party-tools-are-sinks
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

from umi_edge.doors.approvals import Questions
from umi_edge.doors.gateway.elicitation import Elicit, current_elicitation
from umi_edge.session.consent import ConsentRequest
from umi_edge.tools.json_type import JSON
from umi_edge.tools.running_call import ServerQuestion

__all__ = ["ASKED", "OpenPage", "PageConsent"]

OpenPage = Callable[[str], Awaitable[bool]]
"""Opens the page for the user, at a view; whether they have it before them."""
ASKED = "umi asks you about this call. Its page on this computer shows the exact values, and there you decide"
_VIEW = "approvals"
_OPENS_SECONDS = 30.0
"""How long the page may take to be there, once it is being opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageConsent:
    """Asks about the calls of one session; implements `Consent` and `AnswersQuestions`."""

    questions: Questions
    open_page: OpenPage = field(repr=False)
    address: str = field(repr=False)
    """That of the page, without a key."""
    opens_seconds: float = field(default=_OPENS_SECONDS, repr=False)

    async def approve(self, request: ConsentRequest) -> bool:
        """Whether this very call may be made."""
        async with self._before_the_user():
            return await self.questions.approve(request)

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """What the user answers to a tool's server; None for a no."""
        async with self._before_the_user():
            return await self.questions.answer(question)

    @property
    def _program(self) -> str:
        return self.questions.door.removeprefix("client:")

    @asynccontextmanager
    async def _before_the_user(self) -> AsyncIterator[None]:
        elicit = current_elicitation()
        if elicit is None:
            await self._opened()
            yield
            return
        seat = ExitStack()
        where = f"on the page that the program {self._program} leads to"
        approvals, conversation = self.questions.approvals, self.questions.conversation
        seat.enter_context(approvals.answerer(f"program {self._program}", where, conversation=conversation))
        led = asyncio.create_task(self._led(elicit, seat))
        try:
            yield
        finally:
            led.cancel()
            await asyncio.wait([led])
            seat.close()

    async def _opened(self) -> None:
        """Open the page where nobody can be asked, and wait until it is there."""
        if self.questions.where or not await self.open_page(_VIEW):
            return
        try:
            async with (
                asyncio.timeout(self.opens_seconds),
                aclosing(self.questions.approvals.subscribe()) as changes,
            ):
                async for _ in changes:
                    if self.questions.where:
                        return
        except TimeoutError:
            return

    async def _led(self, elicit: Elicit, seat: ExitStack) -> None:
        """Have the client lead the user to the page, which is opened where it cannot and nobody else can ask."""
        with seat:
            try:
                action = await elicit(ASKED, f"{self.address}/#/{_VIEW}", secrets.token_hex(8))
            except Exception:  # the client cannot, in words of its own: it is as one that offers nothing
                seat.close()
                await self._opened()
                return
            if action == "decline":
                approvals = self.questions.approvals
                for one in approvals.waiting(self.questions.conversation):
                    approvals.decide(one.id, one.digest, False, by=f"program {self._program}")
            if action == "accept" and await self.open_page(_VIEW):
                await asyncio.sleep(self.opens_seconds)  # by then the page asks by itself
