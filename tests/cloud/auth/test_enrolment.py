"""The enrolment desk: attempts, limits, and a port that is taken. (The whole way: tests/end_to_end.)"""

import hashlib
from datetime import timedelta

import pytest

from umi_cloud.auth.credentials import enrolment_credentials
from umi_cloud.auth.enrolment_desk import EnrolmentDesk
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_cloud.auth.enrolment_service import make_enrolment_server
from umi_cloud.auth.identity import Device
from umi_shared.errors import ConfigError, RefusedError


@pytest.fixture
def desk(authority, registry, clock):
    def make(**limits) -> EnrolmentDesk:
        return EnrolmentDesk(
            authority, registry, EnrolmentLimits(**limits), clock=clock.seconds, calendar=clock
        )

    return make


def attempt(desk, peer) -> bool | str:
    try:
        desk.count_attempt(peer)
    except RefusedError as error:
        return error.reason != "RATE_LIMITED" and error.reason
    return True


def attempts(desk, peers) -> list[bool | str]:
    return [attempt(desk, peer) for peer in peers]


def test_an_address_is_slowed_down_whatever_port_it_calls_from(desk, clock):
    desk = desk(attempts_per_minute_per_peer=2)
    peers = [f"ipv4:10.0.0.1:{port}" for port in (1000, 2000, 3000)]
    assert attempts(desk, [*peers, "ipv4:10.0.0.2:1000"]) == [True, True, False, True]
    clock.advance(seconds=30)
    assert attempts(desk, peers) == [True, False, False]


def test_a_host_cannot_walk_through_its_ipv6_network(desk):
    desk = desk(attempts_per_minute_per_peer=2)
    peers = [f"ipv6:%5B2001:db8::{last:x}%5D:5000" for last in range(4)]
    assert attempts(desk, [*peers, "ipv6:%5B2001:db8:0:1::1%5D:5000"]) == [True, True, False, False, True]


def test_many_addresses_together_are_slowed_down_too(desk):
    desk = desk(attempts_per_minute=3, attempts_per_minute_per_peer=2)
    peers = [f"ipv4:10.0.0.{last}:1" for last in range(5)]
    assert attempts(desk, peers) == [True, True, True, False, False]


def test_one_address_that_floods_does_not_use_up_what_is_there_for_all(desk):
    desk = desk(attempts_per_minute=5, attempts_per_minute_per_peer=2)
    attempts(desk, ["ipv4:10.0.0.1:1"] * 50)
    assert attempts(desk, ["ipv4:10.0.0.2:1", "ipv4:10.0.0.3:1"]) == [True, True]


def test_the_addresses_remembered_are_bounded(desk):
    desk = desk(peers=10, attempts_per_minute=10_000)
    attempts(desk, [f"ipv4:10.0.{number // 256}.{number % 256}:1" for number in range(1000)])
    assert len(desk._peers) == 10


async def test_a_request_that_does_not_parse_leaves_the_token_unspent(desk, registry, csr_pem):
    digest = hashlib.sha256(b"secret").digest()
    await registry.add_token("a", digest, timedelta(hours=1))
    with pytest.raises(RefusedError) as caught:
        await desk().enrol("secret", b"no request")
    assert caught.value.reason == "CSR_INVALID"
    assert b"BEGIN CERTIFICATE" in (await desk().enrol("secret", csr_pem)).certificate_pem


async def test_a_secret_longer_than_any_is_unknown(desk, registry, csr_pem):
    await registry.add_token("a", hashlib.sha256(b"s" * 65).digest(), timedelta(hours=1))
    with pytest.raises(RefusedError) as caught:
        await desk().enrol("s" * 65, csr_pem)
    assert caught.value.reason == "TOKEN_UNKNOWN"


async def test_a_port_that_is_taken_is_named(desk, authority, state):
    first, port = make_enrolment_server(desk(), enrolment_credentials(state), "127.0.0.1:0")
    await first.start()
    with pytest.raises(ConfigError, match=f"cannot listen for enrolments on 127.0.0.1:{port}"):
        make_enrolment_server(desk(), enrolment_credentials(state), f"127.0.0.1:{port}")
    await first.stop(None)


def test_a_thousand_laptops_behind_one_address_renew_while_strangers_there_are_slowed_down(desk):
    """Trial: renewals shared the strangers' bucket, ten a minute for a whole company behind one address."""
    desk = desk(attempts_per_minute_per_peer=1, attempts_per_minute=2, renewals_per_minute_per_device=2)
    attempts(desk, ["ipv4:10.0.0.1:1"] * 5)
    for number in range(1000):
        desk.count_renewal(Device(f"laptop-{number}", f"{number}"))


def test_one_device_that_renews_in_a_loop_is_slowed_down(desk):
    desk = desk(renewals_per_minute_per_device=2)
    for _ in range(2):
        desk.count_renewal(Device("a", "01"))
    desk.count_renewal(Device("a", "02"))  # a stolen certificate takes nothing from the one that replaced it
    with pytest.raises(RefusedError) as caught:
        desk.count_renewal(Device("a", "01"))
    assert (caught.value.reason, caught.value.retry_after_seconds) == ("RATE_LIMITED", pytest.approx(30))
