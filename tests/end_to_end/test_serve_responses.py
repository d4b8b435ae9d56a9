"""`umi serve` by way of OpenAI's responses: the real client, real HTTP, real gRPC, a scripted model."""

import asyncio
from typing import Any

import httpx
import openai
import pytest

from tests.end_to_end.harness import plan, world
from tests.end_to_end.serving import CALL, CANARY, DONE, OPEN, POLICY, box, served, true
from umi_shared.testing import Reply

ANSWERED = [OPEN, DONE, "It says <text:1>."]


async def test_a_client_draws_umis_own_calls_and_the_answer(tmp_path):
    async with (
        world(tmp_path, plans=ANSWERED, calls=[CALL], tools=[box()], policy=POLICY) as w,
        served(w) as s,
    ):
        response = await s.client.responses.create(model="umi", input="What is in the box?")
        assert response.output_text == f"It says {CANARY}."
        assert response.usage is not None
        assert response.usage.total_tokens > 0
        items: dict[str, Any] = {item.type: item for item in response.output}
        assert list(items) == ["reasoning", "function_call", "function_call_output", "message"]
        assert items["function_call"].name == "box.open"
        assert items["function_call_output"].output[0].text == '{"said":"<text:1>"}'
        *steps, _ = response.output
        assert not any(CANARY in step.to_json() for step in steps)
        assert CANARY.encode() not in s.left


@pytest.mark.parametrize("reasoning", ["field", "think", "none"])
async def test_a_stream_says_the_same_and_shows_the_steps_where_they_are_wanted(tmp_path, reasoning):
    async with (
        world(tmp_path, plans=ANSWERED, calls=[CALL], tools=[box()], policy=POLICY) as w,
        served(w, reasoning=reasoning) as s,
    ):
        async with s.client.responses.stream(model="umi", input="What is in the box?") as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
        assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
        assert final.output_text.endswith(f"It says {CANARY}.")
        assert final.output_text.startswith("<think>") == (reasoning == "think")
        assert ("response.function_call_arguments.done" in kinds) == (reasoning == "field")


async def test_a_conversation_that_comes_back_with_its_items_leaves_as_the_handles_it_was(tmp_path):
    plans = [*ANSWERED, DONE, "Again <text:1>."]
    async with world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=POLICY) as w, served(w) as s:
        said: list[Any] = [{"role": "user", "content": "What is in the box?"}]
        first = await s.client.responses.create(model="umi", input=said)
        said += [item.model_dump(exclude_none=True) for item in first.output]
        second = await s.client.responses.create(
            model="umi", input=[*said, {"role": "user", "content": "Say it again"}], store=False
        )
        assert second.output_text == f"Again {CANARY}."
        assert "It says <text:1>." in w.prompts[-1]
        assert CANARY.encode() not in s.left


async def test_a_chat_goes_on_from_one_protocol_in_the_other(tmp_path):
    plans = [*ANSWERED, DONE, "Again <text:1>."]
    async with world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=POLICY) as w, served(w) as s:
        first = await s.client.responses.create(model="umi", input="What is in the box?")
        second = await s.client.chat.completions.create(
            model="umi",
            messages=[
                {"role": "user", "content": "What is in the box?"},
                {"role": "assistant", "content": first.output_text},
                {"role": "user", "content": "Say it again"},
            ],
        )
        assert second.choices[0].message.content == f"Again {CANARY}."
        assert CANARY.encode() not in s.left


async def test_a_call_that_the_user_declines_is_drawn_as_not_done(tmp_path):
    plans = [OPEN, DONE, "I did not open it."]
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box(writes=True)], policy=POLICY) as w,
        served(w, nobody=True) as s,
    ):
        response = await s.client.responses.create(model="umi", input="Open it")
        (returned,) = [item for item in response.output if item.type == "function_call_output"]
        assert returned.status == "incomplete"
        assert "not done" in returned.output[0].text  # type: ignore[union-attr]


async def test_a_repeated_request_joins_and_one_after_a_lost_connection_does_nothing_again(tmp_path):
    hold, begun = asyncio.Event(), asyncio.Event()
    tool = box(writes=True, hold=hold, begun=begun)
    async with (
        world(tmp_path, plans=[OPEN, DONE, "Done."], calls=[CALL], tools=[tool], policy=POLICY) as w,
        served(w) as s,
        s.http() as client,
    ):
        sent = {"model": "umi", "input": "Open it"}
        first = asyncio.create_task(client.post("/responses", json=sent))
        await begun.wait()
        second = asyncio.create_task(client.post("/responses", json=sent))
        await true(lambda: w.cloud is not None and not second.done())
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/responses", json=sent, timeout=0.2)
        hold.set()
        texts = [(await one).json()["output"][-1]["content"][0]["text"] for one in (first, second)]
        assert texts == ["Done.\n\nDone on this device: box.open: done."] * 2
        assert len(s.consent.asked) == 1  # type: ignore[attr-defined]


async def test_a_client_that_hangs_up_in_the_middle_stops_the_session(tmp_path):
    gate = asyncio.Event()
    async with world(tmp_path, plans=[Reply(text=DONE, gate=gate)], tools=[box()]) as w, served(w) as s:
        stream = await s.client.responses.create(model="umi", input="Hello", stream=True)
        async for event in stream:
            assert event.type == "response.created"
            break
        await stream.close()
        await true(lambda: bool(w.cloud.engine.stopped))


async def test_a_client_that_names_a_chat_by_itself_is_answered_here(tmp_path):
    order = f"Generate a title for this chat:\nUSER: What is in the box?\nASSISTANT: {CANARY}"
    async with world(tmp_path, tools=[box()]) as w, served(w) as s:
        whole = await s.client.responses.create(model="umi", input=order)
        async with s.client.responses.stream(model="umi", input=order) as stream:
            streamed = await stream.get_final_response()
        assert whole.output_text == streamed.output_text == "What is in the box?"
        assert not s.left


async def test_a_failure_before_anything_was_done_has_a_status_of_its_own(tmp_path):
    async with world(tmp_path, plans=[], tools=[box()]) as w, served(w) as s:
        client = s.client.with_options(max_retries=0)
        for stream in (False, True):
            with pytest.raises(openai.APIStatusError):
                await client.responses.create(model="umi", input="Hello", stream=stream)


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
async def test_responses_are_not_kept(tmp_path, method):
    async with world(tmp_path, tools=[box()]) as w, served(w) as s, s.http() as client:
        reply = await client.request(
            method, "/responses/resp_1/cancel" if method == "POST" else "/responses/resp_1"
        )
        assert reply.status_code == 404
        assert "keeps no responses" in reply.json()["error"]["message"]


async def test_what_umi_streams_is_more_than_the_plan_alone(tmp_path):
    """Two calls in one answer: each has its own output."""
    plans = [OPEN, OPEN, plan("That is all.", "summarizer"), "Twice."]
    async with (
        world(tmp_path, plans=plans, calls=[CALL, CALL], tools=[box()], policy=POLICY) as w,
        served(w) as s,
    ):
        response = await s.client.responses.create(model="umi", input="Open it twice")
        calls = [item.call_id for item in response.output if item.type == "function_call"]
        returned = [item.call_id for item in response.output if item.type == "function_call_output"]
        assert len(set(calls)) == 2
        assert calls == returned
