"""The watch port: plain HTTP for probes and for Prometheus. It needs no certificate, and tells of no device."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from umi_cloud.config import listen_host
from umi_shared.enrolment_token import join_address
from umi_shared.errors import ConfigError

__all__ = ["Page", "WatchPort"]

_PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
_STOP_SECONDS = 1
_IDLE_SECONDS = 5
_SILENT_SECONDS = 5
"""A connection that asks nothing for so long is ended; uvicorn itself would keep it for ever."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: an HTTP status, and text."""

    status: int
    body: bytes


@dataclass(slots=True)
class WatchPort:
    """Answers GET of its paths until it is closed."""

    address: str
    _server: uvicorn.Server
    _serving: asyncio.Task[None]

    @classmethod
    async def open(cls, listen: str, pages: dict[str, Callable[[], Page]]) -> Self:
        """Listen at HOST:PORT. Raises `ConfigError` where that can't be."""
        host, port = listen_host(listen), int(listen.rpartition(":")[2])
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
        except OSError as error:
            listening.close()
            raise ConfigError(
                f"cannot listen on {listen}",
                fix="choose a free port, and an address of this machine, with `watch_listen`",
            ) from error
        server = _Server(
            uvicorn.Config(
                _App(pages),
                http=_Impatient,
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        taken = listening.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        return cls(join_address(host, taken), server, serving)

    async def close(self) -> None:
        """Stop listening."""
        self._server.should_exit = True
        await self._serving


class _Impatient(H11Protocol):
    """Ends a connection whose first request does not come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait."""
        super().connection_made(transport)
        self.loop.call_later(_SILENT_SECONDS, self._end_if_silent)

    def _end_if_silent(self) -> None:
        if self.scope is None and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """Leaves the process's signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


@dataclass(frozen=True, slots=True)
class _App:
    """An ASGI application of a few fixed paths."""

    pages: dict[str, Callable[[], Page]]

    async def __call__(self, scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
        asked = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        make = self.pages.get(scope["path"]) if asked else None
        page = make() if make is not None else Page(404, b"not here\n")
        headers = [(b"content-type", _PROMETHEUS), (b"content-length", str(len(page.body)).encode())]
        await send({"type": "http.response.start", "status": page.status, "headers": headers})
        body = b"" if scope.get("method") == "HEAD" else page.body
        await send({"type": "http.response.body", "body": body})
