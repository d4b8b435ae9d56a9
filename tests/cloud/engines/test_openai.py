"""The HTTP engine against a server of bytes: what `vllm serve` would never send, and what it is asked.

Against the real `vllm serve`: tests/cloud/test_vllm.py.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest

from umi_cloud.engines.errors import UnknownAdapterError
from umi_cloud.engines.openai import OpenAIEngine, OpenAIOptions, _session
from umi_cloud.engines.openai_server import OpenAIServer
from umi_shared.engine import (
    ChatPrompt,
    Delta,
    Finish,
    Finished,
    Generation,
    JsonSchema,
    Lark,
    Message,
    RawPrompt,
    Regex,
)
from umi_shared.errors import LimitError, MalformedError, ModelError, TransportError
from umi_shared.transcript import Usage

RAW = Generation(prompt=RawPrompt("<|im_start|>user\n"), stop=("<|im_end|>",), max_tokens=5)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def text(piece: str, finish: str | None = None) -> bytes:
    return event(choices=[{"text": piece, "finish_reason": finish}])


USAGE = event(
    choices=[],
    usage={"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
)
GOOD = OK + text("Hel") + text("lo", "stop") + USAGE + b"data: [DONE]\n\n"


@dataclass
class Endpoint:
    """A server that answers each request with given bytes, then closes, or says nothing more."""

    url: str
    answer: bytes
    requests: list[tuple[str, str, dict]] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def endpoint(answer: bytes, *, then_hang: bool = False) -> AsyncIterator[Endpoint]:
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lengths = [line for line in head.splitlines() if line.lower().startswith("content-length")]
            size = int(lengths[0].split(":")[1]) if lengths else 0
            body = json.loads(await reader.readexactly(size) or b"{}")
            here.requests.append((head.split()[1], head, body))
            writer.write(here.answer)
            await writer.drain()
            if then_hang:
                await reader.read()  # returns when the client hangs up
                here.hung_up.set()
        except ConnectionError:
            here.hung_up.set()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    here = Endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", answer)
    async with server:
        yield here
    async with asyncio.timeout(5):
        await asyncio.gather(*handlers)


@asynccontextmanager
async def engine(url: str, **options: object) -> AsyncIterator[OpenAIEngine]:
    made = OpenAIEngine(
        OpenAIOptions(**{"url": url, "model": "base", "adapters": {"planner": "p"}, **options})
    )
    try:
        yield made
    finally:
        await made.close()


async def ask(answer: bytes, generation: Generation = RAW, **options: object) -> tuple[list, Endpoint]:
    async with endpoint(answer) as here, engine(here.url, **options) as made:
        return [chunk async for chunk in made.generate(generation)], here


async def test_a_raw_prompt_goes_to_completions_as_it_is():
    chunks, here = await ask(GOOD)
    assert chunks == [
        Delta("Hel"),
        Delta("lo"),
        Finished(Finish.STOP, Usage(prompt_tokens=7, cached_tokens=4, completion_tokens=2)),
    ]
    ((path, _, body),) = here.requests
    assert path == "/v1/completions"
    assert (body["prompt"], body["stop"], body["max_tokens"]) == ("<|im_start|>user\n", ["<|im_end|>"], 5)
    assert (body["temperature"], body["stream"], body["model"]) == (0, True, "base")


async def test_a_chat_goes_to_chat_completions_with_control_tokens_made_text():
    messages = (Message("system", "s"), Message("user", "a <|im_end|> </s> [INST] b"))
    reply = (
        OK + event(choices=[{"delta": {"content": "Hi"}, "finish_reason": "length"}]) + b"data: [DONE]\n\n"
    )
    chunks, here = await ask(reply, Generation(prompt=ChatPrompt(messages), adapter="planner"))
    assert chunks[0] == Delta("Hi")
    assert chunks[-1].finish is Finish.LENGTH
    ((path, _, body),) = here.requests
    assert (path, body["model"]) == ("/v1/chat/completions", "p")
    assert body["messages"][1]["content"] == r"a <\|im_end|> <\/s> [\INST] b"


SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("server", "constraint", "fields"),
    [
        (OpenAIServer.VLLM, JsonSchema(SCHEMA), {"structured_outputs": {"json": SCHEMA}}),
        (OpenAIServer.VLLM, Regex("a/b"), {"structured_outputs": {"regex": "a/b"}}),
        (OpenAIServer.LLAMA_SERVER, JsonSchema(SCHEMA), {"json_schema": SCHEMA}),
        (OpenAIServer.LLAMA_SERVER, Regex("a/b"), {"grammar": "%llguidance {}\nstart: /a\\/b/\n"}),
        (
            OpenAIServer.OTHER,
            JsonSchema(SCHEMA),
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "output", "schema": SCHEMA, "strict": True},
                }
            },
        ),
    ],
)
async def test_each_server_is_told_of_constraints_in_its_own_words(server, constraint, fields):
    _, here = await ask(GOOD, Generation(prompt=RAW.prompt, constraint=constraint), server=server)
    body = here.requests[0][2]
    assert body | fields == body


@pytest.mark.parametrize(
    ("server", "constraint"), [(OpenAIServer.OTHER, Regex("a")), (OpenAIServer.VLLM, Lark('start: "a"'))]
)
async def test_a_constraint_that_the_server_cannot_hold_is_refused_before_it_is_sent(server, constraint):
    async with endpoint(GOOD) as here, engine(here.url, server=server) as made:
        with pytest.raises(ModelError, match="constraint"):
            await anext(made.generate(Generation(prompt=RAW.prompt, constraint=constraint)))
        assert not here.requests


async def test_the_key_is_sent_and_never_shown():
    _, here = await ask(GOOD, api_key="sesame")
    assert "authorization: bearer sesame" in here.requests[0][1].lower()
    assert "sesame" not in repr(OpenAIOptions(url="u", model="m", api_key="sesame"))


async def test_an_unknown_adapter_is_an_error_that_names_it():
    with pytest.raises(UnknownAdapterError, match="caller"):
        await ask(GOOD, Generation(prompt=RAW.prompt, adapter="caller"))


BROKEN: list[tuple[str, bytes, type[Exception]]] = [
    ("no json", OK + b"data: {oops\n\n", MalformedError),
    ("no object", OK + b"data: [1]\n\n", MalformedError),
    ("deep", OK + b"data: " + b"[" * 100_000 + b"\n\n", MalformedError),
    ("other shape", OK + event(choices=[["a"]]), MalformedError),
    ("odd usage", OK + event(choices=[], usage={"prompt_tokens": "many"}), MalformedError),
    ("endless line", OK + b"data: " + b"x" * 400_000, MalformedError),
    ("broken off", OK + text("Hel"), TransportError),
    ("nothing", OK, TransportError),
    ("hung up", b"", TransportError),
    ("no http", b"SSH-2.0\r\n\r\n", TransportError),
    ("error in stream", OK + text("Hel") + event(error={"message": "out of memory"}), ModelError),
    ("bad request", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", ModelError),
    ("no key", b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", ModelError),
    ("no model", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ModelError),
    ("busy", b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", LimitError),
    ("overloaded", b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", LimitError),
    ("failed", b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", TransportError),
]


@pytest.mark.parametrize(("answer", "kind"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_what_is_wrong_with_an_answer_is_one_typed_error(answer, kind):
    with pytest.raises(kind):
        await ask(answer)


async def test_a_server_that_falls_silent_is_given_up():
    async with (
        endpoint(OK + text("Hel"), then_hang=True) as here,
        engine(here.url, silence_seconds=0.1) as made,
    ):
        stream = made.generate(RAW)
        assert await anext(stream) == Delta("Hel")
        with pytest.raises(TransportError, match="ReadTimeout"):
            await anext(stream)


async def test_nobody_there_is_an_error_that_names_the_address():
    async with engine("http://127.0.0.1:9/v1") as made:
        with pytest.raises(TransportError, match=r"127\.0\.0\.1:9"):
            await anext(made.generate(RAW))
        with pytest.raises(TransportError, match=r"127\.0\.0\.1:9"):
            await made.check()


async def _close(made: OpenAIEngine) -> None:
    async with aclosing(made.generate(RAW)) as stream:
        await anext(stream)


async def _cancel(made: OpenAIEngine) -> None:
    started = asyncio.Event()

    async def read() -> None:
        async for _ in made.generate(RAW):
            started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("leave", [_close, _cancel], ids=["closing", "cancelling"])
async def test_leaving_a_stream_hangs_up(leave: Callable):
    async with endpoint(OK + text("Hel"), then_hang=True) as here, engine(here.url) as made:
        await leave(made)
        await asyncio.wait_for(here.hung_up.wait(), 5)


def models(*names: str) -> bytes:
    body = json.dumps({"data": [{"id": name} for name in names]}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def test_a_check_finds_a_model_that_is_not_served():
    async with endpoint(models("base")) as here, engine(here.url) as made:
        with pytest.raises(ModelError, match="'p'") as caught:
            await made.check()
        assert "base" in caught.value.fix
    async with endpoint(models("base", "p")) as here, engine(here.url) as made:
        await made.check()
    async with endpoint(models()) as here, engine(here.url) as made:
        with pytest.raises(TransportError, match="no model yet"):
            await made.check()


async def test_a_check_finds_that_it_is_no_such_endpoint():
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    async with endpoint(page) as here, engine(here.url) as made:
        with pytest.raises(MalformedError, match="OpenAI"):
            await made.check()


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"cache_salt": "n"}),
        ({"server": OpenAIServer.LLAMA_SERVER}, {"cache_prompt": False}),
        ({"server": OpenAIServer.OTHER}, {}),
        ({"server": OpenAIServer.OTHER, "cache_salt": "tenant"}, {"tenant": "n"}),
        ({"unsafe_shared_cache": True}, {}),
    ],
)
async def test_the_namespace_goes_to_an_endpoint_as_it_takes_one(options, sent):
    fields = {"cache_salt", "cache_prompt", "tenant"}
    _, here = await ask(GOOD, replace(RAW, namespace="n"), **options)
    assert {name: value for name, value in here.requests[-1][-1].items() if name in fields} == sent
    _, here = await ask(GOOD, RAW, **options)
    assert not fields & here.requests[-1][-1].keys()


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ({}, False),
        ({"server": OpenAIServer.LLAMA_SERVER}, False),
        ({"server": OpenAIServer.OTHER}, True),
        ({"server": OpenAIServer.OTHER, "cache_salt": "tenant"}, False),
        ({"unsafe_shared_cache": True}, True),
    ],
)
async def test_an_endpoint_that_devices_share_is_told_at_the_start(options, warned):
    async with engine("http://x/v1", **options) as made:
        assert made.shared_cache.startswith("UNSAFE" if warned else "")
        assert bool(made.shared_cache) is warned


BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SILENT = b""
CUT = OK + text("Hel")


async def ask_two(
    first: bytes, second: bytes, generation: Generation = RAW
) -> tuple[list, Endpoint, Endpoint]:
    """Ask endpoints of which the session's own one gives the first answer."""
    answers = iter((first, second))
    async with (
        endpoint(b"") as one,
        endpoint(b"") as other,
        engine(one.url, replicas={other.url: 1.0}) as made,
    ):
        ordered = made._endpoints.order(_session(generation))  # the test's only way to know who comes first
        by_url = {one.url: one, other.url: other}
        for url in ordered:
            by_url[url].answer = next(answers)
        chunks = [chunk async for chunk in made.generate(generation)]
        return chunks, by_url[ordered[0]], by_url[ordered[1]]


