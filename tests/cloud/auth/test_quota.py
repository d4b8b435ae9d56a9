"""Quotas: what is admitted, what is refused, and for how long."""

from datetime import timedelta

import pytest

from umi_cloud.auth.authority import SignedCertificate
from umi_cloud.auth.identity import Device
from umi_cloud.auth.quota import Quota, QuotaKeeper
from umi_cloud.auth.registry import Registry
from umi_shared.errors import ConfigError, RefusedError

ALICE = Device("alice", "01")
BOB = Device("bob", "02")


def enrol(registry, clock, device):
    registry.add_token(device.name, device.serial.encode(), timedelta(hours=1))
    registry.redeem(
        device.serial.encode(),
        lambda name: SignedCertificate(
            name=name, serial=device.serial, issued=clock(), expires=clock().replace(year=2100), pem=b""
        ),
    )


@pytest.fixture
def keep(registry, clock):
    clock.moment = clock.moment.replace(hour=12, minute=0, second=0)
    for device in (ALICE, BOB):
        enrol(registry, clock, device)

    def make(**quota) -> QuotaKeeper:
        return QuotaKeeper(Quota(**quota), registry, clock=clock.seconds, calendar=clock)

    return make


def refusal(keeper, device) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        keeper.acquire(device)
    return caught.value


async def call(keeper, device) -> None:
    async with keeper.admit(device):
        pass


async def test_calls_beyond_the_rate_wait_as_long_as_they_are_told(keep, clock):
    keeper = keep(requests_per_minute=2)
    await call(keeper, ALICE)
    await call(keeper, ALICE)
    error = refusal(keeper, ALICE)
    assert (error.reason, error.retry_after_seconds) == ("RATE_LIMITED", pytest.approx(30))
    clock.advance(seconds=29)
    assert refusal(keeper, ALICE).retry_after_seconds == pytest.approx(1)
    clock.advance(seconds=1)
    await call(keeper, ALICE)


async def test_rest_earns_no_more_than_a_minutes_worth(keep, clock):
    keeper = keep(requests_per_minute=2)
    clock.advance(days=1)
    await call(keeper, ALICE)
    await call(keeper, ALICE)
    assert refusal(keeper, ALICE).reason == "RATE_LIMITED"


async def test_one_device_does_not_use_up_anothers_quota(keep):
    keeper = keep(requests_per_minute=1, concurrent=1)
    keeper.acquire(ALICE)
    await call(keeper, BOB)


async def test_open_calls_are_limited_and_end_with_the_call(keep):
    keeper = keep(concurrent=2)
    keeper.acquire(ALICE)
    async with keeper.admit(ALICE):
        assert refusal(keeper, ALICE).reason == "TOO_MANY_STREAMS"
    await call(keeper, ALICE)


async def test_a_call_that_fails_gives_its_place_back(keep):
    keeper = keep(concurrent=1)
    with pytest.raises(ZeroDivisionError):
        async with keeper.admit(ALICE):
            _ = 1 / 0
    await call(keeper, ALICE)


async def test_a_refused_call_takes_nothing(keep, registry):
    keeper = keep(requests_per_minute=2, concurrent=1)
    keeper.acquire(ALICE)
    for _ in range(5):
        assert refusal(keeper, ALICE).reason == "TOO_MANY_STREAMS"
    keeper.release(ALICE)
    await call(keeper, ALICE)
    assert {record.name: record.requests for record in registry.devices()} == {"alice": 2, "bob": 0}


async def test_the_days_tokens_end_and_come_back_at_midnight_utc(keep, clock):
    keeper = keep(tokens_per_day=100)
    keeper.spend(ALICE, 60)
    assert keeper.remaining_tokens(ALICE) == 40
    await call(keeper, ALICE)
    keeper.spend(ALICE, 60)
    error = refusal(keeper, ALICE)
    assert (error.reason, error.retry_after_seconds) == ("TOKENS_SPENT", 12 * 3600)
    assert keeper.remaining_tokens(ALICE) == 0
    clock.advance(hours=12)
    await call(keeper, ALICE)
    assert keeper.remaining_tokens(ALICE) == 100


async def test_a_restart_does_not_give_the_day_back(keep, registry, state, clock):
    keep(tokens_per_day=100).spend(ALICE, 100)
    registry.close()
    with Registry(state, clock=clock) as reopened:
        keeper = QuotaKeeper(Quota(tokens_per_day=100), reopened, clock=clock.seconds, calendar=clock)
        assert refusal(keeper, ALICE).reason == "TOKENS_SPENT"


@pytest.mark.parametrize("field", ["requests_per_minute", "tokens_per_day", "concurrent"])
def test_a_quota_that_shuts_everyone_out_is_a_mistake(field):
    with pytest.raises(ConfigError, match="below 1"):
        Quota(**{field: 0})
