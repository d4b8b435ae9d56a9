"""Whether memory grows, from samples: a leak is found below its noise, and what is flat is not called one."""

import random

import pytest

from umi_lab.chaos.growth import growth

MIB = 2**20


def samples(an_hour: float, *, seconds: float = 90.0, noise: float = MIB / 4) -> list[tuple[float, float]]:
    """Memory that grows so fast, and goes up and down in steps meanwhile."""
    draw = random.Random(5)  # a made-up process
    found, step = [], 0.0
    for number in range(int(seconds * 5)):
        if number % 40 == 0:
            step = draw.uniform(-noise, noise)
        found.append((number / 5, 80 * MIB + step + an_hour * number / 5 / 3600))
    return found


@pytest.mark.parametrize("an_hour", [100 * MIB, 400 * MIB])
def test_a_leak_is_found_and_told_about_as_large_as_it_is(an_hour):
    found = growth(samples(an_hour))
    assert found.surely_above(20 * MIB)
    assert found.low <= an_hour <= found.high


def test_memory_that_goes_up_and_down_is_not_called_a_leak():
    found = growth(samples(0.0))
    assert found.low <= 0 <= found.high
    assert not found.surely_above(0)


def test_more_time_makes_it_surer():
    short, long = growth(samples(0.0)), growth(samples(0.0, seconds=900.0))
    assert long.high - long.low < (short.high - short.low) / 4


def test_too_few_samples_say_nothing():
    with pytest.raises(ValueError, match="take 10 at least"):
        growth([(0.0, 1.0)] * 9)


def test_one_odd_stretch_and_garbage_that_is_collected_now_and_then_do_not_count():
    flat = [(at, size + MIB * (number % 30)) for number, (at, size) in enumerate(samples(0.0, noise=1000))]
    odd = [(at, size + (50 * MIB if 40 < at < 52 else 0)) for at, size in flat]
    for found in (growth(flat), growth(odd)):
        assert found.low <= 0 <= found.high
        assert found.high - found.low < MIB
