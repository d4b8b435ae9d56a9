"""A worker pool: harnesses in processes of their own, which take scenarios from one queue.

With few cores, two processes of one thread each play more sessions than one of two threads: while one waits for a
file or a socket the other computes. Neighbouring scenarios share a catalogue and go to one harness together, those with
the built-in catalogue first, so that what was read of it stays read.
"""

import asyncio
import itertools
import multiprocessing
import queue
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any

from umi_lab.closed_loop.evaluation import play
from umi_lab.closed_loop.harness import Harness, HarnessConfig, LaptopAgent, open_harness
from umi_lab.closed_loop.shadow import shadow
from umi_lab.synthesis.generator import draw_scenarios
from umi_lab.synthesis.scenario import Scenario, ScenarioConfig
from umi_shared.errors import ModelError, UmiError

__all__ = ["Job", "Played", "run"]

_TOGETHER = 5
"""Scenarios that share a catalogue."""
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Which scenarios are played, by which models, and how."""

    harness: HarnessConfig
    seed: int
    count: int
    held_out: bool = True
    scenarios: ScenarioConfig = field(default_factory=ScenarioConfig)
    in_clear: bool = False
    shadow: bool = False
    """Whether the oracle plays and the models are compared, step by step."""

    def draw(self) -> list[Scenario]:
        """The scenarios, which are the same in every process."""
        drawn = draw_scenarios(self.seed, held_out=self.held_out, config=self.scenarios, together=_TOGETHER)
        return list(itertools.islice(drawn, self.count))


@dataclass(frozen=True, slots=True)
class Played:
    """The rows of one scenario; there are none where the oracle cannot play it."""

    number: int
    rows: tuple[dict[str, Any], ...] = field(repr=False)


def run(job: Job, *, processes: int, done: Iterable[int] = ()) -> Iterator[Played]:
    """Play the scenarios whose numbers are not in `done`, in any order. Raises `ModelError` when a harness fails."""
    groups = _groups(job, frozenset(done))
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


def _groups(job: Job, done: frozenset[int]) -> list[list[int]]:
    """Numbers of scenarios, those of one catalogue together."""
    builtin = [scenario.toolset.own_names for scenario in job.draw()]
    groups = [list(range(at, min(at + _TOGETHER, job.count))) for at in range(0, job.count, _TOGETHER)]
    groups.sort(key=lambda group: not builtin[group[0]])
    left = [[number for number in group if number not in done] for group in groups]
    return [group for group in left if group]


def _next(played: Any, crew: Sequence[BaseProcess]) -> Played:
    while True:
        try:
            item = played.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if not any(process.is_alive() for process in crew):
                raise ModelError("every process that played sessions has died", fix="try --jobs 1") from None
            continue
        if isinstance(item, Played):
            return item
        raise ModelError(item)


def _worker(job: Job, work: Any, played: Any) -> None:
    """A process: scenarios in, rows out, until the queue says that there are no more."""
    try:
        asyncio.run(_play(job, work, played))
    except UmiError as error:
        played.put(str(error))


async def _play(job: Job, work: Any, played: Any) -> None:
    scenarios = job.draw()
    async with open_harness(job.harness) as harness:
        while (group := await asyncio.to_thread(work.get)) is not None:
            for number in group:
                played.put(
                    Played(number, tuple([row async for row in _rows(job, scenarios[number], harness)]))
                )


async def _rows(job: Job, scenario: Scenario, harness: Harness) -> Any:
    if job.shadow:
        for comparison in await shadow(scenario, harness):
            yield comparison.as_json()
    elif (outcome := await play(scenario, LaptopAgent(harness), in_clear=job.in_clear)) is not None:
        yield outcome.as_json()
