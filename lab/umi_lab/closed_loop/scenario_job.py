"""A job of drawn scenarios: which of them are played, and whether the models lead or are compared with the oracle.

Neighbouring scenarios share a catalogue and are played together, those with the built-in catalogue first, so that
what was read of it stays read.
"""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from umi_lab.closed_loop.evaluation import play
from umi_lab.closed_loop.harness import Harness, HarnessConfig, LaptopAgent
from umi_lab.closed_loop.shadow import shadow
from umi_lab.closed_loop.worker_pool import Row
from umi_lab.synthesis.generator import draw_scenarios
from umi_lab.synthesis.scenario import Scenario, ScenarioConfig

__all__ = ["ScenarioJob"]

_TOGETHER = 5
"""Scenarios that share a catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioJob:
    """Implements `worker_pool.Job`."""

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

    def groups(self) -> list[list[int]]:
        """Numbers of scenarios, those of one catalogue together."""
        builtin = [scenario.toolset.own_names for scenario in self.draw()]
        groups = [list(range(at, min(at + _TOGETHER, self.count))) for at in range(0, self.count, _TOGETHER)]
        return sorted(groups, key=lambda group: not builtin[group[0]])

    def player(self, harness: Harness) -> Callable[[int], Awaitable[list[Row]]]:
        """What plays the scenario of a number."""
        scenarios = self.draw()
        return lambda number: self._rows(scenarios[number], harness)

    async def _rows(self, scenario: Scenario, harness: Harness) -> list[Row]:
        if self.shadow:
            return [comparison.as_json() for comparison in await shadow(scenario, harness)]
        outcome = await play(scenario, LaptopAgent(harness), in_clear=self.in_clear)
        return [] if outcome is None else [outcome.as_json()]
