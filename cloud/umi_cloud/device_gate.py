"""The gate: which device a call comes from, and whether it may use the server now."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from umi_cloud.auth.identity import AuthContext, identify
from umi_cloud.auth.quota import QuotaKeeper
from umi_cloud.auth.registry import Registry

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

    def admit(self, context: AuthContext) -> AbstractAsyncContextManager[AdmittedCall]:
        """Let the call in for as long as the context lasts. Entering it raises `RefusedError` to refuse the call."""
        ...


class EnrolledGate:
    """Lets enrolled devices in, each within its quota."""

    def __init__(self, registry: Registry, keeper: QuotaKeeper) -> None:
        self._registry = registry
        self._keeper = keeper

    @asynccontextmanager
    async def admit(self, context: AuthContext) -> AsyncIterator[AdmittedCall]:
        """Identify the device and hold its quota. Raises `RefusedError` as `identify` and `QuotaKeeper.admit` do."""
        device = identify(context, self._registry)
        async with self._keeper.admit(device):
            yield AdmittedCall(device.name, lambda tokens: self._keeper.spend(device, tokens))


class UnsafeLoopbackGate:
    """Lets every call in and counts nothing: no protection at all, for plaintext on loopback only."""

    @asynccontextmanager
    async def admit(self, context: AuthContext) -> AsyncIterator[AdmittedCall]:
        """Never refuses."""
        yield AdmittedCall("loopback", lambda tokens: None, identified=False)
