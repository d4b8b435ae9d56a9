"""Runs: an instruction that is carried out while any number of requests read along, and that never acts twice.

Clients repeat a request whose answer they lost, with the same body. A repeated request joins the run that is under way,
and gets what one came to whose client was gone before the end, where it had called a tool.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from umi_shared.errors import PrivacyError, UmiError

__all__ = ["Called", "Ended", "Failed", "Piece", "Returned", "Run", "Runs", "Said", "Thought"]

_REMEMBERED_SECONDS = 600
"""How long a run whose client was gone waits for the client to ask again: longer than clients go on trying."""


@dataclass(frozen=True, slots=True)
class Thought:
    """What is being done, for a client that shows it beside the answer; without private values."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Called:
    """A tool is called, on this device and by umi; without private values."""

    tool: str = field(repr=False)
    arguments: str = field(repr=False)
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What came of the call before; without private values."""

    told: str = field(repr=False)
    done: bool
    made: bool = True
    """Whether it was made at all: the policy may not allow it, or the user."""


@dataclass(frozen=True, slots=True)
class Said:
    """A part of the answer, with the real values."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """All is said."""

    usage: Mapping[str, int] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended on the way; where `Run.acted` says so, after something was done."""

    error: UmiError

    @property
    def text(self) -> str:
        """What a client is told."""
        return f"{self.error.message}. {self.error.fix}"


Piece = Thought | Called | Returned | Said | Ended | Failed


class Run:
    """The pieces of one answer as they come. It is stopped when its last reader leaves before the end."""

    def __init__(self, work: Callable[["Run"], AsyncIterator[Piece]]) -> None:
        self.acted = False
        """Whether a tool was called."""
        self.delivered = False
        """Whether all of it was sent to somebody."""
        self.stopping = False
        """Whether it was told to stop; nobody joins it any more."""
        self.ended_at: float | None = None
        self._pieces: list[Piece] = []
        self._more = asyncio.Condition()
        self._readers = 0
        self._task = asyncio.create_task(self._carry_out(work))

    async def read(self) -> AsyncGenerator[Piece, None]:
        """All pieces, from the first on. Close it to leave."""
        self._readers += 1
        position = 0
        try:
            while True:
                async with self._more:
                    while position == len(self._pieces) and self.ended_at is None:
                        await self._more.wait()
                if position == len(self._pieces):
                    return
                position += 1
                yield self._pieces[position - 1]
        finally:
            self._readers -= 1
            if not self._readers and self.ended_at is None:
                self._stop()

    def note_delivered(self) -> None:
        """All of it was sent."""
        self.delivered = True

    async def stop(self) -> None:
        """Stop it, and wait until it has stopped."""
        self._stop()
        await self.ended()

    async def ended(self) -> None:
        """Wait until it has stopped."""
        await asyncio.wait([self._task])

    def _stop(self) -> None:
        self.stopping = True
        self._task.cancel()

    async def add(self, piece: Piece) -> None:
        """Let the readers have another piece."""
        async with self._more:
            self._pieces.append(piece)
            self._more.notify_all()

    async def _carry_out(self, work: Callable[["Run"], AsyncIterator[Piece]]) -> None:
        try:
            async for piece in work(self):
                await self.add(piece)
        except Exception as error:  # its text may hold values (I8)
            fault = f"something in umi or a plug-in failed ({type(error).__name__})"
            await self.add(Failed(PrivacyError(fault, fix="try again; if it stays so, please report it")))
        finally:
            self.ended_at = time.monotonic()
            async with self._more:
                self._more.notify_all()


class Runs:
    """The runs that a repeated request may belong to, by what is the same for the same body."""

    def __init__(self, *, most: int = 32) -> None:
        self.most = most
        """How many may be under way at once."""
        self._runs: dict[str, Run] = {}

    async def join(self, digest: str, *, again: bool = False) -> Run | None:
        """The run that a request repeats, if it does; `again` where the client says that it does.

        One that is stopping is waited for: only then is it known whether it called a tool.
        """
        while (run := self._runs.get(digest)) is not None and run.stopping and run.ended_at is None:
            await run.ended()
        self._forget()
        run = self._runs.get(digest)
        if run is None:
            return None
        over = run.stopping or run.ended_at is not None
        return None if over and (not run.acted or (run.delivered and not again)) else run

    def begin(self, digest: str, work: Callable[[Run], AsyncIterator[Piece]]) -> Run | None:
        """Start one; None where too many are under way."""
        self._forget()
        if sum(run.ended_at is None for run in self._runs.values()) >= self.most:
            return None
        run = self._runs[digest] = Run(work)
        return run

    async def stop(self) -> None:
        """Stop all of them, and begin no more."""
        self.most = 0
        await asyncio.gather(*(run.stop() for run in self._runs.values()))

    def _forget(self) -> None:
        now = time.monotonic()
        self._runs = {
            digest: run
            for digest, run in self._runs.items()
            if run.ended_at is None or (run.acted and now - run.ended_at < _REMEMBERED_SECONDS)
        }
