"""The system's notification of what waits: it comes once, and names the tool and who asks, and no value."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.edge.doors.test_approvals import CALL, CANARY, MESSAGE, QUESTION, WHICH
from umi_edge.doors.approvals import Approvals
from umi_edge.doors.notifier import Notifier, notification, show
from umi_edge.tools.running_call import ServerQuestion

HELD = ServerQuestion(server="tables", message=CANARY, url=f"https://example.org/{CANARY}")


@contextmanager
def notified(approvals: Approvals, moment: float = 0.0) -> Iterator["asyncio.Queue[str]"]:
    shown: asyncio.Queue[str] = asyncio.Queue()
    following = asyncio.create_task(
        Notifier(approvals=approvals, show=shown.put, moment_seconds=moment).follow()
    )
    with approvals.answerer("page", "on the page"):
        yield shown
    following.cancel()


@pytest.mark.parametrize(
    ("asked", "door", "said"),
    [
        (CALL, "chat", "mail.send wants your yes. Asked by a chat program."),
        (CALL, "client:claude", "mail.send wants your yes. Asked by client: claude."),
        (MESSAGE, "ask", "A message to the planner wants your yes. Asked by umi ask."),
        (QUESTION, "ask", "tables asks you something. Asked by umi ask."),
        (HELD, "ask", "tables asks you something. Asked by umi ask."),
        (WHICH, "ask", "The planner asks you something. Asked by umi ask."),
        (replace(CALL, tool="a\nb\u202e"), "c\nd", "a␊b<U+202E> wants your yes. Asked by c␊d."),
    ],
)
async def test_what_waits_is_told_without_a_value(asked, door, said):
    approvals = Approvals()
    questions = approvals.of("c1", door)
    ask = {str: questions.reply, ServerQuestion: questions.answer}.get(type(asked), questions.approve)
    with notified(approvals) as shown:
        work = asyncio.create_task(ask(asked))
        told = await asyncio.wait_for(shown.get(), 10)
        work.cancel()
    assert told == said
    assert CANARY not in told


async def test_each_is_told_once_and_several_that_come_together_are_one():
    approvals = Approvals()
    with notified(approvals) as shown:
        first = asyncio.create_task(approvals.of("c1", "chat").approve(CALL))
        assert "mail.send" in await asyncio.wait_for(shown.get(), 10)
        more = [asyncio.create_task(approvals.of(f"c{n}", "chat").approve(CALL)) for n in range(3)]
        assert await asyncio.wait_for(shown.get(), 10) == "3 questions wait for you."
        [before, *_] = approvals.waiting()
        approvals.decide(before.id, before.digest, reply=True, by="page")
        assert await first is True
        last = asyncio.create_task(approvals.of("c1", "ask").reply(WHICH))
        assert "The planner asks" in await asyncio.wait_for(shown.get(), 10)
        assert shown.empty()
        for task in (*more, last):
            task.cancel()


async def test_what_is_answered_at_once_is_not_told():
    approvals = Approvals()
    with notified(approvals, moment=0.05) as shown:
        asked = asyncio.create_task(approvals.of("c1", "chat").approve(CALL))
        await asyncio.sleep(0)
        [waiting] = approvals.waiting()
        approvals.decide(waiting.id, waiting.digest, reply=True, by="page")
        assert await asked is True
        later = asyncio.create_task(approvals.of("c1", "ask").reply(WHICH))
        assert "The planner asks" in await asyncio.wait_for(shown.get(), 10)
        assert shown.empty()
        later.cancel()


def test_where_the_platform_has_none_there_is_none():
    assert notification("x", "win32", lambda name: name) == ()
    assert notification("x", "linux", lambda _: None) == ()
    assert notification("x", "darwin", lambda _: None) == ()


def test_a_text_is_no_option_no_markup_and_no_program():
    hostile = '--help <b> " & (do shell script "x")'
    assert notification(hostile, "linux", lambda name: name)[-3:] == (
        "--",
        "umi asks you something",
        '--help &lt;b&gt; " &amp; (do shell script "x")',
    )
    command = notification(hostile, "darwin", lambda name: name)
    assert command[-1] == hostile
    assert not any(hostile in part for part in command[:-1])


@pytest.mark.skipif(sys.platform != "linux", reason="notify-send is Linux's")
async def test_the_systems_program_is_run_and_its_failure_passed_over(tmp_path, monkeypatch):
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/shown\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    await show("mail.send wants your yes.")
    assert (tmp_path / "shown").read_text().splitlines()[-1] == "mail.send wants your yes."
