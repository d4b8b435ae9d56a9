"""Writes the events of one answer: the first at once, and text that comes faster than people read in larger pieces.

gRPC's price is that of a message, whatever its size: token by token it would be most of what a plan costs a front.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from umi_shared.transcript import AnswerDelta, QuestionDelta, RationaleDelta

__all__ = ["PIECE_SECONDS", "EventWriter"]

PIECE_SECONDS = {RationaleDelta: 0.25, QuestionDelta: 0.1, AnswerDelta: 0.1}
"""The least time between two pieces of a text: what is read by people comes ten times a second, what a caller reads
ahead four times. Nothing else waits."""
_PIECE_CHARACTERS = 8192
"""A piece does not grow beyond this while the device reads slowly."""


class EventWriter:
    """Takes events and writes them in their order. `async with` ends its work; for one event loop."""

    def __init__(self, write: Callable[[Any], Awaitable[None]]) -> None:
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._held: RationaleDelta | QuestionDelta | AnswerDelta | None = None
        self._text_at = 0.0
        """When text may be written again."""
        self._timer: asyncio.TimerHandle | None = None
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
        held = self._held
        if held is not None and type(event) is type(held) and len(held.text) < _PIECE_CHARACTERS:
            self._held = replace(held, text=held.text + event.text)
            return
        await self._flush()
        if type(event) not in PIECE_SECONDS:
            await self._write(event)
        elif self._loop.time() >= self._text_at:
            await self._write_text(event)
        else:
            self._held = event
            self._timer = self._loop.call_at(self._text_at, self._due)

    async def finish(self) -> None:
        """Write what is held."""
        await self._flush()

    def _due(self) -> None:
        self._writing = asyncio.ensure_future(self._write_held())

    async def _flush(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing
        if self._timer is not None:
            self._timer.cancel()
            await self._write_held()

    async def _write_held(self) -> None:
        self._timer, held, self._held = None, self._held, None
        if held is not None:
            await self._write_text(held)

    async def _write_text(self, event: Any) -> None:
        self._text_at = self._loop.time() + PIECE_SECONDS[type(event)]
        await self._write(event)
