"""A link that can be made bad: a TCP relay that delays, stalls, or cuts what goes through it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

__all__ = ["Link", "link"]

Writers = list[asyncio.StreamWriter]


class Link:
    """Relays each new connection to the first of its targets that takes it."""

    def __init__(self, targets: Sequence[tuple[str, int]]) -> None:
        self.targets = list(targets)
        self.port = 0
        self.delay_seconds = 0.0
        self.turned_away = 0
        """Connections that came while it was cut."""
        self._open = asyncio.Event()
        self._open.set()
        self._cut = False
        self._writers: Writers = []
        self._tasks: set[asyncio.Task[None]] = set()

    def stall(self) -> None:
        """Nothing goes through, and nobody is told."""
        self._open.clear()

    def cut(self) -> None:
        """Connections end, and new ones are refused."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def mend(self) -> None:
        """As good as new."""
        self.delay_seconds, self._cut = 0.0, False
        self._open.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One new connection."""
        if self._cut:
            self.turned_away += 1
            writer.transport.abort()
            return
        for host, port in list(self.targets):
            try:
                far_reader, far_writer = await asyncio.open_connection(host, port)
            except OSError:
                continue
            self.targets.append(self.targets.pop(0))  # the next connection begins with the next target
            self._writers += [writer, far_writer]
            for one, other in ((reader, far_writer), (far_reader, writer)):
                task = asyncio.create_task(self._relay(one, other))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            return
        writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                await self._open.wait()
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                writer.write(piece)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()

    async def close(self) -> None:
        """End all that goes through."""
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def link(targets: Sequence[tuple[str, int]]) -> AsyncIterator[Link]:
    """A link on a port of its own."""
    made = Link(targets)
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()
