"""The calls under way, by certificate, so that those of a revoked one end."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from umi_cloud.auth.identity import Device
from umi_cloud.auth.standing import Standing, check_standing

__all__ = ["LiveCalls"]


class LiveCalls:
    """Knows every call that was let in. For one event loop."""

    def __init__(self) -> None:
        self._clocks: dict[str, set[asyncio.Timeout]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._clocks)

    @asynccontextmanager
    async def running(self, device: Device) -> AsyncIterator[None]:
        """One call. Raises RefusedError (CERTIFICATE_REVOKED) when `end` ends it."""
        clock = asyncio.timeout(None)
        self._clocks.setdefault(device.serial, set()).add(clock)
        try:
            async with clock:
                yield
        except TimeoutError:
            if clock.expired():
                check_standing(device, Standing.REVOKED)
            raise
        finally:
            mine = self._clocks[device.serial]
            mine.discard(clock)
            if not mine:
                del self._clocks[device.serial]

    def end(self, serials: Iterable[str]) -> int:
        """End the calls made with these certificates; returns how many."""
        now = asyncio.get_running_loop().time()
        clocks = [
            clock for serial in serials for clock in self._clocks.get(serial, ()) if not clock.expired()
        ]
        for clock in clocks:
            clock.reschedule(now)
        return len(clocks)
