"""The streamable HTTP transport, with a limit on what a server may answer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from umi_edge.tools.mcp.config import LOOPBACK, HttpServer
from umi_edge.tools.mcp.link import Link
from umi_edge.tools.outcome import FailureKind

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 300.0
_COPIED_ARGUMENT = "mcp-param-"
"""How the headers begin into which a server asks arguments to be copied: `x-mcp-header` of MCP 2026-07-28."""


class _TooLargeError(httpx2.StreamError):
    """The body of an answer passes the limit; the SDK answers the call with a parse error."""


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int, link: Link) -> None:
        self._inner = inner
        self._left = limit
        self._link = link

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                self._link.failure = FailureKind.TOO_LARGE
                raise _TooLargeError("the answer passes the limit")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """HTTP whose answers end at a limit, and are never compressed, so that it is the real size.

    Covered: a body of any length, a compressed body; arguments that the SDK copies into headers where a server asks
    for it: they stay in the body, because proxies and logs on the way read headers. A server that insists refuses
    the call. An event stream may go on for ever: there the SDK's limit on one event holds.
    """

    def __init__(self, limit: int, link: Link) -> None:
        super().__init__()
        self._limit = limit
        self._link = link

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request, without an argument in its headers."""
        if request.url.scheme != "https" and request.url.host not in LOOPBACK:
            raise httpx2.UnsupportedProtocol("not https", request=request)  # wherever a server says to log in
        for name in [name for name in request.headers if name.lower().startswith(_COPIED_ARGUMENT)]:
            del request.headers[name]
        request.headers["accept-encoding"] = "identity"
        response = await super().handle_async_request(request)
        self._link.status = response.status_code if response.status_code >= 400 else 0
        self._link.web_page = response.headers.get("content-type", "").startswith("text/html")
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.DecodingError("the answer is compressed", request=request)
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return response
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            response.stream = _BoundedStream(stream, self._limit, self._link)
        return response


@asynccontextmanager
async def http_transport(
    server: HttpServer, limit: int, link: Link, auth: httpx2.Auth | None = None
) -> AsyncGenerator[tuple[Any, Any]]:
    """Yield the streams of messages from the server and to it.

    Only the configured headers are sent, and what `auth` adds: no proxy, no password from the environment.
    """
    timeout = httpx2.Timeout(_CONNECT_SECONDS, read=_READ_SECONDS)
    client = httpx2.AsyncClient(
        headers=dict(server.headers),
        auth=auth,
        timeout=timeout,
        transport=BoundedTransport(limit, link),
        trust_env=False,
    )
    async with (
        client,
        streamable_http_client(server.url, http_client=client, max_sse_event_size=limit) as streams,
    ):
        yield streams
