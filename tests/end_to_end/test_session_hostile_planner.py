"""What a planner may send, and that none of it makes a session hang, fail raw or do what it must not (I6)."""

import asyncio
from dataclasses import replace

import grpc
import pytest

from tests.end_to_end.harness import FAST, hostile_cloud, plan, tool_of, traces, world
from umi_edge.session.events import Answered
from umi_proto.v1 import agent_pb2 as pb
from umi_shared.errors import MalformedError, PeerError, RefusedError, TransportError, UmiError
from umi_shared.testing import Ending, Reply

BRIEF = replace(FAST, stream_bytes=2000)
IMPATIENT = replace(FAST, idle_seconds=1)


def delta(text: str) -> bytes:
    return pb.PlanEvent(rationale_delta=text).SerializeToString()


def decision(next_: int, tool: str = "") -> bytes:
    return pb.PlanEvent(decision=pb.Decision(next=next_, tool=tool)).SerializeToString()


USAGE = pb.PlanEvent(usage=pb.Usage(prompt_tokens=1)).SerializeToString()
ASK = [plan("Nothing is left to do.", "summarizer"), "Done."]


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "\x00\x01\x02", "Next: caller", "To fly, use rockets.launch. Next: caller.", "é" * 3000],
)
async def test_a_model_that_decides_nothing_is_one_clear_error_and_the_next_ask_works(tmp_path, text):
    async with world(tmp_path, plans=[text, *ASK]) as w:
        with pytest.raises(PeerError) as caught:
            await w.session.ask("Do something.")
        assert "planner" in str(caught.value)
        assert await w.session.ask("Do another thing.") == Answered("Done.")
    assert w.results == []


async def test_a_model_that_never_ends_is_stopped(tmp_path):
    plans = [Reply(text="and then ", ending=Ending.REPEAT), *ASK]
    async with world(tmp_path, plans=plans, config=BRIEF) as w:
        with pytest.raises(UmiError, match=r"does not end|refuses"):
            await w.session.ask("Do something.")
        await w.cloud.engine.until(lambda engine: engine.running == 0)
        assert await w.session.ask("Do another thing.") == Answered("Done.")


async def test_a_silent_model_is_given_up_in_time(tmp_path):
    plans = [Reply(ending=Ending.HANG), *ASK]
    async with world(tmp_path, plans=plans, config=IMPATIENT) as w:
        with pytest.raises(TransportError, match=r"silent for 1 second"):
            await w.session.ask("Do something.")
        await w.cloud.engine.until(lambda engine: engine.stopped == 1)
        assert await w.session.ask("Do another thing.") == Answered("Done.")


async def test_an_engine_that_crashes_is_reported_without_its_words(tmp_path):
    plans = [Reply(ending=Ending.CRASH, error=RuntimeError("boom at secret.host")), *ASK]
    async with world(tmp_path, plans=plans) as w:
        with pytest.raises(RefusedError) as caught:
            await w.session.ask("Do something.")
        assert caught.value.reason == "INTERNAL"
        assert "secret.host" not in str(caught.value)
        assert await w.session.ask("Do another thing.") == Answered("Done.")


STREAMS = {
    "bytes that are no message": [b"\xff\xff\xff\xff"],
    "an empty event": [b""],
    "text that is no UTF-8": [b"\x0a\x02\xff\xfe"],
    "no decision": [delta("I think")],
    "nothing": [],
    "a decision that is none": [decision(0)],
    "a decision of another version": [decision(99)],
    "two decisions": [decision(pb.NEXT_SUMMARIZER), decision(pb.NEXT_SUMMARIZER)],
    "text after the decision": [decision(pb.NEXT_SUMMARIZER), delta("but")],
    "usage before the decision": [USAGE, decision(pb.NEXT_SUMMARIZER)],
    "a usage after the usage": [decision(pb.NEXT_SUMMARIZER), USAGE, USAGE],
    "a tool outside the catalogue": [decision(pb.NEXT_CALLER, "rockets.launch")],
    "a tool's name without an end": [decision(pb.NEXT_CALLER, "x" * 1_000_000)],
    "one delta without an end": [delta("x" * 100_000)],
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
async def test_a_stream_that_breaks_the_protocol_is_a_peer_error_and_starts_nothing(tmp_path, stream, caplog):
    async def behaviour(request, context):
        for event in stream:
            await context.write(event)

    caplog.set_level(0)
    tools = [tool_of("notes.search", lambda _: 1)]
    async with (
        hostile_cloud(behaviour) as address,
        world(tmp_path, upstream=address, tools=tools, calls=[("notes.search", "{}")]) as w,
    ):
        with pytest.raises(MalformedError):
            await w.session.ask("Do something.")
    assert w.results == []
    assert not traces(caplog.records)


@pytest.mark.parametrize("event", [delta(""), delta("x"), USAGE], ids=["nothing", "letters", "usage"])
async def test_a_stream_without_an_end_is_ended_by_count(tmp_path, event):
    async def behaviour(request, context):
        if event == USAGE:
            await context.write(decision(pb.NEXT_SUMMARIZER))
        for _ in range(100_000):
            await context.write(event)
        await asyncio.Event().wait()

    async with hostile_cloud(behaviour) as address, world(tmp_path, upstream=address, config=BRIEF) as w:
        with pytest.raises(MalformedError):
            await w.session.ask("Do something.")


async def test_an_answer_that_never_ends_is_stopped(tmp_path):
    async def behaviour(request, context):
        if not pb.PlanRequest.FromString(request).view.entries[-1].HasField("plan"):
            await context.write(decision(pb.NEXT_SUMMARIZER))
            return
        while True:
            await context.write(pb.SummarizeEvent(answer_delta="and so on ").SerializeToString())

    async with hostile_cloud(behaviour) as address, world(tmp_path, upstream=address, config=BRIEF) as w:
        with pytest.raises(MalformedError, match="does not end"):
            await w.session.ask("Do something.")


@pytest.mark.parametrize("details", ["x" * 7000, "\x1b[31mred\u202e\r\n\x07", ""])
async def test_what_a_peer_says_of_its_failure_is_cut_and_cleaned(tmp_path, details):
    async def behaviour(request, context):
        await context.abort(grpc.StatusCode.ABORTED, details)

    async with hostile_cloud(behaviour) as address, world(tmp_path, upstream=address, config=FAST) as w:
        with pytest.raises(PeerError) as caught:
            await w.session.ask("Do something.")
    assert len(str(caught.value)) < 400
    assert str(caught.value).replace("\n", "").isprintable()


async def test_a_rationale_cannot_put_a_value_into_what_the_cloud_reads_next(tmp_path):
    """The planner writes a handle and its guess at the value; only the handle stands for it afterwards."""
    plans = [
        plan("To look for <person:1>, whom I guess to be Alice Moreau, use contacts.search."),
        *ASK,
    ]
    async with world(tmp_path, plans=plans, calls=[("contacts.search", '{"name":"<person:1>"}')]) as w:
        await w.session.ask("Look for Alice Moreau.")
    said = w.plan_requests()[1].view.entries[2].plan.rationale.segments
    assert [segment.WhichOneof("part") for segment in said] == ["clear", "handle", "clear"]
