"""Which devices are served while the registry is gone, for how long, and how much."""

import pytest

from umi_cloud.auth import known_devices
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.call_operations import LetIn
from umi_cloud.auth.identity import Device
from umi_cloud.auth.known_devices import KnownDevices
from umi_cloud.auth.registry import EndedCall
from umi_shared.errors import RefusedError

A, B = Device("a", "01"), Device("b", "02")
QUOTA = Quota(requests_per_minute=3, concurrent=2)


@pytest.fixture
def known(clock) -> KnownDevices:
    """The registry accepted `a`, then went away."""
    known = KnownDevices(600, clock=clock.seconds, calendar=clock.seconds)
    known.remember(A, LetIn(clock.seconds() + 3600, QUOTA))
    known.registry_failed()
    return known


def reason(known: KnownDevices, device: Device, call: str = "x") -> str:
    with pytest.raises(RefusedError) as caught:
        known.begin_call(device, call)
    assert caught.value.retry_after_seconds is not None
    return caught.value.reason


def test_a_device_that_called_lately_is_served_and_a_stranger_is_not(known):
    known.begin_call(A, "1")
    assert reason(known, B) == "STATE_UNAVAILABLE"
    assert reason(known, Device("a", "another certificate")) == "STATE_UNAVAILABLE"


def test_the_time_without_a_registry_is_bounded(known, clock):
    clock.advance(seconds=600)
    assert not known.expired
    known.begin_call(A, "1")
    clock.advance(seconds=1)
    assert known.expired
    assert reason(known, A) == "STATE_UNAVAILABLE"


def test_the_time_counts_from_the_last_answer_and_not_from_the_first_failure(known, clock):
    known.registry_answered()
    clock.advance(seconds=599)
    known.registry_failed()
    clock.advance(seconds=2)
    assert reason(known, A) == "STATE_UNAVAILABLE"
    known.registry_answered()
    assert not known.expired


def test_a_revocation_that_was_heard_of_before_holds(known):
    known.forget({"01"})
    assert reason(known, A) == "STATE_UNAVAILABLE"


def test_a_certificate_that_ends_meanwhile_is_refused(known, clock):
    known.remember(A, LetIn(clock.seconds() + 10, QUOTA))
    known.remember(B, LetIn(clock.seconds() + 10, QUOTA))
    clock.advance(seconds=10)
    assert reason(known, B) == "STATE_UNAVAILABLE"


def test_the_quota_holds_meanwhile(known):
    known.begin_call(A, "1")
    known.begin_call(A, "2")
    assert reason(known, A) == "TOO_MANY_STREAMS"
    known.end_call(EndedCall(call="1", name="a", tokens=5))
    known.begin_call(A, "3")
    known.settled("3")
    assert reason(known, A) == "RATE_LIMITED"


def test_a_device_of_a_team_keeps_the_teams_quota_meanwhile(known, clock):
    """Trial: it had the quota of those who are in no team, until the registry was back."""
    known.remember(B, LetIn(clock.seconds() + 3600, Quota(requests_per_minute=9, concurrent=4)))
    for number in range(4):
        known.begin_call(B, f"{number}")
    assert reason(known, B) == "TOO_MANY_STREAMS"


def test_what_was_used_meanwhile_is_kept_for_the_registry(known):
    known.begin_call(A, "1")
    ended = EndedCall(call="1", name="a", tokens=5)
    known.end_call(ended)
    assert known.take_ended() == [ended]
    assert known.take_ended() == []


def test_what_was_used_meanwhile_counts_against_the_day_of_its_device_alone(known, clock):
    quota = Quota(requests_per_minute=100, concurrent=2, tokens_per_day=10)
    for device in (A, B):
        known.remember(device, LetIn(clock.seconds() + 3600, quota))
    for call, tokens in (("1", 4), ("2", 6)):
        known.begin_call(A, call)
        known.end_call(EndedCall(call=call, name="a", tokens=tokens))
    assert reason(known, A) == "TOKENS_SPENT"
    known.begin_call(B, "3")
    late = known.take_ended()  # the registry counts it from here on
    known.begin_call(A, "4")
    for ended in late:  # and could not be told, after all
        known.end_call(ended)
    assert reason(known, A) == "TOKENS_SPENT"


def test_what_is_too_much_to_keep_counts_all_the_same(known, clock, monkeypatch):
    monkeypatch.setattr(known_devices, "ENDED_MAX", 1)
    quota = Quota(requests_per_minute=100, concurrent=2, tokens_per_day=10)
    known.remember(A, LetIn(clock.seconds() + 3600, quota))
    for call in ("1", "2"):
        known.end_call(EndedCall(call=call, name="a", tokens=5))
    assert reason(known, A) == "TOKENS_SPENT"
    assert len(known.take_ended()) == 1


def test_a_call_costs_the_same_however_long_the_outage_has_lasted(known, monkeypatch):
    """Trial: each call added up every end that was kept, up to 100,000 of them."""

    class Kept(list):
        def __iter__(self):
            raise AssertionError("looked through all that is kept")

    monkeypatch.setattr(known, "_ended", Kept())
    known.end_call(EndedCall(call="0", name="b", tokens=1))
    known.begin_call(A, "1")


def test_a_zero_outage_serves_nobody(clock):
    known = KnownDevices(0, clock=clock.seconds, calendar=clock.seconds)
    known.remember(A, LetIn(clock.seconds() + 3600, QUOTA))
    known.registry_failed()
    clock.advance(seconds=0.1)
    assert reason(known, A) == "STATE_UNAVAILABLE"
