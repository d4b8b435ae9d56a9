"""The end of a login in the browser: a page on this machine that the browser is sent to, with the code."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from mcp.shared.auth import AuthorizationCodeResult

__all__ = ["Redirect", "open_redirect"]

_SECONDS = 300.0
_REQUEST_BYTES = 16 << 10
_PAGE = "<!doctype html><title>umi</title><p>umi has what it needs. You can close this window."


@dataclass(slots=True)
class Redirect:
    """Shows the user where to log in, and waits until their browser comes back."""

    uri: str
    browse: Callable[[str], None]
    """Opens a browser, or tells the user to."""
    _answer: "asyncio.Future[AuthorizationCodeResult]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    async def show(self, url: str) -> None:
        """Send the user to the login."""
        await asyncio.to_thread(self.browse, url)

    async def answer(self) -> AuthorizationCodeResult:
        """What the browser brings back. Raises `TimeoutError` after five minutes."""
        async with asyncio.timeout(_SECONDS):
            return await asyncio.shield(self._answer)

    def take(self, target: str) -> bool:
        """Take the target of a request to this page; False for any other request."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != "/callback" or not {"code", "error"} & query.keys():
            return False
        if not self._answer.done():
            self._answer.set_result(
                AuthorizationCodeResult(
                    code=query.get("code", ""), state=query.get("state"), iss=query.get("iss")
                )
            )
        return True


@asynccontextmanager
async def open_redirect(browse: Callable[[str], None], port: int = 0) -> AsyncIterator[Redirect]:
    """Listen on this machine's own address only. Raises `OSError` where the port is taken."""
    redirect: Redirect | None = None

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                line = (await reader.readuntil(b"\n")).decode("latin-1").split(" ")
            known = redirect is not None and len(line) > 1 and line[0] == "GET" and redirect.take(line[1])
            status, page = ("200 OK", _PAGE) if known else ("404 Not Found", "")
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n{page}".encode())
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=_REQUEST_BYTES)
    async with server:
        bound = server.sockets[0].getsockname()[1]
        redirect = Redirect(f"http://127.0.0.1:{bound}/callback", browse)
        yield redirect
