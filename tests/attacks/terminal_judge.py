"""Judges what a program printed: by its bytes, and by what a terminal of other people's (pyte) makes of them.

It knows nothing of umi's own ways. What a program of good faith needs is allowed: colours, the end of a line, and what
redraws a spinner or a bar in place.
"""

import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
import unicodedata
from fcntl import ioctl

import pyte

ALLOWED = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[hl]|\x1b\[2?K|\x1b\[[0-9]*[AG]|\r?\n|\r|\t")
UNSEEN = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0}
SELECTORS = (range(0xFE00, 0xFE10), range(0xE0000, 0xE1000))
POISON = (
    "zq\nzqforged\x1b[2J\u202e[bold]zqmarkup[/bold]\x00\x07\x08\x0b\x0c\x0e\x1b[1;1H\x1b]0;zqtitle\x07"
    "\x1b]8;;http://zq.example\x1b\\link\x1bP1$r\x1b\\\x1bc\x7f\x85\x9b2J\x9d0;zqtitle\x9c\xad\u061c\u2066\u200b"
    "\u200c\u200d\u200f\u2028\u2029\u2060\ufeff\ufe0f\u3164\U000e0041\U000e0101\ue000\r\nzqforged\rzqforged"
    "[link=http://zq]zqmarkup[/link] :bomb:"
)
"""What steers terminals, shows as nothing, forges lines and looks like markup."""
IN_A_NAME = POISON.replace("\x00", "").replace("/", "|").encode()[:200].decode("utf-8", "ignore")
"""As much of it as the name of a file may be."""
READ_AS_WRITTEN = r"[\[_](?:bold|link.http...zq)[\]_]zqmarkup"  # `_`: in the name of a tool
READERS_OF_LINES = ("draw", "linefeed", "carriage_return", "select_graphic_rendition", "erase_in_line", "tab")
REDRAWS = ("cursor_up", "cursor_to_column")


class Watched:
    """A terminal that notes whatever it is told to do beside showing letters."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.screen = pyte.Screen(2000, 50)

    def __getattr__(self, name: str):
        if name not in pyte.Stream.events or name in (*READERS_OF_LINES, *REDRAWS):
            return getattr(self.screen, name)

        def noted(*arguments, **settings):
            spinner = name in ("set_mode", "reset_mode") and arguments == (25,) and settings.get("private")
            if not spinner:
                self.told.append(f"{name}{arguments}")

        return noted


def faults(printed: bytes) -> list[str]:
    """What in a program's output steers the terminal, hides, forges a line or was read as markup."""
    text = printed.decode("utf-8", "replace")
    found = [f"U+{ord(one):04X} in the output" for one in dict.fromkeys(ALLOWED.sub("", text)) if _hides(one)]
    found += ["not UTF-8"] if "\ufffd" in text else []
    watched = Watched()
    pyte.Stream(watched).feed(text)
    found += [f"the terminal was told: {told}" for told in dict.fromkeys(watched.told)]
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    found += ["a forged line"] if re.search(r"(?:^|[\n\r])zqforged", plain) else []
    marked = plain.count("zqmarkup") - len(re.findall(READ_AS_WRITTEN, plain))
    found += ["markup was read"] if marked else []
    return found


def _hides(one: str) -> bool:
    code = ord(one)
    return (
        unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
        or code in UNSEEN
        or any(code in span for span in SELECTORS)
    )


def at_terminal(arguments: list[str], *, typed: bytes = b"", seconds: float = 110, **env: str) -> bytes:
    """What a program prints at a pty of 2,000 columns; `typed` is sent once it asks something."""
    child, file = pty.fork()
    if child == 0:
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1", **env}
        environment.pop("NO_COLOR", None)
        os.execve(sys.executable, [sys.executable, *arguments], environment)
    ioctl(file, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))
    printed, end, asked = b"", time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            if not select.select([file], [], [], 1)[0]:
                if typed and printed.count(b"(n): ") > asked:
                    asked = printed.count(b"(n): ")
                    os.write(file, typed)
                continue
            try:
                piece = os.read(file, 1 << 16)
            except OSError:
                piece = b""
            if not piece:
                return printed
            printed += piece
        raise AssertionError(f"still running after {seconds} seconds: {printed[-2000:]!r}")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(file)
