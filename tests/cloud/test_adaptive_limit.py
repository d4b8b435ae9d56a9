"""The limit for an engine elsewhere: it finds the knee, follows an engine that changes, and stays within its bounds."""

import asyncio
from collections.abc import Callable

import pytest

from umi_cloud.adaptive_limit import FLOOR, AdaptiveLimit
from umi_cloud.admission import Admission, AdmissionLimits
from umi_lab.fleet.card import H100

TOKENS = 35


def settle(
    limit: AdaptiveLimit, seconds: Callable[[int], float], rounds: int = 400, asking: int = 1000
) -> int:
    """Ask as many at once as the limit allows, round after round; the mean of what it was in the last quarter."""
    now, seen = 0.0, []
    for _ in range(rounds):
        at_once = min(limit.at_once, asking)
        took = seconds(at_once)
        for _ in range(at_once):
            limit.observe(seconds=took, tokens=TOKENS, running=at_once, now=now)
        now += took
        limit.observe(seconds=took, tokens=TOKENS, running=at_once, now=now)
        seen.append(limit.at_once)
    last = seen[-rounds // 4 :]
    return sum(last) // len(last)


def warmed(ceiling: int, seconds: Callable[[int], float]) -> AdaptiveLimit:
    """A limit that has seen a few requests at once, as every server does in the morning."""
    limit = AdaptiveLimit(ceiling=ceiling, slowdown=4.0, start=64)
    settle(limit, seconds, rounds=20, asking=3)
    return limit


def test_on_a_card_most_of_its_plans_are_had_for_a_fraction_of_its_latency():
    limit = warmed(1024, H100.plan_seconds)
    at_once = settle(limit, H100.plan_seconds)
    assert 100 < at_once < 256
    assert at_once / H100.plan_seconds(at_once) > 0.85 * 149.0
    assert H100.plan_seconds(at_once) < 0.8 * H100.plan_seconds(256)


@pytest.mark.parametrize("knee", [8, 32, 128])
def test_beyond_the_knee_requests_wait_here_and_not_in_the_engine(knee):
    """An engine with room for `knee`, in which all others queue."""
    at_once = settle(
        limit := warmed(1024, lambda n: 0.3 * max(n / knee, 1)), lambda n: 0.3 * max(n / knee, 1)
    )
    assert knee <= at_once <= 8 * knee
    assert limit.at_once < 1024


def test_it_never_leaves_its_bounds():
    assert settle(warmed(16, lambda _n: 0.1), lambda _n: 0.1) == 16
    assert settle(warmed(1024, lambda _n: 0.1), lambda n: 100.0 * n) >= FLOOR
    assert settle(AdaptiveLimit(ceiling=2, slowdown=4.0, start=64), lambda _n: 0.1) == 2


def test_an_engine_that_became_slower_for_good_is_used_again():
    limit = warmed(256, H100.plan_seconds)
    before = settle(limit, H100.plan_seconds)
    after = settle(limit, lambda n: 10 * H100.plan_seconds(n), rounds=2000)
    assert after > before / 2


def test_a_limit_that_nobody_comes_near_does_not_move():
    limit = AdaptiveLimit(ceiling=256, slowdown=4.0, start=64)
    assert settle(limit, lambda _n: 0.2, asking=10) == 64


def test_a_device_that_reads_slowly_on_purpose_takes_the_engine_from_nobody():
    """Four answers in a hundred took a minute each: by the mean, the limit fell to its floor."""
    limit, now, least = warmed(256, lambda _n: 0.2), 1e6, 256
    settle(limit, lambda _n: 0.2)
    for _ in range(60):
        for number in range(100):
            seconds = 60.0 if number % 25 == 0 else 0.2
            limit.observe(seconds=seconds, tokens=TOKENS, running=limit.at_once, now=now + number / 100)
        now, least = now + 1, min(least, limit.at_once)
    assert least == 256


async def test_with_a_scripted_engine_admission_holds_back_what_the_engine_would_only_queue():
    """Latency grows beyond eight at once; eighty ask all the time."""
    admission = Admission(AdmissionLimits(queued=1000))
    admission.follow(256, adaptive=True)
    running = served = 0

    async def ask(device: str) -> None:
        nonlocal running, served
        while admission.at_once >= 60:
            async with admission.slot(device) as turn:
                running += 1
                await asyncio.sleep(0.02 * max(running / 8, 1))
                running -= 1
                turn.tokens, served = TOKENS, served + 1

    for number in range(40):  # few at first
        async with admission.slot(str(number)) as turn:
            await asyncio.sleep(0.02)
            turn.tokens = TOKENS
    async with asyncio.timeout(60):
        await asyncio.gather(*(ask(str(number)) for number in range(80)))
    assert served > 80


def test_an_engine_that_says_it_is_crowded_is_given_fewer_though_it_answers_well():
    """Its latency says nothing where another front fills it, or where its cache is full."""
    limit = warmed(1024, lambda _n: 0.1)
    settle(limit, lambda _n: 0.1, rounds=50)
    before = limit.at_once
    for _ in range(5):
        limit.engine(crowded=True)
    held = limit.at_once
    assert held == pytest.approx(before * 0.9**5, abs=1)
    settle(limit, lambda _n: 0.1, rounds=100)
    assert limit.at_once == held
    limit.engine(crowded=False)
    settle(limit, lambda _n: 0.1)
    assert limit.at_once > before
    for _ in range(100):
        limit.engine(crowded=True)
    assert limit.at_once == FLOOR
