"""What goes wrong in a run, by its seed: each fault begins at a moment, lasts a while, and is undone by nobody's hands
but those that a machine has anyway (a supervisor that starts a process again, a link that is back, a disk with room).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from signal import SIGKILL

from umi_lab.chaos.process import FAKETIME
from umi_lab.chaos.world import FRONTS, World

__all__ = ["Fault", "faults_of", "strike"]

WINDOW_SECONDS = 5.0
"""The time within which faults begin."""
_LASTS = (0.2, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    at: float
    """Seconds after the run began."""
    lasts: float
    which: int = 0
    """The front, of several."""

    def __str__(self) -> str:
        which = f" {self.which}" if "front" in self.kind else ""
        return f"{self.kind}{which} at {self.at:.1f} s for {self.lasts:.1f} s"


Act = Callable[[World, Fault], Awaitable[None]]


def faults_of(seed: int, kinds: list[str] | None = None) -> list[Fault]:
    """The faults of a run; the same seed gives the same.

    >>> faults_of(7) == faults_of(7)
    True
    """
    draw = random.Random(seed)  # noqa: S311  # a test's choice
    known = kinds or sorted(_ACTS)
    return sorted(
        (
            Fault(
                kind=kind,
                at=draw.uniform(0.2, WINDOW_SECONDS),
                lasts=draw.uniform(*_LASTS),
                which=draw.randrange(FRONTS),
            )
            for kind in draw.sample(known, k=min(draw.randint(1, 4), len(known)))
        ),
        key=lambda fault: fault.at,
    )


async def strike(world: World, fault: Fault) -> None:
    """Let it happen, and end."""
    await asyncio.sleep(fault.at)
    await _ACTS[fault.kind](world, fault)


async def _kill_laptop(world: World, fault: Fault) -> None:
    await world.laptop.kill()
    await asyncio.sleep(fault.lasts)
    await world.laptop.start()


async def _kill_front(world: World, fault: Fault) -> None:
    await world.fronts[fault.which].kill()
    await asyncio.sleep(fault.lasts)
    await world.fronts[fault.which].start()


async def _kill_engine(world: World, fault: Fault) -> None:
    await world.engine.kill()
    await asyncio.sleep(fault.lasts)
    await world.engine.start(waits=False)


async def _kill_database(world: World, fault: Fault) -> None:
    await asyncio.to_thread(world.postgres.stop, SIGKILL)
    await asyncio.sleep(fault.lasts)
    await asyncio.to_thread(world.postgres.start)


async def _delay(world: World, fault: Fault) -> None:
    world.to_fronts.delay_seconds = world.to_database.delay_seconds = 0.3
    await asyncio.sleep(fault.lasts)
    world.to_fronts.delay_seconds = world.to_database.delay_seconds = 0.0


async def _partition(world: World, fault: Fault) -> None:
    await _bad(world.to_fronts.stall, world.to_fronts.mend, fault)


async def _cut(world: World, fault: Fault) -> None:
    await _bad(world.to_fronts.cut, world.to_fronts.mend, fault)


async def _partition_database(world: World, fault: Fault) -> None:
    await _bad(world.to_database.stall, world.to_database.mend, fault)


async def _bad(begin: Callable[[], None], end: Callable[[], None], fault: Fault) -> None:
    begin()
    await asyncio.sleep(fault.lasts)
    end()


async def _skew_front(world: World, fault: Fault) -> None:
    await _skew(world, fault, front=True)


async def _skew_laptop(world: World, fault: Fault) -> None:
    await _skew(world, fault, front=False)


async def _skew(world: World, fault: Fault, *, front: bool) -> None:
    """A process that comes back with a clock an hour off; later it comes back with a good one."""
    process = world.fronts[fault.which] if front else world.laptop
    for hours in ((1.0 if fault.lasts > sum(_LASTS) / 2 else -1.0), 0.0):
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


_ACTS: dict[str, Act] = {
    "kill laptop": _kill_laptop,
    "kill front": _kill_front,
    "kill engine": _kill_engine,
    "kill database": _kill_database,
    "delay": _delay,
    "partition": _partition,
    "cut": _cut,
    "partition of the database": _partition_database,
    "fill disk": _fill_disk,
    **({"skew front": _skew_front, "skew laptop": _skew_laptop} if FAKETIME else {}),
}
