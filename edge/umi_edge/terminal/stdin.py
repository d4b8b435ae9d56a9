"""What a person types, line by line, waited for so that Ctrl-C works at every prompt.

A question is for a person at a terminal. What stands in a pipe was written before anybody saw the question, so it
answers none: there the answer is no.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from umi_edge.tools.worker import in_worker
from umi_shared.screen.console import Screen

if sys.platform == "win32":
    import msvcrt
else:
    import termios

__all__ = ["TypedLines"]


def _of_standard_input() -> str:
    """One line, read without the buffer: a thread that holds its lock would crash Python at its end."""
    if sys.stdin is None:
        return ""
    source = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    line: bytes = source.readline()
    return line.decode("utf-8", "replace")


def _discard_typed() -> bool:
    """Drop what the terminal holds; says whether standard input is one."""
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        return False
    if sys.platform == "win32":
        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    return True


@dataclass(slots=True)
class TypedLines:
    """The lines of standard input.

    Each is read in a thread that nobody waits for: `asyncio.to_thread` would keep an interrupted program from its end
    until somebody types a line. A line whose reader was cancelled goes to the next reader.
    """

    read: Callable[[], str] = field(default=_of_standard_input, repr=False)
    """Blocks until there is a line; empty at the end."""
    discard: Callable[[], bool] = field(default=_discard_typed, repr=False)
    """Drops what was typed and not read yet, at a terminal; says whether there is one."""
    moment: float = 0.5
    """Seconds for which a question stands before a key counts."""
    _coming: asyncio.Task[str] | None = field(default=None, repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """A line is for one reader."""

    async def next(self) -> str:
        """The next line, with its end; empty at the end of input."""
        async with self._turn:
            if self._coming is None:
                self._coming = asyncio.create_task(self._read())
            line = await asyncio.shield(self._coming)
            self._coming = None
            return line

    async def _read(self) -> str:
        try:
            return await in_worker(self.read)
        except (OSError, ValueError):  # closed, or gone with the terminal: the end of input
            return ""

    async def confirmed(
        self,
        console: Screen,
        question: str,
        *,
        in_full: bool = False,
        whole: Callable[[], None] | None = None,
    ) -> bool:
        """Whether the person at the terminal says yes; an empty line, the end of input, and a pipe, is no.

        What was typed before the question stood there for a moment is no answer to it: it is dropped.
        `in_full` wants the word `yes`, and `whole` shows in full what the question left out.
        """
        keys = f"{'yes' if in_full else 'y'}/n{'/v: show all' if whole is not None else ''}"
        console.print(f"{question} [{keys}] (n): ", end="", style="bold")
        if not await self._forget_what_was_typed():
            console.print("no, for nobody is at a terminal to answer it")
            return False
        while True:
            match (await self.next()).strip().lower():
                case "yes":
                    return True
                case "y" if not in_full:
                    return True
                case "" | "n" | "no":
                    return False
                case "v" if whole is not None:
                    whole()
            console.print(f"{question} Please type one of {keys}: ", end="", style="bold")

    async def reply(self, console: Screen, prompt: str) -> str:
        """A line that the person at the terminal types to a question; empty where nobody is at one."""
        console.print(prompt, end="", style="bold")
        if not await self._forget_what_was_typed():
            console.print("nobody is at a terminal to reply")
            return ""
        return await self.next()

    async def _forget_what_was_typed(self) -> bool:
        """Forget all lines so far; says whether somebody is there to type another."""
        if not self.discard():
            return False
        await asyncio.sleep(self.moment)
        self.discard()
        await asyncio.sleep(0)  # a reader that has a line by now says so
        if self._coming is not None and self._coming.done():
            self._coming = None
        return True
