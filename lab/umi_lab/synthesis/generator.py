"""The generator: episodes without end, each from a scenario that the oracle played in a real session."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from umi_cloud.episodes import Episode
from umi_edge.session.ports import CallerPort, CloudPort
from umi_edge.session.session import Session
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.rollout import Environment, plain_session, roll_out
from umi_lab.synthesis.scenario import (
    Scenario,
    ScenarioConfig,
    draw_family,
    draw_more,
    draw_scenario,
    draw_toolset,
)
from umi_shared.errors import UmiError
from umi_shared.transcript import Call, Entry

__all__ = ["draw_scenarios", "generate"]

SOURCE = "umi-synthetic"
LICENCE = "Apache-2.0"


@dataclass(slots=True)
class OracleAgent:
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
    async def session(self, environment: Environment) -> AsyncIterator[Session]:
        """A session that the oracle watches, too."""
        yield plain_session(environment, cloud=self.cloud, caller=self.caller, observe=self.oracle.observe)


def draw_scenarios(
    seed: int, *, held_out: bool, config: ScenarioConfig, together: int = 5
) -> Iterator[Scenario]:
    """Scenarios without end, the same for a seed; every `together` of them in a row share a catalogue."""
    for number in itertools.count():
        rng = random.Random(f"{seed}/{held_out}/{number}")  # noqa: S311  # not for secrets
        draw = Draw(rng, held_out, config.switches)
        more = draw_more(draw, config)
        family = draw_family(draw, config, more=more)
        toolset = draw_toolset(draw, config, family, more=more)
        yield draw_scenario(draw, config, toolset, family)
        for _ in range(together - 1):
            yield draw_scenario(draw, config, toolset, draw_family(draw, config, toolset))


def generate(seed: int, *, held_out: bool, config: ScenarioConfig) -> Iterator[tuple[Scenario, Episode]]:
    """Episodes without end; scenarios in which the oracle cannot see what it needs are left out.

    Raises what the session ended with where that is an error of umi: the oracle makes no mistakes, so umi has made one.
    """
    for scenario in draw_scenarios(seed, held_out=held_out, config=config):
        oracle = Oracle(scenario)
        try:
            rollout = asyncio.run(roll_out(scenario, OracleAgent(oracle)))
        except UnseenError:
            continue
        if isinstance(rollout.ending, UmiError):
            raise rollout.ending  # the oracle makes no mistakes, so the runtime has one
        if isinstance(oracle.written[-1], Call):
            continue  # the device ended the session with a question of its own, or at a second no
        if not oracle.wrote_every_call:
            continue  # the device looked something up by itself, which no caller is to learn
        yield scenario, episode_of(oracle)


def episode_of(oracle: Oracle) -> Episode:
    """The oracle's session as an episode: its last view and what was written after it, with the calls as written."""
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
