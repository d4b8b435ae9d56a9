"""Sessions one after another for as long as one likes, and what the memory of each process does meanwhile."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import psutil

from umi_lab.chaos.growth import Growth, Sample, growth
from umi_lab.chaos.kinds import ENGINE
from umi_lab.chaos.memory import own_bytes
from umi_lab.chaos.trial import ask
from umi_lab.chaos.world import World
from umi_lab.daemon_process import DaemonProcess
from umi_shared.errors import ConfigError

__all__ = ["Soaked", "soak"]

_SAMPLES = 60
"""How many samples a soak takes, unless that were more than two a second."""
_OFTEN_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What became of a soak."""

    seconds: float
    """Without the warm-up."""
    answered: dict[str, int]
    """Sessions, by who asked; those of the warm-up, too."""
    wrong: tuple[str, ...]
    growth: dict[str, Growth]
    """Of each process."""
    samples: dict[str, list[Sample]]
    """What each had of its own: seconds since the warm-up ended, and bytes."""


async def soak(
    world: World, seconds: float, daemon: DaemonProcess | None = None, *, warm_seconds: float
) -> Soaked:
    """Ask until the time is over: a laptop's session after another, and a daemon's beside where there is one.

    In the first `warm_seconds` caches fill, and memory does not count; the rest is `seconds`. All must run `TIDIED`.
    """
    wrong: list[str] = []
    over = asyncio.Event()
    watched = {
        name: psutil.Process(process.pid) for name, process in world.processes.items() if name != ENGINE
    }
    asked = {"laptop": lambda number: _of_laptop(world, number, wrong)}
    if daemon is not None:
        watched["daemon"] = daemon.process
        asked["daemon"] = lambda number: _of_daemon(daemon, number, wrong)

    async def sessions(one: Callable[[int], Awaitable[bool]]) -> int:
        number = answered = 0
        while not over.is_set():
            answered += await one(number)
            number += 1
        return answered

    async with asyncio.TaskGroup() as group:
        asking = {name: group.create_task(sessions(one)) for name, one in asked.items()}
        await asyncio.sleep(warm_seconds)
        samples = await _sampled(watched, seconds)
        over.set()
    return Soaked(
        seconds=seconds,
        answered={name: task.result() for name, task in asking.items()},
        wrong=tuple(wrong),
        growth={name: growth(found) for name, found in samples.items()},
        samples=samples,
    )


async def _sampled(watched: Mapping[str, psutil.Process], seconds: float) -> dict[str, list[Sample]]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    samples: dict[str, list[Sample]] = {name: [] for name in watched}
    while (now := loop.time() - began) < seconds:
        for process in watched.values():
            process.send_signal(signal.SIGUSR1)
        await asyncio.sleep(max(_OFTEN_SECONDS, seconds / _SAMPLES))
        for name, process in watched.items():
            samples[name].append((now, own_bytes(process)))
    return samples


async def _of_laptop(world: World, number: int, wrong: list[str]) -> bool:
    outcome, why = await ask(world, f"soak-{number}", wrong)
    if outcome != "answered":
        wrong.append(
            f"a session of the laptop was not answered, but {outcome}, with nothing in its way: {why}"
        )
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
