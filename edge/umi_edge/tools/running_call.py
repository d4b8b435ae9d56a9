"""The call that is running: whom it may turn to, and how long it may take.

A server may ask the user something in the midst of a call, and say how far it is. While the user is asked, the call's
time does not run.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from umi_edge.tools.json_type import JSON

__all__ = [
    "CallHost",
    "Nobody",
    "Progress",
    "ServerQuestion",
    "QuestionField",
    "RunningCall",
    "begin_call",
    "running_call",
]

_PROGRESS_SECONDS = 0.1
_MOST_PROGRESS = 1000
_MOST_QUESTIONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionField:
    """One thing that a server asks for. All of it but the kind is a stranger's text."""

    name: str = field(repr=False)
    title: str = field(repr=False)
    description: str = field(default="", repr=False)
    kind: str
    """`text`, `integer`, `number`, `flag`, `choice` or `choices`."""
    choices: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What may be chosen, with the words for each."""
    default: JSON = field(default=None, repr=False)
    required: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the server says of the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerQuestion:
    """What a server asks the user in the midst of a call; or an address that it wants them to open."""

    server: str
    message: str = field(repr=False)
    fields: tuple[QuestionField, ...] = ()
    url: str = field(default="", repr=False)
    remote: bool = False
    """Whether the server runs on another machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a call is, by the server's own word."""

    done: float
    total: float | None = None
    message: str = field(default="", repr=False)


class CallHost(Protocol):
    """Whom a running call may turn to."""

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """What the user answers, for this server only; None where they decline."""
        ...

    def progressed(self, progress: Progress) -> None:
        """Take notice of how far the call is."""
        ...


class Nobody:
    """Nobody is there: every question is declined (I2)."""

    async def answer(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """None."""
        return None

    def progressed(self, progress: Progress) -> None:
        """Nothing."""


@dataclass(slots=True)
class RunningCall:
    """One call, from its start to its end."""

    host: CallHost
    seconds: float
    """The time that is left, while the clock does not run."""
    _since: float | None = field(default_factory=time.monotonic)
    """Since when the clock runs; None while the user is asked."""
    _goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A person answers one question at a time."""
    _open: set[asyncio.Task[Any]] = field(default_factory=set, repr=False)
    """Questions that nobody has answered yet."""
    _over: bool = False
    _asking: int = 0
    _asked: int = 0
    _told_at: float = 0
    _told: int = 0

    async def ask(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        """Ask the user; the time does not run meanwhile. After a few questions in one call all are declined.

        So is one that is open when the call ends: what the user types then is meant for something else.
        """
        self._asked += 1
        if self._over or self._asked > _MOST_QUESTIONS:
            return None
        self._pause()
        task = asyncio.ensure_future(self._put(question))
        self._open.add(task)
        try:
            await asyncio.wait({task})
            return None if self._over or task.cancelled() else task.result()
        finally:
            task.cancel()
            self._open.discard(task)
            self._resume()

    async def _put(self, question: ServerQuestion) -> Mapping[str, JSON] | None:
        async with self._one:
            return await self.host.answer(question)

    def end(self) -> None:
        """The call is over: nobody is asked for it any more."""
        self._over = True
        for task in tuple(self._open):
            task.cancel()

    def progressed(self, progress: Progress) -> None:
        """Tell the host how far the call is; what comes too often is left out."""
        if self._asking or self._over:  # it would write over the question
            return
        now = time.monotonic()
        if now - self._told_at >= _PROGRESS_SECONDS and self._told < _MOST_PROGRESS:
            self._told_at = now
            self._told += 1
            self.host.progressed(progress)

    def _pause(self) -> None:
        self._asking += 1
        if self._since is not None:
            self.seconds -= time.monotonic() - self._since
            self._since = None
            self._goes_on.clear()

    def _resume(self) -> None:
        self._asking -= 1
        if self._asking == 0:
            self._since = time.monotonic()
            self._goes_on.set()

    async def wait_for(self, task: "asyncio.Future[Any]") -> bool:
        """Wait for the end of the call; whether it came in time."""
        while not task.done():
            if self._since is None:
                goes_on = asyncio.ensure_future(self._goes_on.wait())
                try:
                    await asyncio.wait({task, goes_on}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    goes_on.cancel()
                continue
            left = self.seconds - (time.monotonic() - self._since)
            if left <= 0:
                return False
            await asyncio.wait({task}, timeout=left)
        return True


_RUNNING: ContextVar[RunningCall | None] = ContextVar("running_call", default=None)


def running_call() -> RunningCall | None:
    """The call that runs in this task."""
    return _RUNNING.get()


def begin_call(host: CallHost, seconds: float) -> RunningCall:
    """Let what is begun in this task from now on know the call that it runs for."""
    call = RunningCall(host, seconds)
    _RUNNING.set(call)
    return call
