"""A fleet: rigs in processes of their own, which take scenes from one queue.

With few cores, two processes of one thread each play more sessions than one of two threads: while one waits for a
file or a socket the other computes. Neighbouring scenes share a catalogue and go to one rig together, those with
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
from umi_lab.closed_loop.rig import LaptopCast, Rig, RigConfig, open_rig
from umi_lab.closed_loop.shadow import shadow
from umi_lab.synthesis.generator import draw_scenes
from umi_lab.synthesis.scene import Scene, SceneConfig
from umi_shared.errors import ModelError, UmiError

__all__ = ["Job", "Played", "run"]

_TOGETHER = 5
"""Scenes that share a catalogue."""
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Which scenes are played, by which models, and how."""

    rig: RigConfig
    seed: int
    count: int
    held_out: bool = True
    scenes: SceneConfig = field(default_factory=SceneConfig)
    in_clear: bool = False
    shadow: bool = False
    """Whether the oracle plays and the models are compared, step by step."""

    def draw(self) -> list[Scene]:
        """The same scenes in every process."""
        drawn = draw_scenes(self.seed, held_out=self.held_out, config=self.scenes, together=_TOGETHER)
        return list(itertools.islice(drawn, self.count))


@dataclass(frozen=True, slots=True)
class Played:
    """One scene's rows; none where the oracle cannot play it."""

    number: int
    rows: tuple[dict[str, Any], ...] = field(repr=False)


def run(job: Job, *, processes: int, done: Iterable[int] = ()) -> Iterator[Played]:
    """Play what is not done yet, in no certain order. Raises `ModelError` when a rig does not come up or breaks."""
    groups = _groups(job, frozenset(done))
    context = multiprocessing.get_context("spawn")  # llama.cpp's threads do not survive a fork
    work: Any = context.Queue()
    played: Any = context.Queue()
    for group in groups:
        work.put(group)
    crew = [
        context.Process(target=_rig, args=(job, work, played), daemon=True)
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
    """Numbers of scenes, those of one catalogue together."""
    builtin = [scene.stage.own_names for scene in job.draw()]
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


def _rig(job: Job, work: Any, played: Any) -> None:
    """A process: scenes in, rows out, until the queue says that there are no more."""
    try:
        asyncio.run(_play(job, work, played))
    except UmiError as error:
        played.put(str(error))


async def _play(job: Job, work: Any, played: Any) -> None:
    scenes = job.draw()
    async with open_rig(job.rig) as rig:
        while (group := await asyncio.to_thread(work.get)) is not None:
            for number in group:
                played.put(Played(number, tuple([row async for row in _rows(job, scenes[number], rig)])))


async def _rows(job: Job, scene: Scene, rig: Rig) -> Any:
    if job.shadow:
        for comparison in await shadow(scene, rig):
            yield comparison.as_json()
    elif (outcome := await play(scene, LaptopCast(rig), in_clear=job.in_clear)) is not None:
        yield outcome.as_json()
