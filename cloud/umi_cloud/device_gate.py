"""The gate: which device a call comes from, and whether it may use the server now."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.identity import CallContext, Device, identify, version_of
from umi_cloud.auth.known_devices import KnownDevices
from umi_cloud.auth.live_calls import LiveCalls
from umi_cloud.auth.registry import EndedCall, Registry
from umi_cloud.auth.store import RegistryUnavailableError
from umi_shared.errors import RefusedError

__all__ = ["DeviceGate", "EnrolledGate", "UnsafeLoopbackGate", "AdmittedCall"]


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """One call that was let in: its device's name, and the function that counts its model tokens."""

    device: str
    spend: Callable[[int], None]
    identified: bool = True
    """Whether `device` is one device that has proved who it is."""


class DeviceGate(Protocol):
    """Decides which calls are let in."""

    def admit(self, context: CallContext) -> AbstractAsyncContextManager[AdmittedCall]:
        """Let the call in for as long as the context lasts. Entering it raises `RefusedError` to refuse the call."""
        ...


class EnrolledGate:
    """Lets enrolled devices in, each within its quota on all fronts together."""

    def __init__(
        self,
        registry: Registry,
        quota: Quota,
        known: KnownDevices,
        calls: LiveCalls,
        teams: Mapping[str, Quota] = MappingProxyType({}),
    ) -> None:
        """`teams` are the quotas of devices whose owners logged in as members of a group."""
        self._registry = registry
        self._teams = teams
        self._quota = quota
        self._known = known
        self._calls = calls
        self._endings: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def admit(self, context: CallContext) -> AsyncIterator[AdmittedCall]:
        """Identify the device and hold one of its places.

        It leaves without waiting for the registry: the place is given back, and the tokens are counted, before the next
        call that begins here is looked at, and on other fronts a moment later.

        Raises `RefusedError` as `identify`, `Registry.begin_call` and `KnownDevices.begin_call` do, and
        CERTIFICATE_REVOKED when the device is shut out while the call runs.
        """
        device = identify(context)
        call = secrets.token_hex(16)
        spent: list[int] = []
        await self._begin(device, call, version_of(context))
        try:
            async with self._calls.running(device):
                yield AdmittedCall(device.name, spent.append)
        finally:
            ending = asyncio.create_task(self._end(EndedCall(call=call, name=device.name, tokens=sum(spent))))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

    async def close(self) -> None:
        """Wait for the accounts of the calls that have ended."""
        await asyncio.gather(*self._endings)

    async def _begin(self, device: Device, call: str, version: str) -> None:
        asked = not self._known.lost
        if asked:
            try:
                let_in = await self._registry.begin_call(
                    device, call, self._quota, teams=self._teams, version=version
                )
            except RegistryUnavailableError:
                self._known.registry_failed()
            except asyncio.CancelledError:  # whether it took a place is not known
                self._known.end_call(EndedCall(call=call, name=device.name, tokens=0))
                raise
            else:
                self._known.remember(device, let_in)
                return
        try:
            self._known.begin_call(device, call)
        except RefusedError:
            if asked:  # as above: the registry may have been lost after it gave a place
                self._known.end_call(EndedCall(call=call, name=device.name, tokens=0))
            raise

    async def _end(self, ended: EndedCall) -> None:
        if not self._known.lost:
            try:
                await self._registry.end_call(ended, patient=True)
            except RegistryUnavailableError:
                self._known.registry_failed()
            else:
                self._known.settled(ended.call)
                return
        self._known.end_call(ended)


class UnsafeLoopbackGate:
    """Lets every call in and counts nothing: no protection at all, for plaintext on loopback only."""

    @asynccontextmanager
    async def admit(self, context: CallContext) -> AsyncIterator[AdmittedCall]:
        """Never refuses."""
        yield AdmittedCall("loopback", lambda tokens: None, identified=False)
