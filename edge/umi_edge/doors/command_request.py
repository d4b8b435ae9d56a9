"""Requests of umi's own commands to the daemon: who may make them, and the JSON in them.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.doorkeeper import Doorkeeper

__all__ = ["Answer", "alone", "guarded", "read_body", "read_json"]

Answer = Callable[[Request], Awaitable[Response]]
_MOST_BYTES = 1 << 20


def guarded(answer: Answer, keeper: Doorkeeper) -> Answer:
    """An answer for those whom the doorkeeper lets in, and what is wrong with the request for the others."""

    async def checked(request: Request) -> Response:
        try:
            keeper.check(request.headers)
            return await answer(request)
        except ApiError as error:
            return JSONResponse(error.body(), status_code=error.status)
        except ClientDisconnect:
            return Response(status_code=499)

    return checked


def alone(reason: str) -> Response:
    """Sends a command away, to do it by itself."""
    return JSONResponse({"alone": reason}, status_code=409)


async def read_json(request: Request) -> Any:
    """The body, if it is JSON and not too long. Raises `ApiError`."""
    try:
        return json.loads(await read_body(request, _MOST_BYTES))
    except (ValueError, RecursionError):
        raise ApiError("the body is not JSON") from None


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The body, if it is not too long. Raises `ApiError`."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most_bytes:
            raise ApiError(f"the body is longer than {most_bytes >> 20} MiB, umi's limit", status=413)
    return bytes(body)
