"""A lock for kinds of work: work of one kind may run together, work of two kinds never does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["BatchKindLock"]


class BatchKindLock:
    """Keeps kinds of work apart, in order of arrival. For one event loop."""

    def __init__(self) -> None:
        self._door = asyncio.Lock()
        self._empty = asyncio.Event()
        self._empty.set()
        self._kind = ""
        self._inside = 0

    @asynccontextmanager
    async def hold(self, kind: str) -> AsyncIterator[None]:
        """Wait until nothing of another kind runs, then hold the lock. Later arrivals of any kind wait behind."""
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
