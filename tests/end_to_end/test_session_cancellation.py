"""Cancelling `ask` at any point leaves a session that takes the next instruction, and a record that is true."""

import asyncio
import contextlib

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.session.events import Answered
from umi_edge.testing import ScriptedCaller
from umi_shared.testing import Ending, Reply

POLICY = "tools:\n  notes.search: {runs: device, confirm: always}"
NEXT = [plan("Nothing is left to do.", "summarizer"), "Done."]
HANGS = Reply(text="I am think", ending=Ending.HANG)


async def cancelled(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_cancelling_while_the_planner_thinks_stops_the_model(tmp_path):
    async with world(tmp_path, plans=[HANGS, *NEXT]) as w:
        task = asyncio.create_task(w.session.ask("Do one thing."))
        await w.cloud.engine.until(lambda engine: engine.running == 1)
        await cancelled(task)
        await w.cloud.engine.until(lambda engine: engine.stopped == 1)
        assert await w.session.ask("Do another.") == Answered("Done.")
    assert w.results == []


async def test_cancelling_while_the_answer_streams_stops_the_model(tmp_path):
    async with world(tmp_path, plans=[NEXT[0], HANGS, *NEXT]) as w:
        task = asyncio.create_task(w.session.ask("Do one thing."))
        await w.cloud.engine.until(lambda engine: len(engine.generations) == 2 and engine.running == 1)
        await cancelled(task)
        await w.cloud.engine.until(lambda engine: engine.stopped == 1)
        assert await w.session.ask("Do another.") == Answered("Done.")


async def test_cancelling_while_the_caller_writes_makes_no_call(tmp_path):
    reached = asyncio.Event()

    class Slow(ScriptedCaller):
        async def call(self, view, schemas):
            reached.set()
            await asyncio.Event().wait()

    async with world(tmp_path, plans=[plan("To look, use notes.search."), *NEXT]) as w:
        w.session.caller = Slow(())
        task = asyncio.create_task(w.session.ask("Do one thing."))
        await reached.wait()
        await cancelled(task)
        assert await w.session.ask("Do another.") == Answered("Done.")
    assert w.results == []


@pytest.mark.parametrize("step", ["consent", "tool"])
async def test_cancelling_before_or_within_a_tool_leaves_a_true_record(tmp_path, step):
    reached, stopped = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    class Consent(UnsafeApproveAll):
        async def approve(self, request):
            if step == "consent":
                await wait()
            return True

    tools = [tool_of("notes.search", lambda _: wait())]
    async with world(
        tmp_path,
        plans=[plan("To look, use notes.search."), *NEXT],
        calls=[("notes.search", "{}")],
        tools=tools,
        policy=POLICY,
        consent=Consent(),
    ) as w:
        task = asyncio.create_task(w.session.ask("Do one thing."))
        await reached.wait()
        await cancelled(task)
        assert stopped.is_set()
        assert w.results == (["interrupted"] if step == "tool" else [])
        assert await w.session.ask("Do another.") == Answered("Done.")
    entries = w.plan_requests()[1].view.entries
    kinds = [entry.WhichOneof("entry") for entry in entries]
    assert kinds == ["clock", "instruction", "plan", "call", "observation", "instruction"]
    assert entries[4].observation.failure == "interrupted"
