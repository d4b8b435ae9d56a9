"""A running call: what it may ask its user, and until when."""

import asyncio
from collections.abc import Mapping
from typing import Any

from umi_edge.tools.running_call import Progress, RunningCall, ServerQuestion


class Person:
    """Answers when told to."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.asked = 0
        self.seen: list[Progress] = []

    async def answer(self, question: ServerQuestion) -> Mapping[str, Any]:
        self.asked += 1
        await self.answers.wait()
        return {"code": "4711"}

    def progressed(self, progress: Progress) -> None:
        self.seen.append(progress)


QUESTION = ServerQuestion(server="s", message="Code?")


async def test_a_question_that_is_open_when_the_call_ends_is_declined_and_asks_nobody_any_more():
    person = Person()
    call = RunningCall(person, 5)
    task = asyncio.create_task(call.ask(QUESTION))
    await asyncio.sleep(0.05)
    call.end()
    assert await task is None
    person.answers.set()
    assert await call.ask(QUESTION) is None
    assert person.asked == 1


async def test_a_question_is_answered_while_the_call_runs():
    person = Person()
    person.answers.set()
    assert await RunningCall(person, 5).ask(QUESTION) == {"code": "4711"}


async def test_progress_does_not_write_over_a_question():
    person = Person()
    call = RunningCall(person, 5)
    task = asyncio.create_task(call.ask(QUESTION))
    await asyncio.sleep(0.05)
    call.progressed(Progress(done=1))
    assert person.seen == []
    person.answers.set()
    await task
    call.progressed(Progress(done=2))
    assert [one.done for one in person.seen] == [2]
