"""The bridge: between a program that has started `umi mcp serve` and whoever carries out its requests.

That is the daemon while it runs, and this process where it does not. Where it ends in the midst, or takes up another
policy, the program is told so for each request that was under way, and none is made again. Its next request begins a
new session, with whoever is there then, in which no handle from before stands for anything.

I2: docs/design.md#i2-fail-closed
I4: docs/design.md#i4-handles-resolve-in-one-place
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from mcp.types import (
    INTERNAL_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from umi_shared.errors import TransportError, UmiError

__all__ = ["Bridge", "FarEnd", "LostError", "NotTakenError", "RefusedError"]

LOST = (
    "umi was stopped, or has taken up another policy, in the midst of this. What it had begun may have been done: the "
    "user sees it on the laptop. umi does not do it again by itself"
)
UNSERVED = "umi serves nobody here now, and this was not done; its own output on the laptop says more, and `umi doctor`"
_REPLAYED = "umi-begins-again"


class NotTakenError(Exception):
    """The far end has ended before it took a message."""


class LostError(Exception):
    """The far end has ended, and may have taken a message."""


class RefusedError(TransportError):
    """The far end refuses something, in words that may be told to the program."""


class FarEnd(Protocol):
    """Whoever carries out the requests."""

    async def send(self, message: JSONRPCMessage) -> None:
        """Give it a message. Raises `NotTakenError`, `LostError`; and `RefusedError` where it refuses this one."""

    def messages(self) -> AsyncIterator[JSONRPCMessage]:
        """What it says, until it ends."""


Connect = Callable[[], AbstractAsyncContextManager[FarEnd]]
"""Finds somebody, who is there until the end of the context. Raises `UmiError` where nobody can be."""


@dataclass(slots=True)
class _Talk:
    """What is open with one far end."""

    end: FarEnd
    stack: AsyncExitStack
    over: bool = False
    theirs: set[str | int] = field(default_factory=set, repr=False)
    """The requests that it has made of the program, and that are not answered."""
    begun: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Whether it has answered the handshake that was replayed; it may have ended before."""
    pump: "asyncio.Task[None] | None" = None


@dataclass(slots=True, kw_only=True)
class Bridge:
    """One program, and what has to be known of it to begin again."""

    tell: Callable[[JSONRPCMessage], Awaitable[None]] = field(repr=False)
    """Says something to the program."""
    connect: Connect = field(repr=False)
    complain: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Told, for the user's eyes, what may not be told to the program: it may name their files."""
    _talk: _Talk | None = field(default=None, init=False, repr=False)
    _handshake: JSONRPCRequest | None = field(default=None, init=False, repr=False)
    _under_way: dict[str | int, bool] = field(default_factory=dict, init=False, repr=False)
    """The program's requests that are not answered; whether each was taken by the far end."""

    async def begin(self) -> None:
        """Find somebody for the first time. Raises `UmiError`."""
        await self._reach()

    async def end(self) -> None:
        """Let go of the far end."""
        if self._talk is not None:
            await self._leave(self._talk)

    async def hear(self, message: JSONRPCMessage) -> None:
        """Take what the program says, and see to it that a request is answered."""
        if not isinstance(message, JSONRPCRequest):
            await self._pass_on(message)
            return
        if message.method == "initialize":
            self._handshake = message
        self._under_way[message.id] = False
        try:
            await self._carry(message)
        except RefusedError as error:
            await self._refuse(message.id, f"{error.message}; {error.fix}")
        except UmiError as error:
            self.complain(f"{error.message}; {error.fix}")
            await self._refuse(message.id, UNSERVED)
        except (LostError, NotTakenError):
            await self._refuse(message.id, LOST)

    async def _carry(self, message: JSONRPCRequest) -> None:
        """Give a request to the far end; where that has ended before it took it, to another one."""
        for _ in range(2):
            talk = await self._reach(introduced=message.method != "initialize")
            try:
                await talk.end.send(message)
            except NotTakenError:
                talk.over = True
                continue
            if message.id in self._under_way:
                self._under_way[message.id] = True
                if talk.over:
                    raise LostError
            return
        raise NotTakenError

    async def _pass_on(self, message: JSONRPCMessage) -> None:
        """A notification, or an answer: nobody waits for anything, and one that comes too late is for nobody."""
        talk = self._talk
        if isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self._under_way.pop(
                (message.params or {}).get("requestId", ""), None
            )  # nobody waits for it any more
        if talk is None or talk.over:
            return
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            if message.id not in talk.theirs:
                return
            talk.theirs.discard(message.id)
        try:
            await talk.end.send(message)
        except (UmiError, NotTakenError, LostError):
            return

    async def _reach(self, *, introduced: bool = True) -> _Talk:
        """Somebody who is there, who has had the program's handshake. Raises `UmiError`, `NotTakenError`."""
        if self._talk is not None:
            if not self._talk.over:
                return self._talk
            await self._leave(self._talk)
            await self._tell_lost()
        async with AsyncExitStack() as stack:
            end = await stack.enter_async_context(self.connect())
            talk = _Talk(end, stack.pop_all())
        self._talk = talk
        talk.pump = asyncio.create_task(self._follow(talk))
        if introduced and self._handshake is not None:
            await self._introduce(talk, self._handshake)
        return talk

    async def _introduce(self, talk: _Talk, handshake: JSONRPCRequest) -> None:
        await talk.end.send(handshake.model_copy(update={"id": _REPLAYED}))
        if not await talk.begun:
            raise NotTakenError
        await talk.end.send(JSONRPCNotification(jsonrpc="2.0", method="notifications/initialized"))

    async def _leave(self, talk: _Talk) -> None:
        self._talk = None
        talk.over = True
        if talk.pump is not None:
            talk.pump.cancel()
            await asyncio.wait([talk.pump])
        await talk.stack.aclose()

    async def _follow(self, talk: _Talk) -> None:
        """Tell the program what the far end says; at its end, what has become of the requests under way."""
        async for message in talk.end.messages():
            match message:
                case JSONRPCResponse(id=known) | JSONRPCError(id=known) if known == _REPLAYED:
                    if not talk.begun.done():
                        talk.begun.set_result(True)
                    continue
                case JSONRPCResponse(id=known) | JSONRPCError(id=known) if known is not None:
                    self._under_way.pop(known, None)
                case JSONRPCRequest(id=known):
                    talk.theirs.add(known)
            await self.tell(message)
        talk.over = True
        if not talk.begun.done():
            talk.begun.set_result(False)
        await self._tell_lost()

    async def _tell_lost(self) -> None:
        """Answer what a far end has taken that is there no more."""
        for known in [one for one, taken in self._under_way.items() if taken]:
            await self._refuse(known, LOST)

    async def _refuse(self, id: str | int, words: str) -> None:  # noqa: A002
        """Answer a request that was not, or not known to be, carried out; each has one answer."""
        if self._under_way.pop(id, None) is None:
            return
        error = ErrorData(code=INTERNAL_ERROR, message=f"{words[:1].upper()}{words[1:]}.")
        await self.tell(JSONRPCError(jsonrpc="2.0", id=id, error=error))
