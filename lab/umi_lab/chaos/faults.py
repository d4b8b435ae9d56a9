"""What goes wrong in a run, by its seed: each fault begins at a moment, lasts a while, and is undone by nobody's hands
but those that a machine has anyway (a supervisor that starts a process again, a link that is back, a disk with room).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from signal import SIGKILL

from umi_lab.chaos.kinds import DATABASE, ENGINE, FRONTS, LAPTOP, PLACES, Kind
from umi_lab.chaos.process import FAKETIME
from umi_lab.chaos.world import World

__all__ = ["ENDING", "PROCESSES", "WINDOW_SECONDS", "Fault", "faults_of", "strike"]

WINDOW_SECONDS = 5.0
"""The time within which faults begin."""
_SHORTEST = 0.2
_MOST = 4
PROCESSES = {
    "kill": Kind(places=PLACES),
    "fill disk": Kind(places=(LAPTOP,)),
    **({"skew": Kind(places=(LAPTOP, *FRONTS))} if FAKETIME else {}),
}
"""What happens to a process or its disk, whatever is between them."""
ENDING = frozenset({"kill", "skew"})
"""Those that end a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    where: str
    at: float
    """Seconds after the run began."""
    lasts: float

    def __str__(self) -> str:
        return f"{self.kind} ({self.where}) at {self.at:.1f} s for {self.lasts:.1f} s"


def faults_of(seed: int, net: Mapping[str, Kind]) -> list[Fault]:
    """The faults of a run between whose processes such things may happen; the same seed gives the same.

    >>> faults_of(7, {}) == faults_of(7, {})
    True
    """
    draw = random.Random(seed)  # noqa: S311  # a test's choice
    kinds = dict(sorted({**PROCESSES, **net}.items()))
    drawn: dict[tuple[str, str], Fault] = {}
    for kind in draw.choices(list(kinds), k=draw.randint(1, _MOST)):
        where = draw.choice(kinds[kind].places)
        at, lasts = draw.uniform(0.2, WINDOW_SECONDS), draw.uniform(_SHORTEST, kinds[kind].longest)
        drawn[kind, where] = Fault(kind=kind, where=where, at=at, lasts=lasts)
    return sorted(drawn.values(), key=lambda fault: fault.at)


async def strike(world: World, fault: Fault) -> None:
    """Let it happen, and end."""
    await asyncio.sleep(fault.at)
    if fault.kind in PROCESSES:
        await _ACTS[fault.kind](world, fault)
    else:
        await world.net.disturb(fault.kind, fault.where, fault.lasts)


async def _kill(world: World, fault: Fault) -> None:
    if fault.where == DATABASE:
        await asyncio.to_thread(world.postgres.stop, SIGKILL)
        await asyncio.sleep(fault.lasts)
        await asyncio.to_thread(world.postgres.start)
        return
    process = world.processes[fault.where]
    await process.kill()
    await asyncio.sleep(fault.lasts)
    await process.start(waits=fault.where != ENGINE)


async def _skew(world: World, fault: Fault) -> None:
    """A process that comes back with a clock an hour off; later it comes back with a good one."""
    process = world.processes[fault.where]
    for hours in ((1.0 if fault.lasts > PROCESSES["skew"].longest / 2 else -1.0), 0.0):
        await process.kill()
        await process.start(hours=hours)
        await asyncio.sleep(fault.lasts)


async def _fill_disk(world: World, fault: Fault) -> None:
    if world.disk is None:
        return
    full = world.disk / "full"
    with suppress(OSError):  # that is the point
        await asyncio.to_thread(full.write_bytes, bytes(64 << 20))
    await asyncio.sleep(fault.lasts)
    await asyncio.to_thread(full.unlink)


_ACTS: dict[str, Callable[[World, Fault], Awaitable[None]]] = {
    "kill": _kill,
    "fill disk": _fill_disk,
    "skew": _skew,
}
