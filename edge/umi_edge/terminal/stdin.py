"""What a person types, line by line, waited for so that Ctrl-C works at every prompt."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console

from umi_edge.tools.worker import in_worker

__all__ = ["TypedLines"]


def _of_standard_input() -> str:
    """One line, read without the buffer: a thread that holds its lock would crash Python at its end."""
    if sys.stdin is None:
        return ""
    source = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    line: bytes = source.readline()
    return line.decode("utf-8", "replace")


@dataclass(slots=True)
class TypedLines:
    """The lines of standard input.

    Each is read in a thread that nobody waits for: `asyncio.to_thread` would keep an interrupted program from its end
    until somebody types a line. A line whose reader was cancelled goes to the next reader.
    """

    read: Callable[[], str] = field(default=_of_standard_input, repr=False)
    """Blocks until there is a line; empty at the end."""
    _coming: asyncio.Task[str] | None = field(default=None, repr=False)

    async def next(self) -> str:
        """The next line, with its end; empty at the end of input."""
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

    async def confirmed(self, console: Console, question: str) -> bool:
        """Whether the person says yes; an empty line, and the end of input, is no."""
        if self._coming is not None and self._coming.done():
            self._coming = None  # typed before this was asked
        while True:
            console.print(f"{question} [y/n] (n): ", end="", markup=False, style="bold")
            match (await self.next()).strip().lower():
                case "y" | "yes":
                    return True
                case "" | "n" | "no":
                    return False
            console.print("Please type y or n.")
