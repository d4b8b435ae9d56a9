"""Any OpenAI-compatible endpoint: `vllm serve`, Ray Serve LLM, llama-server, a hosted one; or several of one kind.

A request that an endpoint fails before the first piece of its answer goes to the next one; later none can take it over.
Prompts in a dialect's own format go to `/completions`, chats to `/chat/completions`. An adapter is a model name
there, as `vllm serve --lora-modules NAME=PATH` makes it. For compact JSON from vLLM, start it with
`--structured-outputs-config '{"backend": "guidance", "disable_any_whitespace": true}'`; for cached tokens in the
usage, with `--enable-prompt-tokens-details`.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from umi_cloud.engines.control_tokens import COMMON, neutralise
from umi_cloud.engines.endpoints import Endpoints
from umi_cloud.engines.engine_load import EngineLoad, MetricsPage
from umi_cloud.engines.errors import UnknownAdapterError
from umi_cloud.engines.openai_server import OpenAIServer
from umi_shared.chat_template import without_system_turn
from umi_shared.engine import (
    ChatPrompt,
    Chunk,
    Constraint,
    Delta,
    Finish,
    Finished,
    Generation,
    JsonSchema,
    Lark,
    Message,
    Regex,
)
from umi_shared.errors import LimitError, MalformedError, ModelError, TransportError, UmiError
from umi_shared.transcript import Usage

__all__ = ["OpenAIEngine", "OpenAIOptions"]

_METRICS_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIOptions:
    """Where the endpoint is, and how long to wait for it."""

    url: str
    """The endpoint, as `http://HOST:PORT/v1`."""
    replicas: Mapping[str, float] = field(default_factory=dict)
    """More endpoints with the same models; so much of `url`'s share of sessions goes to each."""
    model: str
    """The base model's name at the endpoint."""
    adapters: Mapping[str, str] = field(default_factory=dict)
    """The model name of each role's adapter; a role that is not named uses the base model."""
    api_key: str = field(default="", repr=False)
    server: OpenAIServer = OpenAIServer.VLLM
    cache_salt: str = ""
    """The request's field that takes the cache namespace; empty chooses by `server`."""
    session_header: str = "x-session-id"
    """The header by which a router in front of several engines knows a session again; empty sends none."""
    system_turn: bool = True
    """Whether its model takes a system turn; else the system's words begin the user's first turn."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """More fields of each request, such as `reasoning_effort: low`."""
    unsafe_shared_cache: bool = False
    """Leave the endpoint's cache to all namespaces together."""
    connect_seconds: float = 5.0
    """The longest wait for a connection."""
    silence_seconds: float = 60.0
    """The longest wait between two pieces of a stream."""
    line_bytes: int = 256 * 1024
    """The longest line of a stream; a longer one is an error."""
    control_tokens: tuple[str, ...] = COMMON


class _EndpointError(ModelError):
    """An endpoint has failed at a request, or is not set up for it; another may not."""


