"""A sign of life on a terminal while somebody is waited for."""

from dataclasses import dataclass, field

from rich.status import Status

from umi_shared.screen.console import Screen

__all__ = ["Waiting"]


@dataclass(slots=True)
class Waiting:
    """One spinner at a time. Nothing may stream, or ask, until it has ended."""

    what: str = field(default="", repr=False)
    """What umi is waiting for now."""
    _status: Status | None = field(default=None, repr=False)

    def show(self, console: Screen, what: str) -> None:
        """Show what umi is waiting for; does nothing when the console is not a terminal."""
        self.end()
        self.what = what
        if console.is_terminal:
            self._status = console.status(what)
            self._status.start()

    def end(self) -> None:
        """Take the spinner away, if there is one."""
        self.what = ""
        if self._status is not None:
            self._status.stop()
            self._status = None
