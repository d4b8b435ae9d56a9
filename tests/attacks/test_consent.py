"""Attacks on consent: keys typed too early, values that imitate the screen, letters that pass for others.

Each runs a real program at a real terminal (a pty) and reads what a person would see there.
"""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has no pty", allow_module_level=True)
import pty

PROGRAM = """
import asyncio, sys, time
from umi_shared.screen.console import Screen
from umi_edge.session.consent import ConsentRequest, DecidedBy, Provenance
from umi_edge.terminal.consent import TerminalConsent
from umi_edge.terminal.stdin import TypedLines

KNOWN = ["paul@example.org", "Paul Smith"]
lines = TypedLines()
console = Screen(width=100)
by = Provenance(decided_by=DecidedBy({by!r}), said=("who said so",))
arguments = {arguments!r}
request = ConsentRequest(
    tool="mail.send", arguments=arguments, reasons=(), leaves_device=True,
    provenance=dict.fromkeys(arguments, by),
)

async def main():
    if {reader}:  # somebody waited for a line and was cancelled: the thread still reads
        waiting = asyncio.create_task(lines.next())
        await asyncio.sleep(0.2)
        waiting.cancel()
    print("READY", flush=True)
    await asyncio.sleep({busy})
    consent = TerminalConsent(console, lines, lambda: KNOWN)
    print("APPROVED" if await consent.approve(request) else "DECLINED", flush=True)

asyncio.run(main())
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Terminal:
    """The other end of a program's terminal."""

    file: int
    seen: str = ""
    at: int = field(default=0)

    def until(self, wanted: str, seconds: float = 60) -> str:
        """What came up to some text, without colours."""
        end = time.monotonic() + seconds
        while wanted not in self.seen[self.at :]:
            ready, _, _ = select.select([self.file], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {wanted!r} in {self.seen!r}"
            try:
                piece = os.read(self.file, 65536)
            except OSError:
                piece = b""
            assert piece, f"ended without {wanted!r}: {self.seen!r}"
            self.seen += COLOUR.sub("", piece.decode("utf-8", "replace"))
        found = self.seen.index(wanted, self.at) + len(wanted)
        said, self.at = self.seen[self.at : found], found
        return said

    def ends(self, seconds: float = 60) -> None:
        """Wait until the program has closed its terminal."""
        end = time.monotonic() + seconds
        while select.select([self.file], [], [], max(0, end - time.monotonic()))[0]:
            try:
                if not os.read(self.file, 65536):
                    return
            except OSError:
                return
        raise AssertionError("it did not end")

    def type(self, text: str) -> None:
        os.write(self.file, text.encode())


@contextmanager
def asking(
    arguments: dict[str, object], *, by: str = "you", busy: float = 0, reader: bool = False, piped: str = ""
) -> Iterator[Terminal]:
    program = PROGRAM.format(arguments=arguments, by=by, busy=busy, reader=reader)
    with running("-c", program, piped=piped) as terminal:
        yield terminal


@contextmanager
def running(*arguments: str, piped: str = "") -> Iterator[Terminal]:
    """Python at a terminal; `piped` is what a pipe in place of the keyboard holds."""
    child, file = pty.fork()
    if child == 0:
        if piped:
            reading, writing = os.pipe()
            os.write(writing, piped.encode())
            os.close(writing)
            os.dup2(reading, 0)
        environment = {**os.environ, "TERM": "xterm", "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, *arguments], environment)
    try:
        yield Terminal(file)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(file)


@pytest.mark.parametrize("reader", [False, True])
def test_what_is_typed_before_the_question_approves_nothing(reader):
    with asking({"to": "a@example.org"}, busy=1, reader=reader) as terminal:
        terminal.until("READY")
        terminal.type("y\nyes\ny\n")
        terminal.until("Go ahead?")
        time.sleep(1)
        terminal.type("n\n")
        terminal.until("DECLINED")


@pytest.mark.parametrize("by", ["you", "a stranger"])
def test_what_a_pipe_holds_approves_nothing_for_it_was_written_before_the_question(by):
    with asking({"to": "a@example.org"}, by=by, piped="y\nyes\n" * 1000) as terminal:
        assert "nobody is at a terminal" in terminal.until("DECLINED")


def test_no_command_takes_what_was_typed_before_its_question(tmp_path):
    config, theirs = tmp_path / "config.yaml", tmp_path / "mcp.json"
    config.write_text("operators: true\n")
    theirs.write_text('{"mcpServers": {"a": {"command": "server-of-theirs"}}}')
    command = ("-m", "umi_edge", "mcp", "import", str(theirs), "--config", str(config))
    with running(*command) as terminal:
        terminal.type("y\n")
        terminal.until("[y/n]")
        time.sleep(1)
        terminal.type("n\n")
        terminal.ends()
    assert "server-of-theirs" not in config.read_text()
    with running(*command, piped="y\n") as terminal:
        terminal.until("nobody is at a terminal")
        terminal.ends()
    assert "server-of-theirs" not in config.read_text()
    with running(*command) as terminal:
        terminal.until("[y/n]")
        time.sleep(1)
        terminal.type("y\n")
        terminal.until("has them now")
    assert "server-of-theirs" in config.read_text()


def test_a_key_in_the_first_moment_of_a_question_counts_for_nothing():
    with asking({"to": "a@example.org"}) as terminal:
        terminal.until("Go ahead?")
        terminal.type("y\n")
        time.sleep(1)
        terminal.type("\n")
        terminal.until("DECLINED")


def test_a_yes_after_that_moment_counts():
    with asking({"to": "a@example.org"}) as terminal:
        terminal.until("Go ahead?")
        time.sleep(1)
        terminal.type("y\n")
        terminal.until("APPROVED")


def test_what_a_stranger_decided_wants_the_word_yes():
    with asking({"to": "a@example.org"}, by="a stranger") as terminal:
        assert "Not decided by you, but by a text of somebody else: to" in terminal.until("Go ahead?")
        time.sleep(1)
        terminal.type("y\n")
        terminal.until("Please type one of yes/n")
        terminal.type("yes\n")
        terminal.until("APPROVED")


def test_a_value_with_newlines_blanks_or_escapes_makes_no_line_of_its_own_and_the_recipient_stands_last():
    body = 'Hi\nto: "you@example.org"\r\x1b[2J\x1b[1;1H' + " " * 90 + "to: you" + "\n" * 80
    with asking({"to": "mallory@example.net", "body": body}) as terminal:
        screen = terminal.until("Go ahead?")
    lines = [line.strip("│ \r") for line in screen.splitlines()]
    assert [line for line in lines if line.startswith("to")] == ['to   "mallory@example.net"']
    assert "\x1b" not in screen
    assert "␊" in screen
    assert "[90 blanks]" in screen
    assert screen.index("mallory@example.net") > screen.index("body")


def test_a_long_value_is_folded_and_can_be_read_whole():
    with asking({"body": "a " * 400 + "MIDDLE" + " b" * 400}) as terminal:
        screen = terminal.until("Go ahead?")
        assert "more characters" in screen
        assert "MIDDLE" not in screen
        time.sleep(1)
        terminal.type("v\n")
        terminal.until("MIDDLE")
        terminal.until("Please type one of y/n/v")
        terminal.type("n\n")
        terminal.until("DECLINED")


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("\u0430lice@example.org", "mixes scripts: Cyrillic, Latin"),
        ("\u0440\u0430\u0443@\u0440\u0430\u0443.example", "looks like “pay”, and is not"),
        ("ali\u200bce@example.org", "[U+200B ZERO WIDTH SPACE]"),
        ("\u202egro.elpmaxe@ecila", "[U+202E RIGHT-TO-LEFT OVERRIDE]"),
        ("\uff41lice@example.org", "looks like"),
        ("alice\u3164@example.org", "[U+3164 HANGUL FILLER]"),
        ("pau1@example.org", "looks like “paul@example.org”, which is in your contacts, but is not"),
        ("p\u0430ul@example.org", "looks like “paul@example.org”, which is in your contacts, but is not"),
        ("eve@examp1e.org", "looks like “example.org”, which is in your contacts, but is not"),
        ("eve@xn--exmple-4nf.org", "looks like “example.org”, which is in your contacts, but is not"),
        ("eve@xn--80ak6aa92e.com", "is “аррӏе.com”"),
        ("eve@почта.рф", "is xn--80a1acny.xn--p1ai on the network"),
    ],
)
def test_a_recipient_that_passes_for_another_is_marked(to, said):
    with asking({"to": to}) as terminal:
        screen = terminal.until("Go ahead?")
    assert said in " ".join(line.strip("│ \r") for line in screen.splitlines())
    assert "Look closely" in screen
    assert not set("\u200b\u202e\u3164") & set(screen)


@pytest.mark.parametrize("to", ["alice@example.org", "Paul@Example.ORG", "modem@example.org"])
def test_an_honest_recipient_is_not_marked(to):
    with asking({"to": to, "subject": "Grüße, 你好, こんにちは, привет"}) as terminal:
        assert "Look closely" not in terminal.until("Go ahead?")
