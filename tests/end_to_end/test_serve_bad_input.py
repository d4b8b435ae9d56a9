"""What no client should send, and some do: a clear answer each, nothing done twice, nothing lost, nothing planned."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from tests.end_to_end.harness import tool_of, world
from tests.end_to_end.serving import CALL, DONE, KEY, OPEN, POLICY, Served, ask, box, served, true
from umi_edge.tools import Hints

HELLO = {"model": "umi", "messages": ask("Hello")}


@pytest.mark.parametrize(
    ("path", "changes", "said"),
    [
        ("/chat/completions", {"messages": ask("Hello") * 1001}, "start a new chat"),
        ("/chat/completions", {"messages": [{"role": "wizard", "content": "x"}]}, "`role` is one of"),
        ("/chat/completions", {"tool_choice": "required"}, "its own tools"),
        ("/chat/completions", {"tools": [{"type": "function", "function": {"name": "f"}}]}, "its own tools"),
        (
            "/chat/completions",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
                ]
            },
            "take images",
        ),
        ("/responses", {"input": "Hello", "tool_choice": {"type": "function", "name": "f"}}, "its own tools"),
        (
            "/responses",
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "take images",
        ),
    ],
)
async def test_what_cannot_be_done_is_refused_plainly_and_not_asked_again(tmp_path, path, changes, said):
    async with world(tmp_path, tools=[box()]) as w, served(w) as s, s.http() as client:
        reply = await client.post(path, json=HELLO | changes)
        assert reply.status_code == 400
        assert reply.headers["x-should-retry"] == "false"
        assert said in reply.json()["error"]["message"]
        assert not s.left


@pytest.mark.parametrize("in_chunks", [False, True])
async def test_a_body_of_a_hundred_mebibytes_is_refused_with_an_answer_that_arrives(tmp_path, in_chunks):
    piece, count = b" " * (1 << 20), 100

    async def body() -> Any:
        for _ in range(count):
            yield piece

    size = {} if in_chunks else {"content-length": str(len(piece) * count)}
    async with world(tmp_path, tools=[box()]) as w, served(w) as s, s.http(**size) as client:
        reply = await client.post("/chat/completions", content=body())
        assert reply.status_code == 413
        assert "umi's limit" in reply.json()["error"]["message"]


@pytest.mark.parametrize("depth", [100, 900, 940, 960, 970, 980, 990, 100_000])
async def test_a_body_that_is_nested_deep_is_no_fault_of_the_server(tmp_path, depth):
    sent = json.dumps(HELLO)[:-1] + ', "metadata": ' + "[" * depth + "]" * depth + "}"
    plans = [DONE, "Hello."]
    async with world(tmp_path, plans=plans, tools=[box()]) as w, served(w) as s, s.http() as client:
        reply = await client.post("/chat/completions", content=sent)
        assert reply.status_code in (200, 400)
        if reply.status_code == 400:
            assert not s.left


async def test_a_request_that_breaks_off_at_any_byte_plans_nothing(tmp_path):
    body = json.dumps(HELLO).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
    whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    plans = [DONE, "Hello."]
    async with world(tmp_path, plans=plans, tools=[box()]) as w, served(w) as s, s.http() as client:
        for end in range(0, len(whole), 5):
            _, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(s.url).port)
            writer.write(whole[:end])
            await writer.drain()
            writer.close()
        reply = await client.post("/chat/completions", json=HELLO)
        assert reply.json()["choices"][0]["message"]["content"] == "Hello."
        assert len(w.prompts) == 2, "one plan and one answer"


async def _cut_off(s: Served, sent: dict[str, Any], count: int) -> bool:
    """Read so many pieces of a stream, and go; whether it was at its end."""
    async with (
        s.http() as client,
        client.stream("POST", "/chat/completions", json=sent) as reply,
        aclosing(reply.aiter_bytes(64)) as pieces,
    ):
        async for _ in pieces:
            count -= 1
            if not count:
                return False
    return True


@pytest.mark.parametrize("count", [1, 6, 12, 15, 18, 21, 24])
async def test_a_stream_that_breaks_off_anywhere_acts_at_most_once_and_a_repeat_is_told_so(tmp_path, count):
    opened = 0

    async def count_it(_: Any) -> dict[str, str]:
        nonlocal opened
        opened += 1
        return {"said": "nothing"}

    plans = [OPEN, DONE, "Done."] * 2
    tool = tool_of("box.open", count_it, hints=Hints(read_only=False))
    async with (
        world(tmp_path, plans=plans, calls=[CALL] * 2, tools=[tool], policy=POLICY) as w,
        served(w) as s,
    ):
        sent = {"model": "umi", "messages": ask("Open it"), "stream": True}
        ended = await _cut_off(s, sent, count)
        await true(lambda: not w.cloud.engine.running)
        async with s.http() as client:
            again = await client.post("/chat/completions", json=sent)
        assert again.status_code == 200
        assert again.text.endswith("data: [DONE]\n\n")
        assert opened <= (2 if ended else 1)
        assert ("Done on this device: box.open: " in again.text) == bool(opened)
