"""Sessions one after another for as long as one likes, and what the memory of each process does meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from umi_lab.chaos.growth import Growth, Sample, growth
from umi_lab.chaos.trial import ask
from umi_lab.chaos.world import World
from umi_lab.daemon_process import DaemonProcess
from umi_shared.errors import ConfigError

__all__ = ["Soaked", "soak"]

_WARM = 0.25
"""The share of the time in which caches fill, and which does not count."""
_SAMPLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What became of a soak."""

    seconds: float
    answered: dict[str, int]
    """Sessions, by who asked."""
    wrong: tuple[str, ...]
    growth: dict[str, Growth]
    """Of each process, over all but the first quarter of the time."""
    memory: dict[str, int]
    """Bytes at the end."""


async def soak(world: World, seconds: float, daemon: DaemonProcess | None = None) -> Soaked:
    """Ask until the time is over: a laptop's session after another, and a daemon's beside where there is one."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    wrong: list[str] = []
    watched = {
        "laptop": psutil.Process(world.laptop.pid),
        **{f"front {number}": psutil.Process(front.pid) for number, front in enumerate(world.fronts, 1)},
    }
    asked = {"laptop": lambda number: _of_laptop(world, number, wrong)}
    if daemon is not None:
        watched["daemon"] = daemon.process
        asked["daemon"] = lambda number: _of_daemon(daemon, number, wrong)
    samples: dict[str, list[Sample]] = {name: [] for name in watched}

    async def sample() -> None:
        while (now := loop.time() - began) < seconds:
            if now >= _WARM * seconds:
                for name, process in watched.items():
                    samples[name].append((now, process.memory_info().rss))
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def sessions(one: Callable[[int], Awaitable[bool]]) -> int:
        number = answered = 0
        while loop.time() - began < seconds:
            answered += await one(number)
            number += 1
        return answered

    async with asyncio.TaskGroup() as group:
        group.create_task(sample())
        asking = {name: group.create_task(sessions(one)) for name, one in asked.items()}
    return Soaked(
        seconds=loop.time() - began,
        answered={name: task.result() for name, task in asking.items()},
        wrong=tuple(wrong),
        growth={name: growth(found) for name, found in samples.items()},
        memory={name: process.memory_info().rss for name, process in watched.items()},
    )


async def _of_laptop(world: World, number: int, wrong: list[str]) -> bool:
    outcome = await ask(world, f"soak-{number}", wrong)
    if outcome != "answered":
        wrong.append(f"a session of the laptop was not answered, but {outcome}, with nothing in its way")
    return outcome == "answered"


async def _of_daemon(daemon: DaemonProcess, number: int, wrong: list[str]) -> bool:
    try:
        answer = await daemon.ask(f"Look for note {number} in 1 steps with notes.search.")
    except (ConfigError, OSError) as error:
        wrong.append(f"a session of the daemon was not answered: {error}")
        return False
    if not answer.strip():
        wrong.append("a session of the daemon ended with no word")
    return bool(answer.strip())
