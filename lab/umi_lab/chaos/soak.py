"""Sessions one after another for as long as one likes, and what the memory of each process does meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from umi_lab.chaos.trial import ask
from umi_lab.chaos.world import World

__all__ = ["Soaked", "slope", "soak"]

_WARM = 0.25
"""The share of the time in which caches fill, and which does not count."""
_SAMPLE_SECONDS = 1.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What became of a soak."""

    seconds: float
    answered: int
    wrong: tuple[str, ...]
    bytes_an_hour: dict[str, float]
    """How fast each process grew, by least squares over all but the first quarter of the time."""
    memory: dict[str, int]
    """Bytes at the end."""


async def soak(world: World, seconds: float) -> Soaked:
    """Ask until the time is over."""
    loop = asyncio.get_running_loop()
    watched = {
        "laptop": world.laptop.pid,
        **{f"front {number}": front.pid for number, front in enumerate(world.fronts, 1)},
    }
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in watched}
    wrong: list[str] = []
    began, answered, sampled = loop.time(), 0, 0.0
    while (now := loop.time() - began) < seconds:
        outcome = await ask(world, f"soak-{answered}", wrong)
        answered += outcome == "answered"
        if outcome != "answered":
            wrong.append(f"a session was not answered, but {outcome}, with nothing in its way")
        if now - sampled >= _SAMPLE_SECONDS:
            sampled = now
            if now >= _WARM * seconds:
                for name, pid in watched.items():
                    samples[name].append((now, psutil.Process(pid).memory_info().rss))
    return Soaked(
        seconds=loop.time() - began,
        answered=answered,
        wrong=tuple(wrong),
        bytes_an_hour={name: 3600 * slope(found) for name, found in samples.items()},
        memory={name: psutil.Process(pid).memory_info().rss for name, pid in watched.items()},
    )


def slope(samples: list[tuple[float, float]]) -> float:
    """The line's rise through some points, by least squares; 0 for fewer than two.

    >>> slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)])
    2.0
    """
    if len(samples) < 2:
        return 0.0
    middle = sum(at for at, _ in samples) / len(samples)
    mean = sum(value for _, value in samples) / len(samples)
    spread = sum((at - middle) ** 2 for at, _ in samples)
    return sum((at - middle) * (value - mean) for at, value in samples) / spread