class OpenAIEngine:
    """Implements `umi_shared.engine.Engine` over HTTP; closing a stream closes its connection."""

    def __init__(self, options: OpenAIOptions, transport: httpx.AsyncBaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        self._options = options
        self._endpoints = Endpoints({options.url: 1.0, **options.replicas})
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(options.silence_seconds, connect=options.connect_seconds),
            limits=httpx.Limits(max_connections=None),  # admission control is in front
            transport=transport,
        )

    @property
    def shared_cache(self) -> str:
        """A line that warns of a cache which devices share at the endpoint; empty where it is kept apart."""
        options = self._options
        if options.unsafe_shared_cache:
            return "UNSAFE: devices share the endpoint's prompt cache (`unsafe_shared_cache`)"
        if options.server in (OpenAIServer.OTHER, OpenAIServer.OPENAI) and not options.cache_salt:
            return (
                f"UNSAFE: an endpoint of kind {options.server.value!r} may share its prompt cache between devices, and "
                "umi cannot tell it not to. Fix: turn the cache off there, or name the field that keeps it apart with "
                "`cache_salt`"
            )
        return ""

    async def check(self) -> tuple[str, ...]:
        """Make sure that an endpoint can serve; a line for each of the others that cannot, now or as they are set up.

        Raises where none can: TransportError or LimitError while one may only be not up yet, else ModelError or
        MalformedError; each names all of them.
        """
        failures: list[UmiError] = []
        for url in self._endpoints.weights:
            try:
                await self._check(url)
            except (TransportError, LimitError, MalformedError, ModelError) as error:
                self._endpoints.failed(url)
                failures.append(error)
        if len(failures) < len(self._endpoints.weights):
            return tuple(str(failure) for failure in failures)
        # What may pass comes first: whoever waits for that one needs the others no less.
        failures.sort(key=lambda failure: not isinstance(failure, (TransportError, LimitError)))
        said = "; ".join(failure.message for failure in failures)
        raise type(failures[0])(said, fix=failures[0].fix) from failures[0]

    async def _check(self, url: str) -> None:
        try:
            response = await self._client.get(_at(url, "models"))
            served = {model["id"] for model in response.raise_for_status().json()["data"]}
        except httpx.HTTPStatusError as error:
            raise _refused(error.response.status_code, url) from error
        except httpx.HTTPError as error:
            raise _unreachable(url, error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedError(f"{url} does not answer as an OpenAI endpoint does") from error
        if not served:  # a router whose models are still being started
            raise TransportError(f"{url} has no model yet", fix="look into its log")
        for name in (self._options.model, *self._options.adapters.values()):
            if name not in served and self._options.server is OpenAIServer.VLLM:
                raise ModelError(
                    f"{url} has no model {name!r}",
                    fix=f"it serves {', '.join(sorted(served))}; see --lora-modules of `vllm serve`",
                )

    async def load(self) -> EngineLoad | None:
        """How busy the endpoints are, as vLLM's own metrics have it; None where none says."""
        found = await asyncio.gather(*map(self._load, self._endpoints.weights))
        return EngineLoad.of_all(load for load in found if load is not None)

    async def _load(self, url: str) -> EngineLoad | None:
        page = MetricsPage()
        address = _at(url.rstrip("/").removesuffix("/v1"), "metrics")
        try:
            async with (
                asyncio.timeout(_METRICS_SECONDS),
                # Plain: what is small on its way can be large when it is unpacked.
                self._client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as response,
            ):
                plain = response.headers.get("content-encoding", "identity") == "identity"
                if response.status_code != httpx.codes.OK or not plain:
                    return None
                async for piece in response.aiter_raw():
                    if not page.take(piece):
                        return None
        except (httpx.HTTPError, TimeoutError):
            return None
        return page.load()

    async def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """Stream one generation.

        Raises TransportError when no endpoint can be reached or one falls silent, `LimitError` when all are busy,
        `ModelError` when it refuses (a prompt that is too long, an unknown model), `MalformedError` when its
        stream makes no sense.
        """
        path, body = self._request(generation)
        session = _session(generation)
        named = self._options.session_header
        headers = {named: session} if named and session else {}
        *others, last = self._endpoints.order(session or uuid4().hex)
        for url in (*others, last):
            begun = False
            try:
                async with aclosing(self._stream(url, path, body, headers)) as chunks:
                    async for chunk in chunks:
                        begun = True
                        yield chunk
            except LimitError:
                if begun or url == last:
                    raise
            except (TransportError, MalformedError, _EndpointError):
                self._endpoints.failed(url)
                if begun or url == last:
                    raise
            else:
                self._endpoints.answered(url)
                return

    async def _stream(
        self, url: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> AsyncGenerator[Chunk, None]:
        """One generation from one endpoint."""
        try:
            async with self._client.stream("POST", _at(url, path), json=body, headers=headers) as response:
                if response.status_code != httpx.codes.OK:
                    raise _refused(response.status_code, url)
                async for chunk in _chunks(self._events(response), text_of=_TEXT[path]):
                    yield chunk
        except httpx.HTTPError as error:
            raise _unreachable(url, error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _request(self, generation: Generation) -> tuple[str, dict[str, Any]]:
        options = self._options
        body: dict[str, Any] = {
            "model": self._model(generation.adapter),
            **_bounded(generation.max_tokens + generation.thinking_tokens, options.server),
            "stream": True,
            "stream_options": {"include_usage": True},
            **_constrained(generation.constraint, options.server),
            **_apart(generation.namespace, options),
        }
        if generation.stop:
            body["stop"] = list(generation.stop)
        if not isinstance(generation.prompt, ChatPrompt):
            return "completions", body | {"prompt": generation.prompt.text, **options.fields}
        messages = [
            Message(message.role, neutralise(message.content, options.control_tokens))
            for message in generation.prompt.messages
        ]
        body["messages"] = [
            {"role": message.role, "content": message.content}
            for message in (messages if options.system_turn else without_system_turn(messages))
        ]
        if options.server in (OpenAIServer.VLLM, OpenAIServer.LLAMA_SERVER):
            body["chat_template_kwargs"] = {"enable_thinking": generation.thinking_tokens > 0}
        return "chat/completions", body | dict(options.fields)

    def _model(self, adapter: str) -> str:
        if not adapter:
            return self._options.model
        try:
            return self._options.adapters[adapter]
        except KeyError:
            raise UnknownAdapterError(adapter) from None

    async def _events(self, response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
        """The JSON objects of a stream of server-sent events, up to `[DONE]`."""
        async for line in _lines(response, self._options.line_bytes):
            if not line.startswith("data:"):
                continue
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            try:
                event = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise MalformedError("the endpoint's stream is not JSON") from error
            if not isinstance(event, dict):
                raise MalformedError("the endpoint's stream has an event that is not an object")
            yield event


async def _lines(response: httpx.Response, limit: int) -> AsyncIterator[str]:
    """Lines of bounded length; httpx's own iterator would collect an endless line for ever."""
    held = b""
    async for piece in response.aiter_bytes():
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace").rstrip("\r")
        if len(held) > limit:
            raise MalformedError(f"the endpoint's stream has a line of more than {limit} bytes")


def _completion_text(choice: dict[str, Any]) -> Any:
    return choice.get("text")


def _chat_text(choice: dict[str, Any]) -> Any:
    """The content alone: what a reasoning model thinks comes in fields of its own."""
    return choice.get("delta", {}).get("content")


_TEXT = {"completions": _completion_text, "chat/completions": _chat_text}


async def _chunks(events: AsyncIterator[dict[str, Any]], text_of: Any) -> AsyncGenerator[Chunk, None]:
    finish, usage, counted = None, None, 0
    async for event in events:
        if "error" in event:
            raise _EndpointError("the endpoint reports an error in its stream", fix="look into its log")
        try:
            for choice in event.get("choices", ()):
                if text := text_of(choice):
                    counted += 1
                    yield Delta(str(text))
                if reason := choice.get("finish_reason"):
                    finish = Finish.LENGTH if reason == "length" else Finish.STOP
            usage = _usage(event) or usage
        except (AttributeError, TypeError, ValueError) as error:
            raise MalformedError("the endpoint's stream has an event of another shape") from error
    if finish is None:
        raise TransportError("the endpoint's stream broke off", fix="look into the endpoint's log")
    yield Finished(finish, usage or Usage(completion_tokens=counted))


def _usage(event: dict[str, Any]) -> Usage | None:
    usage = event.get("usage")
    if not usage:
        return None
    details = usage.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=int(usage.get("prompt_tokens", 0)),
        cached_tokens=int(details.get("cached_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
    )


def _at(url: str, path: str) -> str:
    return f"{url.rstrip('/')}/{path}"


def _session(generation: Generation) -> str:
    """A name for the session that says nothing of it, and that no other device can choose."""
    if not generation.session:
        return ""
    return hashlib.sha256(f"{generation.namespace}\0{generation.session}".encode()).hexdigest()[:32]


def _bounded(max_tokens: int, server: OpenAIServer) -> dict[str, Any]:
    """Greedy, and so long; OpenAI's own reasoning models refuse both fields of everybody else."""
    if server is OpenAIServer.OPENAI:
        return {"max_completion_tokens": max_tokens}
    return {"max_tokens": max_tokens, "temperature": 0}


def _apart(namespace: str, options: OpenAIOptions) -> dict[str, Any]:
    """The request's field that keeps this namespace's cache apart.

    llama-server has no salt, and its slots serve whoever comes: it reads every prompt anew.
    """
    if not namespace or options.unsafe_shared_cache:
        return {}
    if options.cache_salt or options.server is OpenAIServer.VLLM:
        return {options.cache_salt or "cache_salt": namespace}
    return {"cache_prompt": False} if options.server is OpenAIServer.LLAMA_SERVER else {}


def _constrained(constraint: Constraint | None, server: OpenAIServer) -> dict[str, Any]:
    """The request's field for a constraint, as this server spells it."""
    match constraint, server:
        case None, _:
            return {}
        case JsonSchema(schema), OpenAIServer.VLLM:
            return {"structured_outputs": {"json": dict(schema)}}
        case Regex(pattern), OpenAIServer.VLLM:
            return {"structured_outputs": {"regex": pattern}}
        case JsonSchema(schema), OpenAIServer.LLAMA_SERVER:
            return {"json_schema": dict(schema)}
        case Regex(pattern), OpenAIServer.LLAMA_SERVER:
            # llama-server built with llguidance reads Lark behind this prefix.
            return {"grammar": f"%llguidance {{}}\nstart: /{pattern.replace('/', chr(92) + '/')}/\n"}
        case Lark(grammar), OpenAIServer.LLAMA_SERVER:
            return {"grammar": f"%llguidance {{}}\n{grammar}"}
        case JsonSchema(schema), OpenAIServer.OPENAI:
            # Its strict mode takes no `anyOf` at the root and no open objects, which decisions have.
            schema_format = {"name": "output", "schema": dict(schema), "strict": False}
            return {"response_format": {"type": "json_schema", "json_schema": schema_format}}
        case JsonSchema(schema), OpenAIServer.OTHER:
            schema_format = {"name": "output", "schema": dict(schema), "strict": True}
            return {"response_format": {"type": "json_schema", "json_schema": schema_format}}
    raise ModelError(
        f"an endpoint of kind {server.value!r} cannot hold an output to this constraint",
        fix="use the `chat` dialect, which needs JSON Schema only, or a server that can",
    )


def _refused(status: int, url: str) -> ModelError | LimitError | TransportError:
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        return LimitError(f"{url} is busy (HTTP {status})")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return _EndpointError(f"{url} refuses the API key (HTTP {status})", fix="check `api_key_file`")
    if status == httpx.codes.NOT_FOUND:
        return _EndpointError(
            f"{url} does not have the model, or is no OpenAI endpoint (HTTP {status})",
            fix="check `engine.url`, and the model's name there",
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return TransportError(f"{url} failed (HTTP {status})", fix="look into its log")
    return ModelError(
        f"{url} refuses the generation (HTTP {status})",
        fix="check the model's name there, its context length, and `server` in the configuration; a model without a "
        "system role needs `system_turn: false`",
    )


def _unreachable(url: str, error: httpx.HTTPError) -> TransportError:
    return TransportError(
        f"{url} cannot be reached: {type(error).__name__}",
        fix="start the endpoint, or correct `engine.url`",
    )