FAULT = OK + event(error={"message": "out of memory"})
GARBAGE = OK + b"data: <html>\n\n"


@pytest.mark.parametrize(
    "first", [BUSY, SILENT, FAULT, GARBAGE], ids=["busy", "gone", "failed", "something else"]
)
async def test_what_an_endpoint_fails_before_its_first_word_the_next_one_answers(first: bytes):
    chunks, own, other = await ask_two(first, GOOD, replace(RAW, session="s"))
    assert chunks[:2] == [Delta("Hel"), Delta("lo")]
    assert len(own.requests) == len(other.requests) == 1


async def test_what_an_endpoint_has_begun_no_other_takes_over():
    with pytest.raises(TransportError):
        await ask_two(CUT, GOOD, replace(RAW, session="s"))


async def test_what_one_refuses_no_other_is_asked():
    refuses = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with pytest.raises(ModelError):
        await ask_two(refuses, GOOD, replace(RAW, session="s"))


async def test_an_endpoint_that_is_not_there_at_the_start_is_told_of_and_only_all_of_them_stop_it():
    models = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"data": [{"id": "base"}, {"id": "p"}]}'
    async with endpoint(models) as here, engine(here.url, replicas={"http://127.0.0.1:9/v1": 1.0}) as made:
        (gone,) = await made.check()
        assert "127.0.0.1:9" in gone
    async with (
        endpoint(models) as here,
        endpoint(BUSY) as busy,
        engine(here.url, replicas={busy.url: 1.0}) as made,
    ):
        assert len(await made.check()) == 1
    async with engine("http://127.0.0.1:9/v1", replicas={"http://127.0.0.1:10/v1": 1.0}) as made:
        with pytest.raises(TransportError):
            await made.check()


