"""The files of the page, which are the same for everybody: they come with umi, and hold no data."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from umi_edge.doors.chat_request import ApiError
from umi_edge.doors.page.answers import GUARDED

__all__ = ["asset"]

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOLDER = files("umi_edge.doors.page") / "static"


async def asset(request: Request) -> Response:
    """One of them, by its name; the page itself without one. Raises `ApiError`."""
    name = request.path_params.get("name") or "index.html"
    there = {one.name: one for one in _FOLDER.iterdir()}
    kind = next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), "")
    if name not in there or not kind:
        raise ApiError("the page has no such file", status=404)
    return Response(there[name].read_bytes(), headers={**GUARDED, "content-type": kind})
