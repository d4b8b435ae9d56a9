"""A cloud that dies within a step and comes back, and one that does not."""

import asyncio

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.cloud_client import CloudConfig
from umi_edge.session.events import Answered, RationaleStreamed, Retrying
from umi_shared.errors import TransportError, UmiError
from umi_shared.testing import Reply

PATIENT = CloudConfig(backoff_seconds=0.05, step_seconds=20, idle_seconds=10)


async def test_a_plan_cut_short_is_asked_for_again_with_the_same_bytes(tmp_path):
    gate, ran = asyncio.Event(), []
    plans = [
        Reply(text=plan("To look, use notes.search."), gate=gate),
        plan("To look again, use notes.search."),
        plan("Found.", "summarizer"),
        "Done.",
    ]
    tools = [tool_of("notes.search", lambda _: ran.append(1) or {"n": 1})]
    calls = [("notes.search", "{}")] * 2
    policy = "tools: {notes.search: {runs: device}}"
    async with world(tmp_path, plans=plans, tools=tools, calls=calls, policy=policy, config=PATIENT) as w:
        task = asyncio.create_task(w.session.ask("Look."))
        await w.cloud.engine.until(lambda engine: engine.running == 1)
        w.capture.cut()
        gate.set()
        assert await task == Answered("Done.")
    assert ran == [1]
    assert [event.attempt for event in w.of(Retrying)] == [2]
    first, second = w.plan_requests()[:2]
    assert first == second
    assert (first.request_id, w.plan_requests()[2].request_id) == ("r1", "r2")
    assert len(w.recorded) == len(w.capture.requests) == 4


async def test_a_cut_after_the_decision_does_not_run_the_tool_twice(tmp_path):
    """The tool runs when the stream has ended well, so a step that is planned twice still calls once."""
    ran = []
    second = asyncio.Event()
    tools = [tool_of("notes.search", lambda _: ran.append(1) or {"n": 1})]
    plans = [
        Reply(text=plan("To look, use notes.search."), pause_seconds=0.01, piece_characters=1),
        Reply(text=plan("To look, use notes.search."), gate=second),
        plan("Found.", "summarizer"),
        "Done.",
    ]
    async with world(
        tmp_path, plans=plans, tools=tools, calls=[("notes.search", "{}")] * 2,
        policy="tools: {notes.search: {runs: device}}", config=PATIENT,
    ) as w:  # fmt: skip
        cut = []

        def watch(event):
            if isinstance(event, RationaleStreamed) and not cut:
                cut.append(w.capture.cut())
                second.set()

        w.session.observe = watch
        assert await w.session.ask("Look.") == Answered("Done.")
    assert ran == [1]
    rationale = w.plan_requests()[-2].view.entries[2].plan.rationale.segments
    assert [segment.clear for segment in rationale] == ["To look, use notes.search."]


async def test_an_answer_cut_short_starts_over_and_is_given_once(tmp_path):
    gate = asyncio.Event()
    plans = [plan("Done.", "summarizer"), Reply(text="All is wel", gate=gate), "All is well."]
    async with world(tmp_path, plans=plans, config=PATIENT) as w:
        task = asyncio.create_task(w.session.ask("Look."))
        await w.cloud.engine.until(lambda engine: len(engine.generations) == 2)
        w.capture.cut()
        gate.set()
        assert await task == Answered("All is well.")


async def test_a_cloud_that_is_gone_is_one_clear_error_that_names_the_fix(tmp_path):
    config = CloudConfig(backoff_seconds=0.01, step_seconds=2, tries=3)
    async with world(tmp_path, plans=["unused"], config=config) as w:
        w.capture.cut(refuse=True)
        with pytest.raises(TransportError, match="cannot be reached") as caught:
            await w.session.ask("Look.")
    assert "umi doctor" in caught.value.fix
    assert w.capture.bytes_out == b""


async def test_a_cloud_that_is_gone_for_a_step_is_found_again_by_the_next_ask(tmp_path):
    plans = [plan("Done.", "summarizer"), "Hello."]
    config = CloudConfig(backoff_seconds=0.01, step_seconds=2, tries=2)
    async with world(tmp_path, plans=plans, config=config) as w:
        w.capture.cut(refuse=True)
        with pytest.raises(TransportError):
            await w.session.ask("Look.")
        w.capture.heal()
        w.session.cloud.config = PATIENT
        assert await w.session.ask("Look again.") == Answered("Hello.")


async def test_a_step_that_does_not_end_in_its_time_is_reported_with_the_setting(tmp_path):
    gate = asyncio.Event()
    config = CloudConfig(step_seconds=0.3, idle_seconds=10, tries=1)
    async with world(tmp_path, plans=[Reply(text="x", gate=gate)], config=config) as w:
        with pytest.raises(UmiError, match=r"0\.3 seconds|deadline"):
            await w.session.ask("Look.")
