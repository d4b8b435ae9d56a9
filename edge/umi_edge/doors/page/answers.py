"""What the page's browser is answered: JSON whose texts can't imitate the page, and headers that keep it to itself.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from umi_edge.doors.chat_request import ApiError
from umi_shared.errors import UmiError
from umi_shared.screen.text import visible

__all__ = ["GUARDED", "answer", "events", "failure", "read_body", "read_json", "text_of_event"]

GUARDED: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Of every answer: nothing is kept, nothing is loaded from elsewhere, no other page has this one in a frame."""
_MOST_BYTES = 1 << 20


def answer(document: Any, status: int = 200) -> Response:
    """A document as JSON."""
    return Response(_json(document), status, headers=GUARDED, media_type="application/json")


def failure(error: ApiError | UmiError | Exception) -> Response:
    """What went wrong, with the fix; of what umi does not know only its kind, since its text may hold values (I8)."""
    match error:
        case ApiError():
            return answer({"error": error.message, "fix": ""}, error.status)
        case UmiError():
            return answer({"error": error.message, "fix": error.fix}, 422)
    said = f"something in umi or a plug-in failed ({type(error).__name__})"
    return answer({"error": said, "fix": "try again; if it stays so, please report it"}, 500)


def events(stream: AsyncIterator[bytes]) -> Response:
    """A stream of server-sent events."""
    return StreamingResponse(stream, media_type="text/event-stream", headers=dict(GUARDED))


def text_of_event(kind: str, document: Any) -> bytes:
    """One event of such a stream."""
    return f"event: {kind}\ndata: {_json(document)}\n\n".encode()


async def read_json(request: Request) -> dict[str, Any]:
    """The object in a request's body. Raises `ApiError`."""
    body = await read_body(request, _MOST_BYTES)
    try:
        document = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise ApiError("the body is not JSON") from None
    if not isinstance(document, dict):
        raise ApiError("the body is a JSON object")
    return document


async def read_body(request: Request, most: int) -> bytes:
    """The body, if it is no longer than that. Raises `ApiError`."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise ApiError(f"the body is longer than {most >> 20} MiB, the page's limit", status=413)
    return bytes(body)


def _json(document: Any) -> str:
    return json.dumps(_seen(document), ensure_ascii=False, separators=(",", ":"))


def _seen(document: Any) -> Any:
    """The same with signs for all that can't be seen, in every text: nothing of it steers how the page reads."""
    match document:
        case str():
            return visible(document)
        case Mapping():
            return {visible(str(key)): _seen(value) for key, value in document.items()}
        case list() | tuple() | set() | frozenset():
            return [_seen(value) for value in document]
    return document
