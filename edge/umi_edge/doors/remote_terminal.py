"""A terminal elsewhere: what a conversation in this process shows at, and asks of, the terminal of another command.

Both sides are one user's, and what is between them is JSON lines on loopback. The daemon draws, as wide and as
coloured as that terminal is; the command at the terminal prints what comes, and sends what is typed.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import io
import queue
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Literal, Self, cast, get_args

from umi_edge.runtime.conversation import Output
from umi_edge.session.events import CallWritten, Event, Observed, Refused
from umi_edge.terminal.spinner import Waiting
from umi_edge.terminal.stdin import TypedLines
from umi_edge.tools import Succeeded
from umi_shared.screen.console import Screen

__all__ = ["Frame", "RemoteTerminal", "Seat"]

Frame = dict[str, Any]
"""One of: `text` (with `err`), `waiting`, `discard`, `read`, `calls`, `called`, `end`."""

_Colours = Literal["standard", "256", "truecolor", "windows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What a terminal is like, and how a command shows a conversation there."""

    as_json: bool = False
    quiet: bool = False
    to_stderr: bool = False
    """Where progress and questions go."""
    screen: bool = False
    """Whether a person reads them there."""
    types: bool = False
    """Whether a person types."""
    width: int = 80
    height: int = 24
    colours: str = ""
    """What it can, by Rich's word for it; empty for nothing but letters."""
    plain: bool = False
    """Whether its user wants no colours (`NO_COLOR`)."""

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """That of another process. Raises `ValueError`."""
        flags = {
            name: said.get(name) is True
            for name in ("as_json", "quiet", "to_stderr", "screen", "types", "plain")
        }
        width, height, colours = said.get("width"), said.get("height"), said.get("colours")
        if not isinstance(width, int) or not isinstance(height, int):
            raise ValueError("a terminal has a width and a height")
        if not isinstance(colours, str) or colours not in ("", *get_args(_Colours)):
            raise ValueError("a terminal has colours that Rich knows")
        return cls(
            **flags, width=min(max(width, 20), 1000), height=min(max(height, 5), 1000), colours=colours
        )


class _Stream(io.TextIOBase):
    """A standard stream of the other command."""

    def __init__(self, frames: "asyncio.Queue[Frame]", *, err: bool, terminal: bool) -> None:
        super().__init__()
        self._frames = frames
        self._err = err
        self._terminal = terminal

    def write(self, text: str) -> int:
        if text:
            self._frames.put_nowait({"text": text, "err": self._err})
        return len(text)

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"


@dataclass(slots=True)
class _RemoteWaiting(Waiting):
    """The spinner of the other command."""

    frames: "asyncio.Queue[Frame]" = field(default_factory=asyncio.Queue, repr=False)

    def show(self, console: Screen, what: str) -> None:
        self.what = what
        self.frames.put_nowait({"waiting": what})

    def end(self) -> None:
        if self.what:
            self.what = ""
            self.frames.put_nowait({"waiting": ""})


class RemoteTerminal:
    """The terminal of a command that visits this process. To be used in one event loop."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._typed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self.lines = TypedLines(read=self._read, discard=self._discard)
        streams = [
            cast(IO[str], _Stream(self._frames, err=err, terminal=seat.screen)) for err in (False, True)
        ]
        console = Screen(
            file=streams[seat.to_stderr],
            force_terminal=seat.screen,
            color_system=cast(_Colours, seat.colours) if seat.colours else None,
            no_color=seat.plain,
            width=seat.width,
            height=seat.height,
            legacy_windows=False,
            _environ={},
        )
        self.output = Output(
            console=console,
            as_json=seat.as_json,
            quiet=seat.quiet,
            lines=self.lines,
            waiting=_RemoteWaiting(frames=self._frames),
            out=streams[0],
            err=streams[1],
            types=seat.types,
        )

    async def frames(self) -> AsyncIterator[Frame]:
        """What the other command is told, until the end."""
        while True:
            frame = await self._frames.get()
            yield frame
            if "end" in frame:
                return

    def end(self, exit_code: int) -> None:
        """Tell it that all is done."""
        self._frames.put_nowait({"end": exit_code})

    def typed(self, line: str) -> None:
        """Take a line that was typed there; an empty one is the end of input."""
        self._typed.put(line)

    def note(self, event: Event) -> None:
        """Tell it which calls begin and end, so that it knows what was done should this process be killed."""
        match event:
            case CallWritten(tool=tool):
                self._frames.put_nowait({"calls": tool})
            case Observed(tool=tool, outcome=outcome):
                result = "done" if isinstance(outcome, Succeeded) else str(outcome.kind)
                self._frames.put_nowait({"called": tool, "result": result})
            case Refused(tool, kind, _):
                self._frames.put_nowait({"called": tool, "result": kind})

    def _read(self) -> str:
        """Have it read a line, and wait for it: called in a thread."""
        self._loop.call_soon_threadsafe(self._frames.put_nowait, {"read": True})
        return self._typed.get()

    def _discard(self) -> bool:
        self._frames.put_nowait({"discard": True})
        return self.seat.types