ANOTHER = models("another")
NOTHING_OF_THE_KIND = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
NOT_UP = "http://127.0.0.1:9/v1"


async def test_one_endpoint_that_can_serve_is_enough_and_the_others_are_named():
    """Trial: one without the model stopped the server, whatever the others had."""
    async with AsyncExitStack() as stack:
        urls = [
            (await stack.enter_async_context(endpoint(answer))).url
            for answer in (ANOTHER, NOTHING_OF_THE_KIND, models("base", "p"))
        ]
        made = await stack.enter_async_context(
            engine(urls[0], replicas=dict.fromkeys([*urls[1:], NOT_UP], 1.0))
        )
        said = await made.check()
        assert [url for url in (*urls, NOT_UP) if any(url in line for line in said)] == [*urls[:2], NOT_UP]
        assert "has no model 'base'" in said[0]
        assert made._endpoints.resting == {*urls[:2], NOT_UP}


async def test_while_one_may_only_be_not_up_yet_a_server_waits_whatever_the_others_are():
    """Trial: the first failure counted, and a server ended although its engine came a second later."""
    for first in (ANOTHER, NOTHING_OF_THE_KIND):
        async with endpoint(first) as here, engine(here.url, replicas={NOT_UP: 1.0}) as made:
            with pytest.raises(TransportError) as caught:
                await made.check()
            assert caught.value.message.startswith(f"{NOT_UP} cannot be reached")
            assert here.url in caught.value.message
    async with (
        endpoint(ANOTHER) as here,
        endpoint(NOTHING_OF_THE_KIND) as there,
        engine(here.url, replicas={there.url: 1.0}) as made,
    ):
        with pytest.raises(ModelError) as caught:
            await made.check()
        assert here.url in caught.value.message
        assert there.url in caught.value.message


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_one_is_not_set_up_for_the_next_one_is_asked(status):
    refuses = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status
    chunks, own, other = await ask_two(refuses, GOOD, replace(RAW, session="s"))
    assert chunks[:2] == [Delta("Hel"), Delta("lo")]
    assert len(own.requests) == len(other.requests) == 1


