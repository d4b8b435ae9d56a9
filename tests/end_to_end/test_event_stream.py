"""The events of one instruction as an async iterator, for programs that have umi inside them."""

import asyncio
from contextlib import aclosing

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.session.event_stream import event_stream
from umi_edge.session.events import Answered, AnswerStreamed, CallWritten, ClockTold, Ended, Instructed
from umi_edge.session.report import Report
from umi_shared.testing import Ending, Reply

SCRIPT = [plan("Use clock."), plan("That is all.", "summarizer"), "It is noon."]
CALL = ("clock", "{}")


def clock():
    return tool_of("clock", lambda _: {"time": "noon"})


async def test_events_come_as_they_happen_and_the_report_is_the_last(tmp_path):
    async with world(tmp_path, plans=SCRIPT, calls=[CALL], tools=[clock()]) as w:
        seen = [event async for event in event_stream(w.session, "What time is it?", w.ledger)]
        *events, report = seen
        assert events == w.events  # whoever observes the session is told as before
        assert [type(event) for event in events[:2]] == [ClockTold, Instructed]
        assert isinstance(events[-1], Ended)
        assert "".join(event.text for event in events if isinstance(event, AnswerStreamed)) == "It is noon."
        assert isinstance(report, Report)
        assert report.ending == Answered("It is noon.")
        assert report.ledger is not None
        assert report.ledger.unsigned == 0


async def test_an_event_can_be_read_while_the_planner_still_speaks(tmp_path):
    gate = asyncio.Event()
    script = [Reply(text=plan("That is all.", "summarizer")), Reply(text="Noon.", gate=gate)]
    async with world(tmp_path, plans=script, tools=[clock()]) as w:
        async with aclosing(event_stream(w.session, "What time is it?", w.ledger)) as events:
            await anext(events)
            assert not w.cloud.engine.finished
            gate.set()
            *_, report = [event async for event in events]
        assert report.ended_well


async def test_a_failure_is_the_reports_ending(tmp_path):
    async with world(tmp_path, plans=[], tools=[clock()]) as w:
        *_, report = [event async for event in event_stream(w.session, "Hello", w.ledger)]
        assert report.word == "failed"


async def test_closing_the_iterator_stops_the_instruction_before_it_returns(tmp_path):
    started, held = asyncio.Event(), asyncio.Event()

    async def slow(_):
        started.set()
        await held.wait()
        return {"time": "noon"}

    async with world(
        tmp_path, plans=[plan("Use clock."), *SCRIPT], calls=[CALL, CALL], tools=[tool_of("clock", slow)]
    ) as w:
        async with aclosing(event_stream(w.session, "What time is it?", w.ledger)) as events:
            async for event in events:
                if isinstance(event, CallWritten):
                    await started.wait()
                    break
        assert w.results == ["interrupted"]
        held.set()
        *_, report = [event async for event in event_stream(w.session, "And now?", w.ledger)]
        assert report.ended_well  # the session goes on
        assert [action.result for action in report.actions] == ["done"]


async def test_cancelling_the_reader_stops_the_instruction(tmp_path):
    script = [Reply(text="For ever and ", ending=Ending.HANG)]
    async with world(tmp_path, plans=script, tools=[clock()]) as w:
        begun = asyncio.Event()

        async def read():
            async for _ in event_stream(w.session, "What time is it?", w.ledger):
                begun.set()

        reader = asyncio.create_task(read())
        await w.cloud.engine.until(lambda engine: engine.running == 1)
        assert begun.is_set()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await w.cloud.engine.until(lambda engine: engine.stopped == 1)


async def test_a_slow_reader_holds_nothing_up(tmp_path):
    async with world(tmp_path, plans=SCRIPT, calls=[CALL], tools=[clock()]) as w:
        async with aclosing(event_stream(w.session, "What time is it?", w.ledger)) as events:
            await anext(events)
            await w.cloud.engine.until(lambda engine: engine.finished == len(SCRIPT))
            *_, report = [event async for event in events]
        assert report.ended_well


async def test_a_session_carries_out_one_instruction_at_a_time(tmp_path):
    gate = asyncio.Event()
    script = [Reply(text=plan("That is all.", "summarizer"), gate=gate), "Noon."]
    async with world(tmp_path, plans=script, tools=[clock()]) as w:
        first = asyncio.create_task(w.session.ask("What time is it?"))
        await w.cloud.engine.until(lambda engine: engine.running == 1)
        with pytest.raises(RuntimeError, match="one instruction at a time"):
            await w.session.ask("And now?")
        gate.set()
        assert await first == Answered("Noon.")
