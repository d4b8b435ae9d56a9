"""Writes the events of one answer: what people read at once, and text that comes faster in larger pieces.

gRPC's price is that of a message, whatever its size: token by token it would be most of what a plan costs a front. So
what ends an answer (the last text, the decision, the usage) is one message, where the device reads such.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from umi_shared.transcript import AnswerDelta, QuestionDelta, RationaleDelta

__all__ = ["PIECE_SECONDS", "EventWriter"]

PIECE_SECONDS = {RationaleDelta: 0.25, QuestionDelta: 0.1, AnswerDelta: 0.1}
"""The least time between two pieces of a text: what is read by people comes ten times a second, what a caller reads
ahead four times, and for the first time after so long. Nothing else waits."""
_LATE_SECONDS = 0.05
"""Text that is due goes with the next that comes; this long after, without it."""
_PIECE_CHARACTERS = 8192
"""A piece does not grow beyond this while the device reads slowly."""


class EventWriter:
    """Takes events and writes them in their order. `async with` ends its work; for one event loop."""

    def __init__(self, write: Callable[[Sequence[Any]], Awaitable[None]], *, several: bool = False) -> None:
        """`write` sends one message: of one event, or with `several` of those of one moment."""
        self._write = write
        self._several = several
        self._loop = asyncio.get_running_loop()
        self._kind: type[RationaleDelta | QuestionDelta | AnswerDelta] | None = None
        """Of what is held."""
        self._held: list[str] = []
        self._characters = 0
        self._ending: list[Any] = []
        """What goes with the text that is held."""
        self._text_at: dict[type, float] = {RationaleDelta: self._loop.time() + PIECE_SECONDS[RationaleDelta]}
        """When a kind of text may be written again; any other at once."""
        self._timer: asyncio.Handle | None = None
        """Set while something is held."""
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "EventWriter":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Exception):  # what was said before it failed is not lost
            with suppress(Exception):
                await self._flush()
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def take(self, event: Any) -> None:
        """Write an event, or hold a text until it is due. Raises what writing raises, of earlier texts, too."""
        kind = type(event)
        if kind is self._kind and not self._ending and self._characters < _PIECE_CHARACTERS:
            self._hold(event.text)
            if self._loop.time() >= self._text_at[kind]:
                await self._flush()
            return
        if self._several and kind not in PIECE_SECONDS:
            await self._end_writing()
            self._join(event)
            return
        await self._flush()
        if kind not in PIECE_SECONDS:
            await self._write((event,))
        elif self._loop.time() >= (due := self._text_at.get(kind, 0.0)):
            await self._write_text(event)
        else:
            self._kind = kind
            self._hold(event.text)
            self._timer = self._loop.call_at(due + _LATE_SECONDS, self._due)

    async def finish(self) -> None:
        """Write what is held."""
        await self._flush()

    def _hold(self, text: str) -> None:
        self._held.append(text)
        self._characters += len(text)

    def _join(self, event: Any) -> None:
        """Let an event go with what is held and with what follows at once."""
        if not self._ending:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_soon(self._due)
        self._ending.append(event)

    def _due(self) -> None:
        self._writing = asyncio.ensure_future(self._write_held())

    async def _end_writing(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing

    async def _flush(self) -> None:
        await self._end_writing()
        if self._timer is not None:
            self._timer.cancel()
            await self._write_held()

    async def _write_held(self) -> None:
        kind, text, ending = self._kind, "".join(self._held), self._ending
        self._timer, self._kind, self._held, self._characters, self._ending = None, None, [], 0, []
        if kind is not None:
            await self._write_text(kind(text), ending)
        elif ending:
            await self._write(ending)

    async def _write_text(self, event: Any, ending: Sequence[Any] = ()) -> None:
        self._text_at[type(event)] = self._loop.time() + PIECE_SECONDS[type(event)]
        await self._write((event, *ending))
