"""The sessions of a gateway: each has a vault, and both end together.

Where the protocol has a session, as a pipe to one program is one, it is umi's too. Where it has none (MCP of
2026-07-28), the program names one by the word that an earlier result had, and gets a new one without it.

I3: docs/design.md#i3-noninterference
I4: docs/design.md#i4-handles-resolve-in-one-place
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from umi_edge.doors.gateway.handle_numbers import numbers_of
from umi_edge.doors.gateway.session_count import SessionCount
from umi_edge.labelling.vault import Vault
from umi_edge.session.tool_session import ToolSession

__all__ = [
    "BUILT_IN",
    "OpenSession",
    "SessionLimits",
    "Sessions",
    "TooManySessionsError",
    "UnknownSessionError",
]

OpenSession = Callable[[Vault], AbstractAsyncContextManager[ToolSession]]
"""Opens one with an empty vault, whose numbers no other session of the program has had."""


class UnknownSessionError(Exception):
    """No session has this name now."""


class TooManySessionsError(Exception):
    """More sessions than a client may open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How many sessions a client may have, and for how long."""

    open_at_once: int = 16
    """The one that was used longest ago ends for another one."""
    a_day: int = 48
    """What a policy tells on purpose is bounded for a session, so sessions are, too."""
    idle_seconds: float = 2 * 3600


BUILT_IN = SessionLimits()


@dataclass(slots=True)
class _Open:
    session: ToolSession
    ends: AsyncExitStack
    used: float


@dataclass(slots=True)
class Sessions:
    """The open sessions of one client, by the words that name them."""

    open_session: OpenSession = field(repr=False)
    limits: SessionLimits = field(default_factory=SessionLimits)
    count: SessionCount = field(default_factory=SessionCount, repr=False)
    now: Callable[[], float] = time.monotonic
    _open: "OrderedDict[str, _Open]" = field(default_factory=OrderedDict, init=False, repr=False)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    """One is opened at a time: calls that come at once under one word get one session."""

    async def find(self, word: str) -> ToolSession:
        """The session of a word. Raises `UnknownSessionError`."""
        now = self.now()
        await self._end_idle(now)
        found = self._open.get(word)
        if found is None:
            raise UnknownSessionError
        found.used = now
        self._open.move_to_end(word)
        return found.session

    def recent(self) -> tuple[tuple[str, ToolSession], ...]:
        """The open ones with their words, the one that was used last first."""
        now = self.now()
        return tuple(
            (word, one.session) for word, one in reversed(self._open.items()) if not self._idle(one, now)
        )

    async def begin(self, word: str = "") -> tuple[str, ToolSession]:
        """A new session under its own name; or the one of a transport's word, new where that has none.

        Raises `TooManySessionsError`, and `PrivacyError` where no numbers are left for its handles.
        """
        async with self._opening:
            await self._end_idle(self.now())
            if word in self._open:
                return word, self._open[word].session
            before = await asyncio.to_thread(self.count.take, self.limits.a_day)
            if before is None:
                raise TooManySessionsError
            while len(self._open) >= self.limits.open_at_once:
                await self.end(next(iter(self._open)))
            ends, vault = AsyncExitStack(), Vault(numbers_of(before))
            session = await ends.enter_async_context(self.open_session(vault))
            word = word or session.name
            self._open[word] = _Open(session, ends, self.now())
            return word, session

    async def drop(self, session: ToolSession) -> None:
        """End a session that may tell no more, whatever its word is; its word may have a new one already."""
        for word, one in tuple(self._open.items()):
            if one.session is session:
                await self.end(word)

    async def end(self, word: str) -> bool:
        """End a session and its vault; whether there was one."""
        found = self._open.pop(word, None)
        if found is None:
            return False
        await found.ends.aclose()
        return True

    async def end_all(self) -> None:
        """End every session."""
        for word in tuple(self._open):
            await self.end(word)

    async def _end_idle(self, now: float) -> None:
        for word, one in tuple(self._open.items()):
            if self._idle(one, now):
                await self.end(word)

    def _idle(self, one: _Open, now: float) -> bool:
        return now - one.used > self.limits.idle_seconds
