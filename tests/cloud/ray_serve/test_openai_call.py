"""What the endpoint on Ray Serve reads and writes, with the front's own engine on the other side."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from umi_cloud.engines.loading import Loaded
from umi_cloud.engines.openai import OpenAIEngine, OpenAIOptions
from umi_cloud.ray_serve.openai_application import OpenAIApplication
from umi_cloud.ray_serve.openai_call import ModelNames, read_call
from umi_shared.engine import (
    ChatPrompt,
    Delta,
    Finish,
    Finished,
    Generation,
    JsonSchema,
    Message,
    RawPrompt,
    Regex,
)
from umi_shared.errors import LimitError, MalformedError, ModelError, TransportError
from umi_shared.testing import Reply, ScriptedEngine

NAMES = ModelNames("small", frozenset({"planner"}))


@asynccontextmanager
async def served(tmp_path: Path, engine: ScriptedEngine) -> AsyncIterator[OpenAIEngine]:
    """umi's engine for OpenAI endpoints, over the application, without a port between them."""
    (tmp_path / "cloud.yaml").write_text("engine: {kind: scripted, replies: [none]}\n")
    application = OpenAIApplication(str(tmp_path / "cloud.yaml"), "small")

    async def loaded() -> Loaded:
        return Loaded.of(engine, "umi", ("planner",))

    application._loaded = loaded

    async def app(scope, receive, send) -> None:
        response = await application(Request(scope, receive))
        await response(scope, receive, send)

    options = OpenAIOptions(url="http://ray/v1", model="small", adapters={"planner": "small:planner"})
    asking = OpenAIEngine(options, httpx.ASGITransport(app))
    try:
        yield asking
    finally:
        await asking.close()


async def ask(tmp_path: Path, reply: Reply, generation: Generation) -> tuple[list, Generation]:
    seen: list[Generation] = []

    def script(asked: Generation) -> Reply:
        seen.append(asked)
        return reply

    async with served(tmp_path, ScriptedEngine(script)) as engine:
        await engine.check()
        chunks = [chunk async for chunk in engine.generate(generation)]
    return chunks, seen[0]


@pytest.mark.parametrize(
    "generation",
    [
        Generation(
            prompt=RawPrompt("<|im_start|>user\n"),
            adapter="planner",
            constraint=Regex("a+"),
            stop=("<|im_end|>",),
            max_tokens=7,
            namespace="alice",
        ),
        Generation(
            prompt=ChatPrompt((Message("system", "Be short."), Message("user", "Hi"))),
            constraint=JsonSchema({"type": "object"}),
            namespace="bob",
        ),
    ],
    ids=["raw", "chat"],
)
async def test_a_front_and_the_endpoint_mean_the_same(tmp_path: Path, generation: Generation):
    chunks, asked = await ask(tmp_path, Reply(text="aaa"), generation)
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, Delta)) == "aaa"
    assert isinstance(chunks[-1], Finished)
    assert chunks[-1].finish is Finish.STOP
    assert asked == generation


async def test_a_session_keeps_its_word_and_another_devices_is_another(tmp_path: Path):
    words = []
    for namespace in ("alice", "alice", "bob"):
        generation = Generation(prompt=RawPrompt("Hi"), session="s", namespace=namespace)
        words.append((await ask(tmp_path, Reply(text="a"), generation))[1].session)
    assert words[0] == words[1] != words[2]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (LimitError("secret"), LimitError),
        (ModelError("secret"), TransportError),
        (ValueError("secret"), TransportError),
    ],
)
async def test_a_failure_before_the_first_piece_has_a_status_and_no_text(tmp_path: Path, failure, kind):
    class Failing(ScriptedEngine):
        async def generate(self, generation):
            raise failure
            yield

    async with served(tmp_path, Failing(lambda _: Reply(text="a"))) as engine:
        with pytest.raises(kind) as caught:
            async for _ in engine.generate(Generation(prompt=RawPrompt("Hi"))):
                pass
    assert "secret" not in str(caught.value)


async def test_a_failure_in_mid_stream_is_said_in_the_stream(tmp_path: Path):
    class Breaking(ScriptedEngine):
        async def generate(self, generation):
            yield Delta("a")
            raise ValueError("secret")

    async with served(tmp_path, Breaking(lambda _: Reply(text="a"))) as engine:
        with pytest.raises(ModelError, match="reports an error in its stream"):
            async for _ in engine.generate(Generation(prompt=RawPrompt("Hi"))):
                pass


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b"[" * 100_000,
        {"model": "small", "prompt": "Hi"},
        {"model": "small", "prompt": "Hi", "stream": True, "temperature": 0.5},
        {"model": "small", "prompt": "Hi", "stream": True, "logit_bias": {}},
        {"model": "small", "prompt": "Hi", "stream": True, "max_tokens": True},
        {"model": "small", "prompt": "Hi", "stream": True, "max_tokens": 0},
        {"model": "small", "prompt": 3, "stream": True},
        {"model": "small", "messages": [{"role": "user"}], "stream": True},
        {"model": "small", "messages": [{"role": "user", "content": []}], "stream": True},
        {"model": "small", "prompt": "Hi", "stream": True, "structured_outputs": {"grammar": "x"}},
        {"model": "small", "prompt": "Hi", "stream": True, "structured_outputs": {"regex": "a", "json": {}}},
        {"model": "small", "prompt": "Hi", "stream": True, "chat_template_kwargs": {"enable_thinking": True}},
        {"model": "small", "prompt": "Hi", "stream": True, "stop": 3},
        {"model": "small", "prompt": "Hi", "stream": True, "cache_salt": 3},
    ],
    ids=str,
)
def test_what_would_be_answered_otherwise_than_it_is_asked_is_refused(body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(MalformedError):
        read_call(raw, NAMES)


@pytest.mark.parametrize(
    "name", ["", "big", "small:", "small:caller", "small:planner:x", "big:planner", None, 3]
)
def test_a_model_that_is_not_there_is_unknown(name):
    with pytest.raises(ModelError, match="no adapter"):
        read_call(json.dumps({"model": name, "prompt": "Hi", "stream": True}).encode(), NAMES)
