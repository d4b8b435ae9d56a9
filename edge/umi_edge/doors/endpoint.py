"""The endpoint: OpenAI's chat completions and responses over HTTP, for programs on this machine."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from umi_edge.doors.chat_answer import ChatAnswer
from umi_edge.doors.chat_door import ChatDoor
from umi_edge.doors.chat_request import MODEL, ApiError, ChatRequest
from umi_edge.doors.chores import chore_answer
from umi_edge.doors.doorkeeper import Doorkeeper
from umi_edge.doors.response_answer import ResponseAnswer
from umi_edge.doors.response_request import read_response_request
from umi_edge.doors.run import Failed, Piece, Run, Runs, Said
from umi_edge.doors.spoken import Reasoning, Spoken
from umi_shared.errors import TransportError

__all__ = ["Endpoint", "Reasoning"]

_MOST_BYTES = 4 << 20
"""Of a body: a thousand long messages."""
_MOST_PASSED_OVER = 256 << 20
"""What is read of a longer one and thrown away: a client that is still sending would lose the refusal."""
_KEEP_ALIVE_SECONDS = 10
_FIRST_SECONDS = 3
"""How long a stream waits for its first piece, so that a planner that is away has an HTTP status of its own."""
_NOT_AGAIN = {"x-should-retry": "false"}
"""What OpenAI's clients take for "do not repeat this"."""
_KEEP_ALIVE = b": umi is still working\n\n"
"""A comment of the event stream, which clients pass over; without it some take a long step for a lost connection."""


class Answer(Protocol):
    """The form of an answer in one of OpenAI's two protocols, whole or as the events of a stream."""

    def whole(self, pieces: Iterable[Piece]) -> dict[str, Any]:
        """The answer as one object."""
        ...

    def opening(self) -> list[bytes]:
        """What a stream begins with."""
        ...

    def of(self, piece: Piece) -> list[bytes]:
        """A piece in a stream."""
        ...

    def ending(self) -> list[bytes]:
        """What stands after the last piece of a stream."""
        ...


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """The HTTP side of the chat door."""

    door: ChatDoor
    keeper: Doorkeeper
    reasoning: Reasoning = field(default="field", repr=False)
    runs: Runs = field(default_factory=Runs)
    keep_alive_seconds: float = _KEEP_ALIVE_SECONDS

    def app(self, others: Sequence[BaseRoute] = ()) -> Starlette:
        """The application, for a server; with the routes of other doors."""
        return Starlette(
            routes=[
                *self.routes(),
                *others,
                Route("/{path:path}", self._guarded(_elsewhere), methods=["GET", "POST", "PUT", "DELETE"]),
            ],
            middleware=[
                Middleware(
                    CORSMiddleware,
                    allow_origins=list(self.keeper.origins),
                    allow_methods=["GET", "POST"],
                    allow_headers=["*"],
                )
            ]
            if self.keeper.origins
            else [],
        )

    def routes(self) -> list[Route]:
        """What it serves, below `/v1`, for an application that has other doors, too."""
        return [
            Route("/v1/models", self._guarded(self._models)),
            Route("/v1/models/{name}", self._guarded(self._model)),
            Route("/v1/chat/completions", self._guarded(self._chat), methods=["POST"]),
            Route("/v1/responses", self._guarded(self._respond), methods=["POST"]),
            Route("/v1/responses/{rest:path}", self._guarded(_not_kept), methods=["GET", "POST", "DELETE"]),
            Route("/v1/{path:path}", self._guarded(_elsewhere), methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    def _guarded(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            try:
                self.keeper.check(request.headers)
                return await answer(request)
            except ApiError as error:
                return _refused(error)
            except RecursionError:
                return _refused(ApiError("the body is nested too deep"))
            except ClientDisconnect:
                return Response(status_code=499)

        return guarded

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_MODEL]})

    async def _model(self, request: Request) -> Response:
        if request.path_params["name"] != MODEL:
            raise ApiError(f"the one model here is called `{MODEL}`", status=404, code="model_not_found")
        return JSONResponse(_MODEL)

    async def _chat(self, request: Request) -> Response:
        asked = ChatRequest.read(await _json(request))
        return await self._answer(request, asked, ChatAnswer(asked.with_usage))

    async def _respond(self, request: Request) -> Response:
        body = await _json(request)
        asked = read_response_request(body)
        instructions = body.get("instructions")
        told = instructions if isinstance(instructions, str) else None
        return await self._answer(request, asked, ResponseAnswer(told))

    async def _answer(self, request: Request, asked: ChatRequest, answer: Answer) -> Response:
        spoken = Spoken(self.reasoning)
        if (chore := chore_answer(asked)) is not None:
            return _streamed(_chore(answer, chore)) if asked.stream else _whole(answer, spoken, [Said(chore)])
        run = await self.runs.join(asked.digest, again=_is_again(request)) or self.runs.begin(
            asked.digest, partial(self.door.carry_out, asked)
        )
        if run is None:
            raise ApiError(f"umi is busy with {self.runs.most} requests: wait for one of them", status=429)
        pieces = run.read()
        if not asked.stream:
            return await self._collected(request, answer, spoken, run, pieces)
        first = asyncio.ensure_future(anext(pieces))
        await asyncio.wait([first], timeout=_FIRST_SECONDS)
        if first.done() and isinstance(piece := first.result(), Failed) and not run.acted:
            await pieces.aclose()
            return _failed(piece)
        return _streamed(self._events(answer, spoken, run, first, pieces))

    async def _collected(
        self, request: Request, answer: Answer, spoken: Spoken, run: Run, pieces: AsyncGenerator[Piece, None]
    ) -> Response:
        """The whole answer at once, unless the client hangs up before."""

        async def collect() -> list[Piece]:
            async with aclosing(pieces):
                return [piece async for piece in pieces]

        work, gone = asyncio.create_task(collect()), asyncio.create_task(_hung_up(request))
        try:
            await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise ClientDisconnect
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.wait([work, gone])
        found = work.result()
        failed = next((piece for piece in found if isinstance(piece, Failed)), None)
        if failed is not None and not run.acted:
            return _failed(failed)
        return _whole(answer, spoken, found, run.note_delivered)

    async def _events(
        self,
        answer: Answer,
        spoken: Spoken,
        run: Run,
        first: "asyncio.Future[Piece]",
        pieces: AsyncGenerator[Piece, None],
    ) -> AsyncIterator[bytes]:
        """The stream; a comment now and then while nothing happens."""
        following = first
        async with aclosing(pieces):
            try:
                for event in answer.opening():
                    yield event
                while True:
                    await asyncio.wait([following], timeout=self.keep_alive_seconds)
                    if not following.done():
                        yield _KEEP_ALIVE
                        continue
                    try:
                        piece = following.result()
                    except StopAsyncIteration:
                        break
                    for event in _events(answer, spoken.of(piece)):
                        yield event
                    following = asyncio.ensure_future(anext(pieces))
            finally:
                following.cancel()
                await asyncio.wait([following])
        for event in [*_events(answer, spoken.rest()), *answer.ending()]:
            yield event
        run.note_delivered()


