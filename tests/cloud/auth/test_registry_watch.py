"""What comes first after an outage: revocations, and accounts beside them."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from umi_cloud.auth.known_devices import KnownDevices
from umi_cloud.auth.live_calls import LiveCalls
from umi_cloud.auth.registry import EndedCall, Revocations
from umi_cloud.auth.registry_watch import RegistryWatch
from umi_cloud.auth.store import RegistryUnavailableError

LATE = EndedCall(call="late", name="a", tokens=7)


class ScriptedRegistry:
    """One revocation a look, and accounts that take until `open`, then fail or not."""

    def __init__(self) -> None:
        self.looks = 0
        self.open = asyncio.Event()
        self.fails = False
        self.told: list[EndedCall] = []

    async def revoked_since(self, moment: float | None) -> Revocations:
        self.looks += 1
        return Revocations(frozenset({f"{self.looks}"}), 0.0)

    async def touch(self) -> None:
        """Always works."""

    async def changed(self, seconds: float) -> None:
        await asyncio.sleep(0)

    async def end_call(self, ended: EndedCall) -> None:
        await self.open.wait()
        if self.fails:
            raise RegistryUnavailableError("gone")
        self.told.append(ended)


@pytest.fixture
def known() -> KnownDevices:
    """One account could not be told."""
    known = KnownDevices(600)
    known.registry_failed()
    known.end_call(LATE)
    return known


@asynccontextmanager
async def watching(registry: ScriptedRegistry, known: KnownDevices, looks: int):
    """Runs until the registry was looked at so often; gives the serial numbers that were heard of."""
    heard: set[str] = set()
    enough = asyncio.Event()

    async def tell() -> None:
        if registry.looks >= looks:
            enough.set()

    watch = RegistryWatch(registry, known, LiveCalls(), revoked=heard.update, tell=tell)
    running = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(5):
            await enough.wait()
        yield heard
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_revocations_come_in_while_late_accounts_are_written(known):
    registry = ScriptedRegistry()
    async with watching(registry, known, looks=3) as heard:
        assert heard >= {"1", "2", "3"}
        assert not known.lost
        assert registry.told == []
        registry.open.set()
        async with asyncio.timeout(5):
            while not registry.told:  # noqa: ASYNC110  # a task's state
                await asyncio.sleep(0)
    assert registry.told == [LATE]
    assert known.take_ended() == []


@pytest.mark.parametrize("fails", [True, False], ids=["failed", "cut off"])
async def test_an_account_that_could_not_be_written_is_kept(known, fails):
    registry = ScriptedRegistry()
    registry.fails = fails
    if fails:
        registry.open.set()
    async with watching(registry, known, looks=2):
        pass
    assert known.take_ended() == [LATE]