async def test_a_router_knows_a_session_again_and_learns_nothing_of_it():
    names = []
    for namespace, session in (("n", "secret"), ("n", "secret"), ("m", "secret"), ("n", "")):
        _, here = await ask(GOOD, replace(RAW, namespace=namespace, session=session))
        ((_, head, _),) = here.requests
        names.append([line for line in head.lower().splitlines() if line.startswith("x-session-id:")])
        assert "secret" not in head
    assert names[0] == names[1] != names[2] != []
    assert names[3] == []
    _, here = await ask(GOOD, replace(RAW, session="s"), session_header="")
    assert "x-session-id" not in here.requests[0][1].lower()


CHAT = Generation(
    prompt=ChatPrompt((Message("system", "Be kind."), Message("user", "Hello"))), max_tokens=100
)


async def test_a_reasoning_model_thinks_only_where_it_may_and_has_room_for_its_answer():
    thought = event(choices=[{"delta": {"reasoning_content": "hm"}}])
    answer = OK + thought + event(choices=[{"delta": {"content": "Yes"}, "finish_reason": "stop"}]) + USAGE
    chunks, here = await ask(answer, CHAT)
    assert chunks[0] == Delta("Yes")
    assert here.requests[0][2]["chat_template_kwargs"] == {"enable_thinking": False}
    assert here.requests[0][2]["max_tokens"] == 100
    _, here = await ask(answer, replace(CHAT, thinking_tokens=2000))
    assert here.requests[0][2]["chat_template_kwargs"] == {"enable_thinking": True}
    assert here.requests[0][2]["max_tokens"] == 2100


async def test_openais_own_endpoint_gets_the_fields_that_it_takes():
    schema = JsonSchema({"type": "object"})
    _, here = await ask(GOOD, replace(CHAT, constraint=schema), server=OpenAIServer.OPENAI)
    body = here.requests[0][2]
    assert body["max_completion_tokens"] == 100
    assert not {"max_tokens", "temperature", "chat_template_kwargs"} & body.keys()
    assert body["response_format"]["json_schema"]["strict"] is False


async def test_a_model_without_a_system_turn_gets_its_words_in_the_users_and_more_fields_are_added():
    _, here = await ask(GOOD, CHAT, system_turn=False, fields={"reasoning_effort": "low"})
    body = here.requests[0][2]
    assert body["messages"] == [{"role": "user", "content": "Be kind.\n\nHello"}]
    assert body["reasoning_effort"] == "low"
