"""Kept calls: those that the user is asked about while their client has an answer already, and is to come again.

In MCP of 2026-07-28 a server asks nothing in the midst of a call. It answers that it needs something, with a word; the
client sees to it, and repeats the call with that word. The call itself is made once: it waits here, and the repetition
is given what comes of it. A word is good for its own call only, and for one repetition at a time. A call whose client
does not come again in time is stopped, and so is one whose client breaks off while it waits.

I2: docs/design.md#i2-fail-closed
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.doors.gateway.elicitation import Action, NotShownError, elicited_by

__all__ = ["BUILT_IN_SECONDS", "KeptCalls", "NotKeptError", "ToShow", "what_is_called"]

BUILT_IN_SECONDS = 600.0
"""How long a client has for coming again: the user may think about it."""
_MOST = 16

Answer = dict[str, Any]


class NotKeptError(Exception):
    """No call waits under this word: it was another call's, or it is over."""


@dataclass(frozen=True, slots=True)
class ToShow:
    """What a client is to show its user, and the word that it comes again with."""

    words: str = field(repr=False)
    address: str = field(repr=False)
    word: str = field(repr=False)


@dataclass(slots=True, eq=False)
class _Kept:
    word: str = field(repr=False)
    what: bytes = field(repr=False)
    owner: str = field(repr=False)
    task: "asyncio.Task[Answer]" = field(init=False, repr=False)
    to_show: ToShow | None = field(default=None, repr=False)
    """What it needs shown now."""
    shown: "asyncio.Future[Action] | None" = field(default=None, repr=False)
    needs: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set while it needs something shown."""
    waited_for: bool = True
    """Whether a request of its client waits for it."""
    over: asyncio.TimerHandle | None = field(default=None, repr=False)

    async def need(self) -> ToShow | None:
        """What it needs shown next; None once it is made."""
        while not self.task.done():
            needs = asyncio.create_task(self.needs.wait())
            try:
                await asyncio.wait([self.task, needs], return_when=asyncio.FIRST_COMPLETED)
            finally:
                needs.cancel()
            self.needs.clear()
            if self.shown is not None and not (self.shown.done() or self.task.done()):
                return self.to_show  # which nobody has decided elsewhere meanwhile
        return None


@dataclass(slots=True, kw_only=True)
class KeptCalls:
    """The calls of one gateway that wait."""

    seconds: float = BUILT_IN_SECONDS
    _kept: dict[str, _Kept] = field(default_factory=dict, init=False, repr=False)

    @property
    def has_room(self) -> bool:
        """Whether another call may wait here."""
        return len(self._kept) < _MOST

    async def begin(
        self, what: bytes, call: Callable[[], Coroutine[Any, Any, Answer]], *, owner: str = ""
    ) -> Answer | ToShow:
        """Make a call: what comes of it, or what has to be shown first. Raises what the call raises.

        `what` stands for the call, as `what_is_called` gives it; `owner` for whom it is made.
        """
        kept = _Kept(secrets.token_hex(16), what, owner)

        async def show(words: str, address: str, _: str) -> Action:
            kept.to_show = ToShow(words, address, kept.word)
            kept.shown = asyncio.get_running_loop().create_future()
            kept.needs.set()
            return await kept.shown

        async def made() -> Answer:
            with elicited_by(show):
                return await call()

        self._kept[kept.word] = kept
        kept.task = asyncio.create_task(made())
        return await self._next(kept)

    async def go_on(
        self, word: str, what: bytes, action: Action | None, *, owner: str = ""
    ) -> Answer | ToShow:
        """What comes of a call that waits, or what else has to be shown; `action` is what the user did about it.

        None where the client does not say. Raises `NotKeptError`, and what the call raises.
        """
        kept = self._kept.get(word)
        if kept is None or kept.waited_for or (kept.what, kept.owner) != (what, owner):
            raise NotKeptError
        kept.waited_for = True
        if kept.over is not None:
            kept.over.cancel()
        if kept.shown is not None and not kept.shown.done():
            if action is None:
                kept.shown.set_exception(NotShownError())
            else:
                kept.shown.set_result(action)
        return await self._next(kept)

    async def end(self, owner: str) -> None:
        """Stop the calls that wait for one owner."""
        await asyncio.gather(*(self._stop(one) for one in tuple(self._kept.values()) if one.owner == owner))

    async def end_all(self) -> None:
        """Stop all that wait."""
        await asyncio.gather(*(self._stop(one) for one in tuple(self._kept.values())))

    async def _next(self, kept: _Kept) -> Answer | ToShow:
        try:
            to_show = await kept.need()
        except asyncio.CancelledError:
            await self._stop(kept)
            raise
        if to_show is None:
            self._kept.pop(kept.word, None)
            return kept.task.result()
        kept.waited_for = False
        kept.over = asyncio.get_running_loop().call_later(self.seconds, self._give_up, kept)
        return to_show

    def _give_up(self, kept: _Kept) -> None:
        self._kept.pop(kept.word, None)
        kept.task.cancel()
        kept.task.add_done_callback(_heard)

    async def _stop(self, kept: _Kept) -> None:
        if kept.over is not None:
            kept.over.cancel()
        self._give_up(kept)
        await asyncio.wait([kept.task])


def _heard(task: "asyncio.Task[Answer]") -> None:
    """Nobody asks what came of a call that was given up."""
    if not task.cancelled():
        task.exception()


def what_is_called(name: str, arguments: Mapping[str, Any]) -> bytes:
    """Stands for a call; a repetition is of the same one."""
    return hashlib.sha256(json.dumps([name, arguments], sort_keys=True).encode()).digest()
