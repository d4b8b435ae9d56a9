"""Events of one answer: their order, their pieces, and what becomes of them when writing fails or ends."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from umi_cloud.event_writer import PIECE_SECONDS, EventWriter
from umi_shared.transcript import AnswerDelta, Decision, Next, QuestionDelta, RationaleDelta, Usage


class Wire:
    """Keeps what is written, and when."""

    def __init__(self, *, failing_from: int = 1_000, gate: asyncio.Event | None = None) -> None:
        self.events: list[object] = []
        self.messages: list[tuple[object, ...]] = []
        self.times: list[float] = []
        self._failing_from = failing_from
        self._gate = gate

    async def write(self, events: Sequence[object]) -> None:
        if self._gate is not None:
            await self._gate.wait()
        if len(self.events) >= self._failing_from:
            raise ConnectionError("gone")
        self.events += events
        self.messages.append(tuple(events))
        self.times.append(asyncio.get_running_loop().time())


async def test_the_first_piece_goes_at_once_and_fast_text_in_larger_ones():
    wire = Wire()
    async with EventWriter(wire.write) as writer:
        await writer.take(AnswerDelta("a"))
        assert wire.events == [AnswerDelta("a")]
        for _ in range(30):
            await writer.take(AnswerDelta("b"))
            await asyncio.sleep(0.01)
        await writer.finish()
    assert "".join(event.text for event in wire.events) == "a" + "b" * 30
    assert 3 <= len(wire.events) <= 6
    assert all(
        later - sooner >= 0.9 * PIECE_SECONDS[AnswerDelta] for sooner, later in pairwise(wire.times[:-1])
    )


async def test_text_that_nothing_follows_is_written_when_it_is_due():
    wire = Wire()
    async with EventWriter(wire.write) as writer:
        await writer.take(AnswerDelta("a"))
        await writer.take(AnswerDelta("b"))
        async with asyncio.timeout(5):
            while len(wire.events) < 2:  # noqa: ASYNC110  # a timer of the writer's
                await asyncio.sleep(0.01)
    assert wire.events == [AnswerDelta("a"), AnswerDelta("b")]


async def test_order_is_kept_and_what_is_no_text_waits_for_nothing():
    wire = Wire()
    taken = [
        RationaleDelta("a"),
        RationaleDelta("b"),
        QuestionDelta("c"),
        RationaleDelta("d"),
        Decision(Next.CALLER, "notes.read"),
        Usage(prompt_tokens=1),
    ]
    async with EventWriter(wire.write) as writer:
        for event in taken:
            await writer.take(event)
        assert wire.events == [RationaleDelta("ab"), *taken[2:]]


async def test_a_rationale_waits_for_its_first_piece_since_nobody_reads_it_word_by_word():
    wire = Wire()
    async with EventWriter(wire.write) as writer:
        for _ in range(5):
            await writer.take(RationaleDelta("a"))
            await asyncio.sleep(0.01)
        assert wire.events == []
        async with asyncio.timeout(5):
            while not wire.events:  # noqa: ASYNC110  # a timer of the writer's
                await asyncio.sleep(0.01)
    assert wire.events == [RationaleDelta("a" * 5)]


async def test_a_device_that_reads_slowly_gets_the_same_text_in_the_same_order():
    gate = asyncio.Event()
    wire = Wire(gate=gate)
    async with EventWriter(wire.write) as writer:
        first = asyncio.create_task(writer.take(AnswerDelta("a")))
        await asyncio.sleep(0)
        gate.set()
        await first
        gate.clear()
        await writer.take(AnswerDelta("b"))
        await asyncio.sleep(2 * PIECE_SECONDS[AnswerDelta])  # due, and stuck on its way
        later = asyncio.create_task(writer.take(AnswerDelta("c")))
        await asyncio.sleep(0)
        gate.set()
        await later
        await writer.finish()
    assert "".join(event.text for event in wire.events) == "abc"


async def test_what_fails_beside_is_raised_by_the_next_event():
    wire = Wire(failing_from=1)
    async with EventWriter(wire.write) as writer:
        await writer.take(AnswerDelta("a"))
        await writer.take(AnswerDelta("b"))
        await asyncio.sleep(2 * PIECE_SECONDS[AnswerDelta])
        with pytest.raises(ConnectionError):
            await writer.take(Usage())


async def test_what_was_said_before_a_failure_is_written():
    wire = Wire()

    async def answer() -> None:
        async with EventWriter(wire.write) as writer:
            await writer.take(AnswerDelta("a"))
            await writer.take(AnswerDelta("b"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await answer()
    assert wire.events == [AnswerDelta("a"), AnswerDelta("b")]


async def test_nothing_is_written_after_the_end():
    wire = Wire()
    async with EventWriter(wire.write) as writer:
        await writer.take(AnswerDelta("a"))
        await writer.take(AnswerDelta("b"))
    await asyncio.sleep(2 * PIECE_SECONDS[AnswerDelta])
    assert wire.events == [AnswerDelta("a")]


ENDING = (Decision(Next.CALLER, "notes.read"), Usage(prompt_tokens=1))


async def test_what_ends_an_answer_is_one_message_where_the_device_reads_several():
    wire = Wire()
    async with EventWriter(wire.write, several=True) as writer:
        for event in (RationaleDelta("a"), RationaleDelta("b"), *ENDING):
            await writer.take(event)
        assert wire.messages == []
        await writer.finish()
    assert wire.messages == [(RationaleDelta("ab"), *ENDING)]


async def test_a_decision_waits_for_nothing_that_does_not_come_at_once():
    wire = Wire()
    async with EventWriter(wire.write, several=True) as writer:
        await writer.take(RationaleDelta("a"))
        await writer.take(ENDING[0])
        async with asyncio.timeout(PIECE_SECONDS[RationaleDelta] / 2):
            while not wire.messages:  # noqa: ASYNC110  # a timer of the writer's
                await asyncio.sleep(0)
        await writer.take(ENDING[1])
        await writer.finish()
    assert wire.messages == [(RationaleDelta("a"), ENDING[0]), (ENDING[1],)]


async def test_a_message_that_is_still_on_its_way_comes_before_what_ends_the_answer():
    gate = asyncio.Event()
    wire = Wire(gate=gate)
    async with EventWriter(wire.write, several=True) as writer:
        await writer.take(ENDING[0])
        await asyncio.sleep(0.01)  # due, and stuck on its way
        later = asyncio.create_task(writer.take(ENDING[1]))
        await asyncio.sleep(0)
        gate.set()
        await later
        await writer.finish()
    assert wire.messages == [(ENDING[0],), (ENDING[1],)]
