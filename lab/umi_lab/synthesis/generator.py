"""The generator: episodes without end, each from a scene that the oracle played in a real session."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from umi_cloud.episodes import Episode
from umi_edge.session import CallerPort, CloudPort, Session
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.performance import Setting, perform, plain_session
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.scene import Scene, SceneConfig, draw_family, draw_scene, draw_stage
from umi_shared.errors import UmiError
from umi_shared.transcript import Call, Entry

__all__ = ["draw_scenes", "generate"]

SOURCE = "umi-synthetic"
LICENCE = "Apache-2.0"


@dataclass(slots=True)
class OracleCast:
    """The oracle in all roles."""

    oracle: Oracle

    @property
    def cloud(self) -> CloudPort:
        """The oracle."""
        return self.oracle

    @property
    def caller(self) -> CallerPort:
        """The oracle."""
        return self.oracle

    @asynccontextmanager
    async def session(self, setting: Setting) -> AsyncIterator[Session]:
        """A session that the oracle watches, too."""
        yield plain_session(setting, cloud=self.cloud, caller=self.caller, observe=self.oracle.observe)


def draw_scenes(seed: int, *, held_out: bool, config: SceneConfig, together: int = 5) -> Iterator[Scene]:
    """Scenes without end; `together` neighbours share a catalogue."""
    for number in itertools.count():
        rng = random.Random(f"{seed}/{held_out}/{number}")  # noqa: S311  # not for secrets
        draw = Draw(rng, held_out, config.variety)
        family = draw_family(draw, config)
        stage = draw_stage(draw, config, family)
        yield draw_scene(draw, config, stage, family)
        for _ in range(together - 1):
            yield draw_scene(draw, config, stage, draw_family(draw, config, stage))


def generate(seed: int, *, held_out: bool, config: SceneConfig) -> Iterator[tuple[Scene, Episode]]:
    """Episodes without end; scenes in which the oracle cannot see what it needs are left out."""
    for scene in draw_scenes(seed, held_out=held_out, config=config):
        oracle = Oracle(scene)
        try:
            performance = asyncio.run(perform(scene, OracleCast(oracle)))
        except UnseenError:
            continue
        if isinstance(performance.ending, UmiError):
            raise performance.ending  # the oracle makes no mistakes, so the runtime has one
        yield scene, episode_of(oracle)


def episode_of(oracle: Oracle) -> Episode:
    """The last view and what was written after it; calls as the caller wrote them."""
    assert oracle.view is not None  # noqa: S101  # a session plans at least once
    turns: list[Entry] = list(oracle.view.entries)
    turns.append(oracle.written[-1])
    calls = iter(entry for entry in oracle.written if isinstance(entry, Call))
    written = {}
    for index, turn in enumerate(turns):
        if isinstance(turn, Call):
            call = next(calls)
            if call != turn:
                written[index] = call.arguments
    return Episode(
        catalogue=oracle.view.catalogue, turns=tuple(turns), source=SOURCE, licence=LICENCE, written=written
    )
