"""The opener: the daemon opens the page for the user when a program has something for their eyes.

The browser gets there by a code that works once, in a file that the user alone can read. A program never sees it.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import asyncio
import os
import sys
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field

from umi_edge.doors.place import Place
from umi_edge.doors.shortcut import browse
from umi_edge.doors.user_key import UserKey

__all__ = ["PageOpener"]

_APART_SECONDS = 20
"""A program may not fill the screen with pages."""


@dataclass(slots=True, kw_only=True)
class PageOpener:
    """Opens the page, unless the user has it open."""

    place: Place
    key: UserKey = field(repr=False)
    is_followed: Callable[[], bool] = field(repr=False)
    """Whether the page is open."""
    browser: Callable[[str], bool] | None = field(default=None, repr=False)
    """Opens an address; without it the user's browser does, where there is a screen."""
    now: Callable[[], float] = field(default=time.monotonic, repr=False)
    url: str = field(default="", init=False, repr=False)
    """Where the page is, once the daemon listens."""
    _opened: float | None = field(default=None, init=False)

    async def open(self, view: str) -> bool:
        """Open it at a view, such as `approvals`; whether the user has it before them now."""
        if self.is_followed():
            return True
        if self._opened is not None and self.now() - self._opened < _APART_SECONDS:
            return True  # it is being opened
        browser = self.browser or _browser()
        if browser is None:
            return False
        self._opened = self.now()
        address = f"{self.url}/#code={self.key.code()}&at={view}"
        try:
            opened = await asyncio.to_thread(browse, self.place, address, browser)
        except (OSError, webbrowser.Error):
            opened = False
        if not opened:
            self._opened = None
        return opened


def _browser() -> Callable[[str], bool] | None:
    """The user's browser, where it has a screen: one for terminals would take the daemon's own."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform.startswith(("darwin", "win32")) or any(map(os.environ.get, screens)):
        return webbrowser.open
    return None
