"""Keeps a front and its registry together: revocations come in, signs of life and late accounts go out.

A revocation by any process ends the calls that run here within a second, and its device is not let in during an outage.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from umi_cloud.auth.known_devices import KnownDevices
from umi_cloud.auth.live_calls import LiveCalls
from umi_cloud.auth.registry import Registry
from umi_cloud.auth.store import RegistryUnavailableError

__all__ = ["RegistryWatch"]

LOOK_SECONDS = 2.0
"""How often to look where no notice comes."""
RETRY_SECONDS = 0.5
_log = logging.getLogger("umi_cloud.registry")


class RegistryWatch:
    """Runs for as long as the front does."""

    def __init__(
        self,
        registry: Registry,
        known: KnownDevices,
        calls: LiveCalls,
        *,
        revoked: Callable[[frozenset[str]], None],
        tell: Callable[[], Awaitable[None]],
    ) -> None:
        """`revoked` is called with serial numbers, `tell` awaited after every look, for what depends on `known`."""
        self._registry = registry
        self._known = known
        self._calls = calls
        self._revoked = revoked
        self._tell = tell
        self._since: float | None = None
        self._settling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Look until cancelled; nothing that goes wrong ends it."""
        try:
            await self._run()
        finally:
            if self._settling is not None:
                self._settling.cancel()
                await asyncio.gather(self._settling, return_exceptions=True)

    async def _run(self) -> None:
        was_lost = False
        while True:
            try:
                await self._look()
            except RegistryUnavailableError as error:
                self._known.registry_failed()
                if not was_lost:
                    _log.error("the registry is lost: %s", error.message)
            except Exception as error:  # whatever it is, revocations must go on coming in
                self._known.registry_failed()
                if not was_lost:
                    _log.error("the registry is lost: %s", type(error).__name__)
            if was_lost and not self._known.lost:
                _log.warning("the registry is back")
            was_lost = self._known.lost
            await self._tell()
            await (asyncio.sleep(RETRY_SECONDS) if was_lost else self._registry.changed(LOOK_SECONDS))

    async def _look(self) -> None:
        revoked = await self._registry.revoked_since(self._since)
        self._revoked(revoked.serials)
        if self._calls or self._known.lost:  # a registry that can only be read is lost, too
            await self._registry.touch()
        self._since = revoked.moment
        self._known.registry_answered()
        if (
            self._settling is None or self._settling.done()
        ):  # beside, for revocations do not wait for accounts
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        late = self._known.take_ended()
        try:
            while late:
                await self._registry.end_call(late[-1])
                late.pop()
        except RegistryUnavailableError:
            self._known.registry_failed()
        except Exception as error:  # they are kept, and told after the next look
            _log.error("accounts cannot be written: %s", type(error).__name__)
        finally:
            for ended in late:
                self._known.end_call(ended)
