"""The devices as the operator sees them: label, last seen, version, and the use of each day; on each database."""

from tests.cloud.auth.conftest import enrol
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.identity import Device, version_of
from umi_cloud.auth.registry import EndedCall, Standing


class Call:
    """What gRPC tells of a call, as far as it is asked here."""

    def __init__(self, agent: str) -> None:
        self.agent = agent

    def auth_context(self):
        return {}

    def invocation_metadata(self):
        return (("umi-session", "s"), ("user-agent", self.agent))


async def test_a_call_says_when_its_device_was_last_seen_and_with_which_version(kept, clock):
    await enrol(kept, clock, "a", "01", label="Ann, sales")
    enrolled = clock()
    (device,) = await kept.devices()
    assert (device.label, device.last_seen, device.version) == ("Ann, sales", enrolled, "")
    clock.advance(hours=3)
    await kept.begin_call(Device("a", "01"), "c", Quota(), version="0.2.0")
    (device,) = await kept.devices()
    assert (device.last_seen, device.version) == (clock(), "0.2.0")


async def test_use_is_told_by_day_for_as_many_days_as_are_asked_for(kept, clock):
    clock.moment = clock.moment.replace(hour=12)
    await enrol(kept, clock, "a", "01")
    today = clock().date().isoformat()
    await kept.end_call(EndedCall(call="c", name="a", tokens=5))
    clock.advance(days=1)
    for _ in range(2):
        await kept.end_call(EndedCall(call="c", name="a", tokens=7))
    tomorrow = clock().date().isoformat()
    assert (await kept.devices(days=1))[0].use == {tomorrow: 14}
    assert (await kept.devices(days=2))[0].use == {today: 5, tomorrow: 14}


async def test_a_label_waits_with_the_token_and_stays_at_a_second_enrolment_without_one(kept, clock):
    from datetime import timedelta

    await kept.add_token("b", bytes(32), timedelta(hours=1), label="Bo")
    (invited,) = await kept.devices()
    assert (invited.standing, invited.label) == (Standing.INVITED, "Bo")
    await enrol(kept, clock, "a", "01", label="Ann")
    await enrol(kept, clock, "a", "02")
    assert {one.name: one.label for one in await kept.devices()} == {"a": "Ann", "b": "Bo"}


def test_a_version_is_what_stands_after_umi_and_nothing_else():
    assert version_of(Call("umi/0.2.0rc1 grpc-python-asyncio/1.76.0")) == "0.2.0rc1"
    assert version_of(Call("grpc-python-asyncio/1.76.0")) == ""
    assert version_of(Call("umi/\x1b[2J")) == ""
    assert len(version_of(Call("umi/" + "9" * 500))) <= 32
