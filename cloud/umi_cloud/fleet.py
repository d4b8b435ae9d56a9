"""One front's part in a fleet: the registry that it shares, what it remembers of it, and the gate that follows it."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

from umi_cloud.auth.audit import SERVER
from umi_cloud.auth.known_devices import KnownDevices
from umi_cloud.auth.live_calls import LiveCalls
from umi_cloud.auth.registry import Registry
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.registry_watch import RegistryWatch
from umi_cloud.auth.store import RegistryUnavailableError
from umi_cloud.config import CloudConfig
from umi_cloud.device_gate import EnrolledGate
from umi_cloud.server import CloudServer

__all__ = ["Fleet"]

_log = logging.getLogger("umi_cloud.certificates")

_FORGET_SECONDS = 6 * 3600.0
_BACKUP_SECONDS = 300.0


@dataclass(slots=True, kw_only=True)
class Fleet:
    """What the fronts of a deployment have in common, as one of them sees it."""

    registry: Registry
    gate: EnrolledGate
    _known: KnownDevices
    _calls: LiveCalls
    _backup_at: float | None = math.nan
    _beside: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def join(cls, config: CloudConfig) -> Self:
        """Open the registry. Raises `ConfigError`, `RegistryUnavailableError`."""
        registry = registry_at(config.state)
        known = KnownDevices(config.state_outage_seconds)
        calls = LiveCalls()
        await registry.store.open()
        gate = EnrolledGate(registry, config.quota, known, calls, config.login.quotas)
        return cls(registry=registry, gate=gate, _known=known, _calls=calls)

    def lost_seconds(self) -> float:
        """How long the registry has been lost; 0 while it can be used."""
        return self._known.lost_seconds

    def clock_skew(self) -> float:
        """Seconds that this machine's clock is ahead of the registry's."""
        return time.time() - self.registry.store.now()

    async def forget_old(self, *, audit_days: int, use_days: int) -> None:
        """Forget now and then what was kept for long enough; for `attend`."""
        while True:
            with contextlib.suppress(RegistryUnavailableError):
                await self.registry.forget_audit(audit_days)
                await self.registry.forget_use(use_days)
            await asyncio.sleep(_FORGET_SECONDS)

    def backup_age(self) -> float:
        """Seconds since the newest backup; NaN until it was looked for, infinity where there is none."""
        made = self._backup_at
        return math.inf if made is None else self.registry.store.now() - made

    async def watch_backups(self) -> None:
        """Look now and then when the newest backup was made; for `attend`."""
        while True:
            with contextlib.suppress(RegistryUnavailableError):
                self._backup_at = await self.registry.last_backup()
            await asyncio.sleep(_BACKUP_SECONDS)

    async def note_renewed_server(self) -> None:
        """The server's certificate was renewed here: that goes into the audit, or into the log while it can't."""
        try:
            await self.registry.note_authority("the server's certificate was renewed in time", by=SERVER)
        except RegistryUnavailableError as error:
            _log.error("that the server's certificate was renewed is not in the audit: %s", error.message)

    def watch(self, server: CloudServer) -> None:
        """Follow the registry from now on, and let the server's health say how it is."""

        async def tell() -> None:
            server.readiness.registry = not self._known.lost
            server.readiness.registry_outlived = self._known.expired
            if not server.readiness.draining:
                await server.tell_health()

        def revoked(serials: frozenset[str]) -> None:
            self._known.forget(serials)
            self._calls.end(serials)
            server.connections.revoked(serials)

        watch = RegistryWatch(self.registry, self._known, self._calls, revoked=revoked, tell=tell)
        self.attend(watch.run())

    def attend(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside, until `leave`."""
        self._beside.append(asyncio.create_task(work))

    async def leave(self) -> None:
        """Stop following, write what is left to write, and close the registry."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self.gate.close()
        with contextlib.suppress(RegistryUnavailableError):
            for ended in self._known.take_ended():
                await self.registry.end_call(ended)
        await self.registry.close()
