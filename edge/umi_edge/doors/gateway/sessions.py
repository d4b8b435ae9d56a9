"""The sessions of a gateway: each has a vault, and both end together.

Where the protocol has a session, as a pipe to one program is one, it is umi's too. Where it has none (MCP of
2026-07-28), the program names one by the word that an earlier result had, and gets a new one without it.

I3: docs/design.md#i3-noninterference
I4: docs/design.md#i4-handles-resolve-in-one-place
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from umi_edge.session.tool_session import ToolSession

__all__ = [
    "BUILT_IN",
    "OpenSession",
    "SessionLimits",
    "Sessions",
    "TooManySessionsError",
    "UnknownSessionError",
]

OpenSession = Callable[[], AbstractAsyncContextManager[ToolSession]]
_DAY_SECONDS = 24 * 3600


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
    now: Callable[[], float] = time.monotonic
    _open: "OrderedDict[str, _Open]" = field(default_factory=OrderedDict, init=False, repr=False)
    _opened_at: list[float] = field(default_factory=list, init=False, repr=False)

    def find(self, word: str) -> ToolSession:
        """The session of a word. Raises `UnknownSessionError`."""
        found = self._open.get(word)
        if found is None:
            raise UnknownSessionError
        found.used = self.now()
        self._open.move_to_end(word)
        return found.session

    def recent(self) -> tuple[tuple[str, ToolSession], ...]:
        """The open ones with their words, the one that was used last first."""
        return tuple((word, one.session) for word, one in reversed(self._open.items()))

    async def begin(self, word: str = "") -> tuple[str, ToolSession]:
        """A new session, under a word of the transport's or under its own. Raises `TooManySessionsError`."""
        now = self.now()
        await self._end_idle(now)
        self._opened_at = [at for at in self._opened_at if now - at < _DAY_SECONDS]
        if len(self._opened_at) >= self.limits.a_day:
            raise TooManySessionsError
        self._opened_at.append(now)
        while len(self._open) >= self.limits.open_at_once:
            await self.end(next(iter(self._open)))
        ends = AsyncExitStack()
        session = await ends.enter_async_context(self.open_session())
        word = word or session.name
        self._open[word] = _Open(session, ends, now)
        return word, session

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
            if now - one.used > self.limits.idle_seconds:
                await self.end(word)
