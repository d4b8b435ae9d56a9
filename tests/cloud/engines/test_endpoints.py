"""Which of several endpoints a session asks."""

from collections import Counter

import pytest

from umi_cloud.engines.endpoints import Endpoints

SESSIONS = [f"session-{number}" for number in range(3000)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoints(clock: Clock) -> Endpoints:
    return Endpoints({"a": 1.0, "b": 2.0, "c": 1.0}, clock)


def test_a_session_stays_where_it_is_and_shares_are_as_the_weights(endpoints: Endpoints) -> None:
    first = Counter(endpoints.order(session)[0] for session in SESSIONS)
    assert all(endpoints.order(session) == endpoints.order(session) for session in SESSIONS[:50])
    assert first["b"] / len(SESSIONS) == pytest.approx(0.5, abs=0.04)
    assert first["a"] / len(SESSIONS) == pytest.approx(0.25, abs=0.04)


def test_only_the_sessions_of_one_that_is_gone_move(endpoints: Endpoints) -> None:
    fewer = Endpoints({"a": 1.0, "b": 2.0})
    stayed = [one for one in SESSIONS if endpoints.order(one)[0] != "c"]
    assert all(endpoints.order(one)[0] == fewer.order(one)[0] for one in stayed)


def test_one_that_failed_comes_last_until_it_has_rested(endpoints: Endpoints, clock: Clock) -> None:
    before = endpoints.order("s")
    endpoints.failed(before[0])
    assert endpoints.order("s") == (*before[1:], before[0])
    assert endpoints.resting == {before[0]}
    clock.now += 1.01
    assert endpoints.order("s") == before


def test_it_rests_longer_each_time_up_to_half_a_minute_and_a_crowd_counts_once(
    endpoints: Endpoints, clock: Clock
) -> None:
    rests = []
    for _ in range(7):
        for _ in range(5):
            endpoints.failed("a")
        begun = clock.now
        while "a" in endpoints.resting:
            clock.now += 0.5
        rests.append(clock.now - begun)
    assert rests == [1, 2, 4, 8, 16, 30, 30]
    endpoints.answered("a")
    endpoints.failed("a")
    clock.now += 1
    assert "a" not in endpoints.resting


def test_after_its_rest_one_request_tries_it_and_the_others_wait_for_its_answer(
    endpoints: Endpoints, clock: Clock
) -> None:
    own = endpoints.order("s")[0]
    endpoints.failed(own)
    clock.now += 1.01
    assert endpoints.order("s")[0] == own
    assert {endpoints.order(session)[0] for session in SESSIONS[:300]} == set("abc") - {own}
    endpoints.answered(own)
    assert endpoints.order("s")[0] == own


def test_where_all_rest_the_one_that_is_soonest_back_is_asked(endpoints: Endpoints, clock: Clock) -> None:
    for url in "abc":
        endpoints.failed(url)
        clock.now += 0.1
    assert endpoints.order("s") == ("a", "b", "c")
