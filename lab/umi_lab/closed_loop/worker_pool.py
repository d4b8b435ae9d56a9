"""A worker pool: harnesses in processes of their own, which take the tasks of a job from one queue.

With few cores, two processes of one thread each play more sessions than one of two threads: while one waits for a
file or a socket the other computes. A job's groups of tasks go to one harness together.
"""

import asyncio
import multiprocessing
import queue
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from umi_lab.closed_loop.harness import Harness, HarnessConfig, open_harness
from umi_shared.errors import ModelError, UmiError

__all__ = ["Job", "Played", "Row", "run"]

_LOOK_SECONDS = 1.0

Row = dict[str, Any]


class Job(Protocol):
    """What is played, by which models, and how; it is sent to every process."""

    @property
    def harness(self) -> HarnessConfig:
        """The models."""
        ...

    def groups(self) -> list[list[int]]:
        """The numbers of all tasks; those of a group go to one harness, one after the other."""
        ...

    def player(self, harness: Harness) -> Callable[[int], Awaitable[Sequence[Row]]]:
        """What plays the task of a number; made once a process, so that tasks are read or drawn once."""
        ...


@dataclass(frozen=True, slots=True)
class Played:
    """The rows of one task; there are none where it could not be played."""

    number: int
    rows: tuple[Row, ...] = field(repr=False)


def run(job: Job, *, processes: int, done: Iterable[int] = ()) -> Iterator[Played]:
    """Play the tasks whose numbers are not in `done`, in any order. Raises `ModelError` when a harness fails."""
    groups = _left(job, frozenset(done))
    context = multiprocessing.get_context("spawn")  # llama.cpp's threads do not survive a fork
    work: Any = context.Queue()
    played: Any = context.Queue()
    for group in groups:
        work.put(group)
    crew = [
        context.Process(target=_worker, args=(job, work, played), daemon=True)
        for _ in range(min(processes, len(groups)))
    ]
    for process in crew:
        work.put(None)
        process.start()
    try:
        for _ in range(sum(map(len, groups))):
            yield _next(played, crew)
    finally:
        for process in crew:
            process.join(_LOOK_SECONDS * 10)
            process.terminate()


def _left(job: Job, done: frozenset[int]) -> list[list[int]]:
    left = [[number for number in group if number not in done] for group in job.groups()]
    return [group for group in left if group]


def _next(played: Any, crew: Sequence[BaseProcess]) -> Played:
    while True:
        try:
            item = played.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if not any(process.is_alive() for process in crew):
                raise ModelError(
                    "every process that played sessions has ended early",
                    fix="try --jobs 1, which takes less memory",
                ) from None
            continue
        if isinstance(item, Played):
            return item
        raise ModelError(item)


def _worker(job: Job, work: Any, played: Any) -> None:
    """A process: numbers in, rows out, until the queue says that there are no more."""
    try:
        asyncio.run(_play(job, work, played))
    except UmiError as error:
        played.put(str(error))


async def _play(job: Job, work: Any, played: Any) -> None:
    async with open_harness(job.harness) as harness:
        play = job.player(harness)
        while (group := await asyncio.to_thread(work.get)) is not None:
            for number in group:
                played.put(Played(number, tuple(await play(number))))
