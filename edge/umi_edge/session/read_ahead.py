"""Reading ahead: while the planner speaks, the caller reads what is known of its own coming prompt.

The reader is always a step behind, or more: it takes the newest that is known, and skips what was overtaken. What it
reads is what it would read anyway, so a wrong guess leaves nothing but tokens that the next reading drops.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from umi_shared.transcript import View

__all__ = ["ReadAhead", "reading_ahead"]


class ReadAhead:
    """Hands the newest view to a reader, one at a time."""

    def __init__(self, begin: Callable[[], Awaitable[None]], read: Callable[[View], Awaitable[None]]) -> None:
        self._begin = begin
        self._read = read
        self._newest: View | None = None
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    def know(self, view: View) -> None:
        """More is known, or something else than before."""
        self._newest = view
        self._news.set()

    def end(self) -> None:
        """Start no more reading; let the one under way finish, since the call needs it."""
        self._newest = None
        self._news.set()

    def drop(self) -> None:
        """Stop within a token: it is not the caller's turn. A second time changes nothing."""
        if not self._task.cancelling():  # a second cancellation would end the wait for the worker
            self._task.cancel()

    async def settled(self) -> None:
        """Wait until nothing is being read. A failure is not told here: the call meets it, if there is one."""
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        await self._begin()
        while await self._news.wait() and self._newest is not None:
            self._news.clear()
            await self._read(self._newest)


@asynccontextmanager
async def reading_ahead(
    begin: Callable[[], Awaitable[None]], read: Callable[[View], Awaitable[None]]
) -> AsyncIterator[ReadAhead]:
    """Read ahead for one step: `begin` first, then `read` for what becomes known; leaving early stops it."""
    ahead = ReadAhead(begin, read)
    try:
        yield ahead
    finally:
        ahead.drop()
        await ahead.settled()
