"""The door of programs that speak MCP, in the daemon: what is behind it is built when the first of them comes.

The protocol's library takes 20 MB and a second, which a daemon without such programs does without.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module

from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

__all__ = ["Behind", "GatewayDoor"]

_PATHS = ("/mcp", "/mcp/{name}", "/daemon/pipes", "/daemon/pipes/{id}")
_SLOW = ("umi_edge.doors.gateway.mounted", "umi_edge.doors.gateway.pipes")


@dataclass(frozen=True, slots=True)
class Behind:
    """What answers programs, and what ends all that they are at."""

    routes: Sequence[Route]
    stop: Callable[[], Awaitable[None]]


@dataclass(slots=True, eq=False)
class GatewayDoor:
    """An ASGI app for the paths of programs. Nothing is built once it has been stopped."""

    build: Callable[[], Behind] = field(repr=False)
    """Called once, in the event loop, after the modules that it imports were loaded in a thread."""
    _behind: "asyncio.Task[tuple[Router, Behind]] | None" = field(default=None, init=False, repr=False)
    _over: bool = field(default=False, init=False)

    def routes(self) -> list[Route]:
        """What an application serves for programs."""
        return [Route(path, self) for path in _PATHS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if self._behind is None:
            if self._over:
                await Response("umi is ending", status_code=503)(scope, receive, send)
                return
            self._behind = asyncio.create_task(self._build())
        building = self._behind
        try:
            router, _ = await asyncio.shield(building)
        except BaseException:
            if building.done() and self._behind is building:
                self._behind = None  # the next request tries again
            raise
        await router(scope, receive, send)

    async def stop(self) -> None:
        """End all that programs are at."""
        self._over = True
        if self._behind is None:
            return
        await asyncio.wait([self._behind])
        if not self._behind.cancelled() and self._behind.exception() is None:
            await self._behind.result()[1].stop()

    async def _build(self) -> tuple[Router, Behind]:
        for name in _SLOW:
            await asyncio.to_thread(import_module, name)
        behind = self.build()
        if self._over:
            await behind.stop()
        return Router(behind.routes), behind
