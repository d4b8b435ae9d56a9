"""A SQLite registry moves to PostgreSQL: whole, again, cut off in the middle, and never reviving what was revoked."""

import hashlib
from datetime import timedelta

import pytest

from umi_cloud.auth import registry_copy
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.registry import EndedCall, Standing
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.registry_copy import copy_registry
from umi_shared.errors import RefusedError


async def enrol(registry, clock, name: str, serial: str) -> None:
    digest = hashlib.sha256(serial.encode()).digest()
    await registry.add_token(name, digest, timedelta(hours=1))
    await registry.redeem(
        digest,
        lambda given: SignedCertificate(
            name=given, serial=serial, issued=clock(), expires=clock() + timedelta(days=90), pem=b""
        ),
    )


@pytest.fixture
async def target(database, clock):
    async with registry_at(database, clock=clock) as registry:
        yield registry


@pytest.fixture
async def source(registry, clock):
    """Seven devices: one revoked, one invited, and one that has used something."""
    for number in range(6):
        await enrol(registry, clock, f"d{number}", f"s{number}")
    await registry.revoke("d1")
    await registry.add_token("d6", bytes(32), timedelta(hours=1))
    await registry.begin_call(Device("d2", "s2"), "c", Quota())
    await registry.end_call(EndedCall(call="c", name="d2", tokens=70))
    return registry


async def copy(source, target) -> None:
    async for _ in copy_registry(source.store, target.store):
        pass


async def test_everything_is_there_afterwards_also_when_it_is_copied_twice(source, target):
    for _ in range(2):
        await copy(source, target)
        assert await target.devices() == await source.devices()
        assert await target.tokens_spent("d2") == 70


async def test_a_copy_that_was_cut_off_goes_on(source, target, monkeypatch):
    monkeypatch.setattr(registry_copy, "ROWS", 2)
    pages = [page async for page in copy_registry(source.store, target.store)]
    assert len(pages) > 8
    for cut in range(1, len(pages)):
        copying = copy_registry(source.store, target.store)
        for _ in range(cut):
            await anext(copying)
        await copying.aclose()
    await copy(source, target)
    assert await target.devices() == await source.devices()


async def test_neither_side_revives_what_the_other_revoked_or_spent(source, target, clock):
    await copy(source, target)
    await target.revoke("d3")
    await source.revoke("d4")
    spent = hashlib.sha256(b"s0").digest()
    for _ in range(2):
        await copy(source, target)
        standings = [await target.standing(Device(f"d{number}", f"s{number}")) for number in range(5)]
        assert standings == [
            Standing.ACTIVE,
            Standing.REVOKED,
            Standing.ACTIVE,
            Standing.REVOKED,
            Standing.REVOKED,
        ]
        with pytest.raises(RefusedError, match="used already"):
            await target.redeem(spent, lambda _name: pytest.fail("signed"))


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("copied_before", [True, False])
async def test_a_token_that_either_side_revoked_is_good_nowhere(side, copied_before, source, target, clock):
    await copy(source, target)
    late = hashlib.sha256(b"late").digest()
    await source.add_token("d0", late, timedelta(hours=1))
    if copied_before:
        await copy(source, target)
    await {"source": source, "target": target}[side].revoke("d0")
    await copy(source, target)
    with pytest.raises(RefusedError, match="revoked"):
        await target.redeem(late, lambda _name: pytest.fail("signed"))
    assert await target.standing(Device("d0", "s0")) is Standing.REVOKED


async def test_a_device_that_was_let_in_again_at_the_old_place_has_to_be_enrolled_at_the_new_one(
    source, target, clock
):
    await copy(source, target)
    clock.advance(seconds=1)
    await enrol(source, clock, "d1", "again")
    await copy(source, target)
    assert await target.standing(Device("d1", "again")) is Standing.REVOKED
    await enrol(target, clock, "d1", "new")
    assert await target.standing(Device("d1", "new")) is Standing.ACTIVE


async def test_a_device_that_was_let_in_again_at_the_new_place_stays_in(source, target, clock):
    await copy(source, target)
    clock.advance(seconds=1)
    await enrol(target, clock, "d1", "new")
    await copy(source, target)
    assert await target.standing(Device("d1", "new")) is Standing.ACTIVE
    assert await target.standing(Device("d1", "s1")) is Standing.REVOKED


@pytest.mark.parametrize("way", [("sqlite", "postgres"), ("postgres", "sqlite")])
async def test_either_way_works(way, registry, target, clock):
    ends = {"sqlite": registry, "postgres": target}
    old, new = (ends[one] for one in way)
    await enrol(old, clock, "a", "01")
    await copy(old, new)
    assert await new.standing(Device("a", "01")) is Standing.ACTIVE
