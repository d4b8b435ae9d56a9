"""The terminal is one of those who may answer a question."""

import asyncio
import io
import queue
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.edge.doors.test_approvals import CALL, CANARY, MESSAGE, QUESTION, WHICH
from umi_edge.doors.approvals import Approvals, Decided
from umi_edge.doors.terminal_answerer import TerminalAnswerer
from umi_edge.terminal.stdin import TypedLines
from umi_shared.screen.console import Screen


@dataclass
class Terminal:
    approvals: Approvals
    typed: "queue.SimpleQueue[str]"
    written: io.StringIO

    async def shows(self, words: str, times: int = 1) -> None:
        """Wait until the screen shows them."""
        for _ in range(2000):
            if self.written.getvalue().count(words) >= times:
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"the screen does not show {words!r}")


@asynccontextmanager
async def terminal(conversation: str = "", *, shown: bool = False) -> AsyncIterator[Terminal]:
    approvals, typed, written = Approvals(), queue.SimpleQueue[str](), io.StringIO()
    answerer = TerminalAnswerer(
        approvals=approvals,
        console=Screen(file=written, width=120),
        lines=TypedLines(read=typed.get, discard=lambda: True, moment=0),
        conversation=conversation,
        shown=shown,
    )
    answering = asyncio.create_task(answerer.answer())
    await asyncio.sleep(0)
    yield Terminal(approvals, typed, written)
    answering.cancel()
    await asyncio.wait([answering])
    typed.put("")  # the thread that reads ends


async def test_a_question_is_put_to_the_person_and_their_answer_decides():
    async with terminal() as t:
        asked = asyncio.create_task(t.approvals.of("c1", "chat").approve(CALL))
        await t.shows("Go ahead?")
        assert CANARY in t.written.getvalue()
        t.typed.put("yes\n")
        assert await asked is True


@pytest.mark.parametrize(
    ("door", "words"),
    [
        ("chat", "a chat program"),
        ("umi chat", "umi chat"),
        ("client:claude", "client: claude"),
        ("client:ask", "client: ask"),
    ],
)
async def test_a_terminal_that_answers_for_all_says_who_asks(door, words):
    async with terminal() as t:
        asked = asyncio.create_task(t.approvals.of("c1", door).approve(CALL))
        await t.shows("Go ahead?")
        assert f"Asked by {words}:" in t.written.getvalue()
        t.typed.put("n\n")
        assert await asked is False


async def test_questions_come_one_after_the_other():
    async with terminal() as t:
        first = asyncio.create_task(t.approvals.of("c1", "chat").approve(CALL))
        second = asyncio.create_task(t.approvals.of("c2", "chat").approve(CALL))
        await t.shows("Go ahead?")
        assert t.written.getvalue().count("Go ahead?") == 1
        t.typed.put("n\n")
        assert await first is False
        t.typed.put("yes\n")
        assert await second is True


async def test_a_question_that_is_answered_elsewhere_is_taken_off_the_terminal():
    async with terminal() as t:
        asked = asyncio.create_task(t.approvals.of("c1", "chat").approve(CALL))
        await t.shows("Go ahead?")
        [waiting] = t.approvals.waiting()
        t.approvals.decide(waiting.id, waiting.digest, reply=False, by="page")
        assert await asked is False
        await t.shows("Declined elsewhere (page)")
        after = asyncio.create_task(t.approvals.of("c1", "chat").approve(CALL))
        await t.shows("Go ahead?", times=2)
        t.typed.put("yes\n")
        assert await after is True


async def test_a_question_whose_run_is_stopped_is_taken_off_the_terminal():
    async with terminal() as t:
        asked = asyncio.create_task(t.approvals.of("c1", "chat").approve(CALL))
        await t.shows("Go ahead?")
        asked.cancel()
        await t.shows("Nobody needs that answer any more")


async def test_a_message_and_a_server_s_question_are_put_to_the_person_too():
    async with terminal() as t:
        leaves = asyncio.create_task(t.approvals.of("c1", "chat").approve(MESSAGE))
        await t.shows("May this leave the device?")
        t.typed.put("y\n")
        assert await leaves is True
        answers = asyncio.create_task(t.approvals.of("c1", "chat").answer(QUESTION))
        await t.shows("Answer it?")
        t.typed.put("y\n")
        await t.shows("Seats")
        t.typed.put("4\n")
        assert await answers == {"seats": 4}


async def test_a_terminal_of_one_conversation_answers_no_other():
    async with terminal("c1") as t:
        assert await t.approvals.of("c2", "chat").approve(CALL) is False
        asked = asyncio.create_task(t.approvals.of("c1", "ask").approve(CALL))
        await t.shows("Go ahead?")
        t.typed.put("n\n")
        assert await asked is False
        [decided] = [t.approvals.decided(one) for one in t.approvals._decided]
        assert isinstance(decided, Decided)
        assert decided.by == "terminal"


@pytest.mark.parametrize("shown", [True, False])
async def test_a_planners_question_is_replied_to_in_words_and_shown_where_it_does_not_stand_yet(shown):
    async with terminal(shown=shown) as t:
        for typed, said in (("the second\n", "the second"), ("\n", "")):
            asked = asyncio.create_task(t.approvals.of("c1", "ask").reply(WHICH))
            await t.shows("Your reply", times=2 if not said else 1)
            assert (WHICH in t.written.getvalue()) is not shown
            t.typed.put(typed)
            assert await asked == said


async def test_a_reply_that_was_given_elsewhere_is_not_waited_for():
    async with terminal() as t:
        asked = asyncio.create_task(t.approvals.of("c1", "ask").reply(WHICH))
        await t.shows("Your reply")
        [waiting] = t.approvals.waiting()
        t.approvals.decide(waiting.id, waiting.digest, "the first", by="page")
        assert await asked == "the first"
        await t.shows("Answered elsewhere (page)")
