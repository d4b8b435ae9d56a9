"""Waiting for a person: the program ends when it is interrupted, and no line is lost or taken for another."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading

import pytest

from umi_edge.terminal.stdin import TypedLines
from umi_shared.screen.console import Screen

PROGRAM = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background inherits that it is ignored
from umi_shared.screen.console import Screen
from umi_edge.session.consent import ConsentRequest
from umi_edge.terminal.consent import TerminalConsent
from umi_edge.terminal.stdin import TypedLines

request = ConsentRequest(tool="mail.send", arguments={"to": "a@example.org"}, reasons=(), leaves_device=True)
consent = TerminalConsent(Screen(file=sys.stderr, force_terminal=True), TypedLines(discard=lambda: True))
asyncio.run(consent.approve(request))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to whole consoles only")
def test_an_interrupt_at_a_question_ends_the_program_at_once():
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stderr is not None
    said = ""
    while "Go ahead?" not in said:
        said += program.stderr.read(1)
    program.send_signal(signal.SIGINT)
    try:  # its standard input stays open: nobody types a line
        assert program.wait(timeout=60) != 0
        rest = program.stderr.read()
    finally:
        program.kill()
        program.communicate()
    assert "KeyboardInterrupt" in rest
    assert "Fatal Python error" not in rest


async def test_a_line_whose_reader_was_cancelled_goes_to_the_next():
    typed = threading.Event()
    read = iter(["first\n", "second\n"])

    def wait() -> str:
        typed.wait(10)
        return next(read)

    lines = TypedLines(read=wait)
    task = asyncio.create_task(lines.next())
    await asyncio.sleep(0)
    task.cancel()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
    typed.set()
    assert [await lines.next(), await lines.next()] == ["first\n", "second\n"]


async def test_a_line_is_for_one_reader_alone():
    typed = threading.Event()
    read = iter(["first\n", "second\n"])

    def wait() -> str:
        typed.wait(10)
        return next(read)

    lines = TypedLines(read=wait)
    readers = [asyncio.create_task(lines.next()) for _ in range(2)]
    await asyncio.sleep(0.05)
    typed.set()
    assert await asyncio.gather(*readers) == ["first\n", "second\n"]


async def test_a_yes_that_was_typed_before_the_question_is_none():
    answers = iter(["yes\n", "no\n"])
    lines = TypedLines(read=lambda: next(answers), discard=lambda: True, moment=0)
    task = asyncio.create_task(lines.next())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert lines._coming is not None
    await asyncio.wait([lines._coming])
    assert not await lines.confirmed(Screen(file=io.StringIO()), "Go ahead?")


async def test_a_pipe_answers_no_question_and_keeps_its_lines():
    screen = Screen(file=io.StringIO())
    lines = TypedLines(read=io.StringIO("yes\n").readline, discard=lambda: False)
    assert not await lines.confirmed(screen, "Go ahead?")
    assert "nobody is at a terminal" in screen.file.getvalue()  # type: ignore[attr-defined]
    assert await lines.next() == "yes\n"


async def test_lines_of_a_pipe_are_read_to_its_end(monkeypatch):
    reading, writing = os.pipe()
    os.write(writing, "über\n\xff".encode("latin-1") + b"\n")
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        lines = TypedLines()
        assert [await lines.next() for _ in range(3)] == ["\ufffdber\n", "\ufffd\n", ""]
