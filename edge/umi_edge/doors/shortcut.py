"""The shortcut: how a browser gets to the page without its code among the words of a command."""

import html
import os
import webbrowser
from collections.abc import Callable

from umi_edge.doors.place import Place

__all__ = ["browse"]


def browse(place: Place, page: str, open_browser: Callable[[str], bool] = webbrowser.open) -> bool:
    """Open the page in the browser, at an address of `page_address`; whether there is one.

    The code is not among the words of a command, which other users of this machine can see: the browser opens a file
    that only this user can read, and that leads on.
    """
    address = html.escape(page)
    file = place.shortcut
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        written.write(
            f'<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>umi</title>'
            f'<meta http-equiv="refresh" content="0; url={address}"><a href="{address}">umi</a>\n'
        )
    return open_browser(file.resolve().as_uri())
