"""A Ray Serve application that answers OpenAI's API with umi's own engine, for clusters without a card.

It stands where Ray Serve LLM would, which needs vLLM: the same paths, the same names of models and adapters, the same
place for the cache salt and the session. What it serves is what umi's fronts ask (`umi_cloud.ray_serve.openai_call`).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from umi_cloud.config import CloudConfig, capacity_of
from umi_cloud.engines.errors import EngineDeadError
from umi_cloud.engines.loading import Loaded, load
from umi_cloud.ray_serve.openai_call import (
    ModelNames,
    delta_event,
    error_event,
    finish_events,
    read_call,
    status_of,
)
from umi_cloud.status import refusal_of
from umi_shared.engine import Chunk, Delta, Finished
from umi_shared.errors import MalformedError, UmiError

__all__ = ["OpenAIApplication", "build"]

_log = logging.getLogger("umi_cloud.ray_serve")
_BODY_BYTES = 4 * 1024 * 1024
_FAILED = 500
_SESSION_HEADER = "x-session-id"
_SESSION_CHARACTERS = 128


class OpenAIApplication:
    """One replica: an engine, and the calls that it answers."""

    def __init__(self, config: str, model: str) -> None:
        """`config` is the path of a cloud.yaml, whose engine is loaded with the first call or health check."""
        self._config = CloudConfig.read(Path(config))
        self._names = ModelNames(model)
        self._loading: asyncio.Task[Loaded] | None = None
        self._dead = False

    async def check_health(self) -> None:
        """What Serve asks of a replica before it gets requests, and again and again. Raises what loading does."""
        await self._loaded()
        if self._dead:
            raise EngineDeadError("the engine died")

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        loaded = await self._loaded()
        names = ModelNames(self._names.model, loaded.adapters)
        match request.method, request.url.path.rstrip("/").removeprefix("/v1"):
            case "GET", "/models":
                return JSONResponse({"object": "list", "data": [{"id": one} for one in names.all]})
            case "POST", "/completions" | "/chat/completions" as path:
                return await self._answer(request, loaded, names, chat=path.startswith("/chat"))
        return _refused(404, "there is no such path here")

    async def _answer(self, request: Request, loaded: Loaded, names: ModelNames, *, chat: bool) -> Response:
        try:
            generation = read_call(await _body(request), names, _session(request))
            stream = loaded.engine.generate(generation)
            first = await anext(stream)  # a failure before it has a status of its own
        except Exception as error:  # Serve would answer with its trace
            return _refused(status_of(error), self._told(error))
        return StreamingResponse(self._events(first, stream, chat=chat), media_type="text/event-stream")

    async def _events(
        self, first: Chunk, stream: AsyncGenerator[Chunk, None], *, chat: bool
    ) -> AsyncIterator[bytes]:
        async with aclosing(stream):
            try:
                yield _event(first, chat=chat)
                async for chunk in stream:
                    yield _event(chunk, chat=chat)
            except Exception as error:  # the status is sent: the stream says it, and its text stays here
                self._told(error)
                yield error_event()

    def _told(self, error: Exception) -> str:
        """What the caller is told of a failure; what is not the caller's doing is logged under an id."""
        self._dead = self._dead or isinstance(error, EngineDeadError)
        if isinstance(error, UmiError) and status_of(error) < _FAILED:
            return error.message
        return refusal_of(error).message

    async def _loaded(self) -> Loaded:
        if self._loading is None:
            self._loading = asyncio.create_task(load(self._config, lambda line: _log.info("%s", line)))
        return await asyncio.shield(self._loading)


def _event(chunk: Chunk, *, chat: bool) -> bytes:
    match chunk:
        case Delta(text):
            return delta_event(text, chat=chat)
        case Finished():
            return finish_events(chunk, chat=chat)


async def _body(request: Request) -> bytes:
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > _BODY_BYTES:
            raise MalformedError(f"the request has more than {_BODY_BYTES} bytes")
    return bytes(read)


def _session(request: Request) -> str:
    return request.headers.get(_SESSION_HEADER, "")[:_SESSION_CHARACTERS]


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status_code=status)


def build(args: dict[str, Any]) -> Any:
    """The application, for Serve's `import_path`; `args` are `config` and `model`."""
    from ray import serve  # noqa: PLC0415  # an optional dependency, and a slow one

    config = CloudConfig.read(Path(args["config"]))
    deployment = serve.deployment(
        OpenAIApplication, name="OpenAI", max_ongoing_requests=max(capacity_of(config.engine), 1)
    )
    return deployment.bind(args["config"], args["model"])
