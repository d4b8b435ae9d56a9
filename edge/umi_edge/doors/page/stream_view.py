"""What happens, as the page follows it: steps of conversations, and the questions that wait.

While somebody follows, the page is one that questions can be put to the user by.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any

from umi_edge.doors.approvals import Approvals, NotDecided, Why
from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.live import Live
from umi_edge.doors.page.answers import text_of_event
from umi_edge.doors.page.question_view import UnfitError, question_json, reply_of
from umi_edge.doors.step import Step
from umi_edge.runtime.laptop import Laptop

__all__ = ["StreamView"]

_NAME = "page"
_WHERE = "on umi's page"
_MOST_STREAMS = 16
_KEEP_ALIVE = b": umi is here\n\n"
_KEEP_ALIVE_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class StreamView:
    """Follows one process."""

    laptop: Laptop
    approvals: Approvals
    live: Live
    keep_alive_seconds: float = _KEEP_ALIVE_SECONDS
    _process: str = field(default_factory=lambda: secrets.token_hex(8), init=False, repr=False)
    """Another one after a restart: step numbers begin anew."""
    _streams: int = field(default=0, init=False)
    _over: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    def open(self, after: int) -> AsyncIterator[bytes]:
        """The events from a step on: `begun`, then `step` and `waiting`. Raises `ApiError` where too many follow."""
        if self._streams >= _MOST_STREAMS:
            raise ApiError(f"{_MOST_STREAMS} pages follow umi already: close one of them", status=429)
        return self._events(after)

    async def _events(self, after: int) -> AsyncIterator[bytes]:
        if self._streams >= _MOST_STREAMS:  # many were opened at once
            return
        self._streams += 1
        waiting: asyncio.Queue[bytes] = asyncio.Queue(maxsize=64)
        work = (self._steps(waiting, after), self._questions(waiting), self._end(waiting))
        tasks = [asyncio.create_task(one) for one in work]
        try:
            with self.approvals.answerer(_NAME, _WHERE):
                yield text_of_event("begun", {"process": self._process})
                while not self._over.is_set():
                    try:
                        async with asyncio.timeout(self.keep_alive_seconds):
                            event = await waiting.get()
                    except TimeoutError:
                        event = _KEEP_ALIVE
                    yield event
        finally:
            self._streams -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_followed(self) -> bool:
        """Whether a page follows."""
        return self._streams > 0

    def stop(self) -> None:
        """End all of them."""
        self._over.set()

    async def _steps(self, waiting: "asyncio.Queue[bytes]", after: int) -> None:
        async with aclosing(self.live.subscribe(after=after)) as steps:
            async for step in steps:
                await waiting.put(text_of_event("step", _step(step)))

    async def _questions(self, waiting: "asyncio.Queue[bytes]") -> None:
        async with aclosing(self.approvals.subscribe()) as changes:
            async for _ in changes:
                await waiting.put(text_of_event("waiting", self.waiting()))

    async def _end(self, waiting: "asyncio.Queue[bytes]") -> None:
        await self._over.wait()
        await waiting.put(_KEEP_ALIVE)

    def waiting(self) -> list[dict[str, Any]]:
        """The questions that wait, the oldest first."""
        return [question_json(one, self._known(), self._notices()) for one in self.approvals.waiting()]

    def decide(self, id: str, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        """Decide one question about the values that were shown, or tell what was decided. Raises `ApiError`."""
        request = next((one.request for one in self.approvals.waiting() if one.id == id), None)
        try:
            reply = reply_of(request, asked.get("reply"))
        except UnfitError as error:
            raise ApiError(f"{error.field}: {error}", param=error.field) from None
        decided = self.approvals.decide(id, str(asked.get("digest", "")), reply, by=_NAME)
        if isinstance(decided, NotDecided):
            raise ApiError(decided.why.value, status=404 if decided.why is Why.UNKNOWN else 409)
        return {"approved": decided.approved, "by": decided.by, "mine": decided.mine}

    def _known(self) -> Iterable[str]:
        return chain.from_iterable(self.laptop.gazetteers.values.values())

    def _notices(self) -> Sequence[str]:
        return self.laptop.gazetteers.notices


def _step(step: Step) -> dict[str, Any]:
    return asdict(step)