_MODEL = {"id": MODEL, "object": "model", "created": int(time.time()), "owned_by": "umi"}


async def _elsewhere(request: Request) -> Response:
    raise ApiError(
        "umi serves /v1/chat/completions, /v1/responses and /v1/models, and nothing at this path; set the base URL to "
        f"{request.url.scheme}://{request.url.netloc}/v1",
        status=404,
    )


async def _not_kept(_: Request) -> Response:
    raise ApiError("umi keeps no responses: what it answered is with the client that asked", status=404)


async def _json(request: Request) -> Any:
    """The body, if it is JSON and not too long. Raises `ApiError`."""
    body, size = bytearray(), 0
    async for piece in request.stream():
        size += len(piece)
        if size <= _MOST_BYTES:
            body += piece
        elif size > _MOST_PASSED_OVER:
            break
    if size > _MOST_BYTES:
        raise ApiError(f"the body is longer than {_MOST_BYTES >> 20} MiB, umi's limit", status=413)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError("the body is not JSON") from None


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _refused(error: ApiError) -> Response:
    return JSONResponse(error.body(), status_code=error.status, headers=_NOT_AGAIN)


def _failed(failed: Failed) -> Response:
    """A failure before anything was done. Only a planner that cannot be reached is worth another try."""
    away = isinstance(failed.error, TransportError)
    told = ApiError(failed.text, status=503 if away else 400, code=type(failed.error).__name__)
    return JSONResponse(told.body(), status_code=told.status, headers={} if away else _NOT_AGAIN)


def _whole(
    answer: Answer, spoken: Spoken, pieces: Iterable[Piece], sent: Callable[[], None] | None = None
) -> Response:
    """The whole answer; `sent` is called when it was."""
    shown = [one for piece in pieces for one in spoken.of(piece)]
    background = BackgroundTask(_as_async, sent) if sent is not None else None
    return JSONResponse(answer.whole([*shown, *spoken.rest()]), background=background)


async def _as_async(work: Callable[[], None]) -> None:
    work()


def _is_again(request: Request) -> bool:
    """Whether OpenAI's client says that it sends a request again."""
    return request.headers.get("x-stainless-retry-count", "0") not in ("", "0")


def _events(answer: Answer, pieces: Iterable[Piece]) -> list[bytes]:
    return [event for piece in pieces for event in answer.of(piece)]


def _streamed(events: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _chore(answer: Answer, said: str) -> AsyncIterator[bytes]:
    for event in [*answer.opening(), *answer.of(Said(said)), *answer.ending()]:
        yield event
