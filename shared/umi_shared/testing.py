"""An engine that follows a script: the real seam, no model. For tests, and for trying out the wiring."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from umi_shared.engine import ChatPrompt, Chunk, Delta, Finish, Finished, Generation
from umi_shared.errors import ModelError
from umi_shared.transcript import Usage

__all__ = ["Ending", "Reply", "Script", "ScriptedEngine"]

_CHARACTERS_PER_TOKEN = 4


class Ending(StrEnum):
    """What the engine does after a reply's text."""

    FINISH = "finish"
    LENGTH = "length"
    """Ends at the token limit."""
    HANG = "hang"
    """Says nothing more, for ever."""
    REPEAT = "repeat"
    """Says the text again and again, for ever."""
    VANISH = "vanish"
    """Ends the stream without `Finished`."""
    CRASH = "crash"
    """Raises `error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the engine says to one generation."""

    text: str = ""
    ending: Ending = Ending.FINISH
    error: Exception = field(default_factory=lambda: ModelError("the scripted engine crashes here"))
    piece_characters: int = 8
    """The text is streamed in pieces of this size."""
    pause_seconds: float = 0.0
    """Seconds between two pieces."""
    gate: asyncio.Event | None = None
    """When given, the reply waits for it before its first piece."""


Script = Sequence[Reply | str] | Callable[[Generation], Reply | str]


class ScriptedEngine:
    """Answers generations from a list, in order, or with a function of the generation.

    `generations` has every request; `running` counts those in the model now and `stopped` those that were closed
    or cancelled before they ended, so that a test can see that a cancelled one really stopped. `until` waits for
    that without a sleep. A list that is used up is an error.
    """

    def __init__(self, script: Script) -> None:
        self.generations: list[Generation] = []
        self.running = 0
        self.finished = 0
        self.stopped = 0
        self._script = script
        self._closed = False
        self._waiters: list[tuple[Callable[[ScriptedEngine], bool], asyncio.Future[None]]] = []

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """Stream the next reply of the script; raises `ModelError` when there is none."""
        reply = self._next(generation)
        self._count(running=1)
        stopped = 1
        try:
            if reply.gate is not None:
                await reply.gate.wait()
            async for chunk in _stream(reply, generation):
                stopped = 0 if isinstance(chunk, Finished) else 1
                yield chunk
            stopped = 0
        except Exception:
            stopped = 0
            raise
        finally:
            self._count(running=-1, finished=1 - stopped, stopped=stopped)

    async def close(self) -> None:
        """Close the engine: from now on a generation raises `ModelError`."""
        self._closed = True

    async def until(self, holds: Callable[["ScriptedEngine"], bool]) -> None:
        """Wait until something holds of the engine: `await engine.until(lambda e: e.running == 2)`."""
        if not holds(self):
            happened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((holds, happened))
            await happened

    def _next(self, generation: Generation) -> Reply:
        if self._closed:
            raise ModelError("the scripted engine is closed")
        self.generations.append(generation)
        if callable(self._script):
            reply = self._script(generation)
        elif len(self.generations) <= len(self._script):
            reply = self._script[len(self.generations) - 1]
        else:
            raise ModelError(f"the script has {len(self._script)} replies, and one more was asked for")
        return Reply(text=reply) if isinstance(reply, str) else reply

    def _count(self, *, running: int, finished: int = 0, stopped: int = 0) -> None:
        self.running += running
        self.finished += finished
        self.stopped += stopped
        for holds, happened in self._waiters:
            if not happened.done() and holds(self):
                happened.set_result(None)
        self._waiters = [waiter for waiter in self._waiters if not waiter[1].done()]


async def _stream(reply: Reply, generation: Generation) -> AsyncIterator[Chunk]:
    while True:
        for start in range(0, len(reply.text), reply.piece_characters):
            yield Delta(reply.text[start : start + reply.piece_characters])
            await asyncio.sleep(reply.pause_seconds)  # also with no pause: others get their turn
        match reply.ending:
            case Ending.REPEAT if reply.text:
                continue
            case Ending.HANG | Ending.REPEAT:
                await asyncio.Event().wait()
            case Ending.CRASH:
                raise reply.error
            case Ending.FINISH:
                yield Finished(Finish.STOP, _usage(reply, generation))
            case Ending.LENGTH:
                yield Finished(Finish.LENGTH, _usage(reply, generation))
        return


def _usage(reply: Reply, generation: Generation) -> Usage:
    """Plausible counts: a token for every four characters."""
    prompt = generation.prompt
    read = (
        sum(len(m.content) for m in prompt.messages) if isinstance(prompt, ChatPrompt) else len(prompt.text)
    )
    return Usage(
        prompt_tokens=read // _CHARACTERS_PER_TOKEN + 1,
        completion_tokens=len(reply.text) // _CHARACTERS_PER_TOKEN + 1,
    )
