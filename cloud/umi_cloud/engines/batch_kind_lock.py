"""A lock on the kind of a batch: work of one kind runs together, work of two kinds never does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["BatchKindLock"]


class BatchKindLock:
    """Keeps kinds of work apart, first come, first served. For one event loop."""

    def __init__(self) -> None:
        self._door = asyncio.Lock()
        self._empty = asyncio.Event()
        self._empty.set()
        self._kind = ""
        self._inside = 0

    @asynccontextmanager
    async def hold(self, kind: str) -> AsyncIterator[None]:
        """Wait until nothing of another kind runs; whoever comes later waits behind this one."""
        async with self._door:
            if kind != self._kind:
                await self._empty.wait()
            self._kind = kind
            self._inside += 1
            self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()
