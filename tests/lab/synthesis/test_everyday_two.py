"""Two things in one request, and what is said after one: each is done, in its order, and nothing else is."""

import asyncio
import random
import re
from collections import Counter

import pytest

from umi_edge.session.events import Answered
from umi_lab.synthesis.families import EVERYDAY_FAMILIES
from umi_lab.synthesis.generator import OracleAgent
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.rollout import Rollout, roll_out
from umi_lab.synthesis.scenario import Scenario, ScenarioConfig, draw_scenario, draw_toolset
from umi_lab.synthesis.switches import Switch, all_until
from umi_lab.synthesis.task import Family

SEEDS = 6
CONFIG = ScenarioConfig(
    broken=0, missing=0, toy_tools=0, declines=0, own_names=1, switches=all_until(Switch.EVERYDAY)
)
CHANGES: dict[str, tuple[dict[str, int], ...]] = {
    "two_with_event": ({"event": 1}, {"event": 2}, {"event": 1, "mail": 1}),
    "two_with_entry": ({"event": 1, "mail": 1}, {"event": 1, "todo": 1}),
    "two_with_todo": ({"todo": 1, "mail": 1}, {"todo": 2}),
    "two_with_list": ({"note": 1, "mail": 1}, {"note": 1, "todo": 1}),
    "two_with_people": ({"mail": 2}, {}),
    "enters_then": ({"event": 1},),
    "moves_then": ({"event": 1},),
    "line_then": ({"note": 1}, {"note": 2}),
    "other_list": ({"note": 2},),
    "cancels_then": ({"event": 2},),
    "tells_then": ({"mail": 2},),
    "todo_then": ({"todo": 2},),
}
"""What is new in the home, or gone from it, once a request of the family is carried out; nothing for the others."""
NOT_DONE = ("so I", "Which", "I found no", "did not")
FAMILIES = [one for one in EVERYDAY_FAMILIES if re.search(r"^two_with|_then$|^other_list$", one.name)]


def played(family: Family) -> list[tuple[Scenario, Rollout]]:
    found = []
    for seed in range(SEEDS):
        draw = Draw(random.Random(seed), held_out=False, switches=CONFIG.switches)
        scenario = draw_scenario(draw, CONFIG, draw_toolset(draw, CONFIG, family, more=True), family)
        try:
            found.append((scenario, asyncio.run(roll_out(scenario, OracleAgent(Oracle(scenario))))))
        except UnseenError:
            continue
    return found


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_of_several_things_is_done_and_nothing_else(family: Family) -> None:
    done = 0
    for scenario, rollout in played(family):
        assert isinstance(rollout.ending, Answered), scenario.task.instruction
        assert {action.tool for action in rollout.record} <= {*family.tools, *family.detours}
        if any(said in rollout.ending.answer for said in NOT_DONE):
            continue
        new, gone = set(rollout.state) - set(rollout.before), set(rollout.before) - set(rollout.state)
        changed = dict(Counter(item.kind for item in new or gone))
        assert changed in CHANGES.get(family.name, ({},)), scenario.task.instruction
        done += 1
    assert done > SEEDS / 3


def test_a_second_fact_of_somebody_is_not_looked_up_again() -> None:
    family = next(one for one in FAMILIES if one.name == "fact_then")
    rollouts = [rollout for _, rollout in played(family) if "Which" not in str(rollout.ending)]
    assert {len(rollout.record) for rollout in rollouts} <= {1, 2}
    assert sum(len(rollout.record) == 1 for rollout in rollouts) > len(rollouts) / 2
