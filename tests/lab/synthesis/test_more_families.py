"""The families for more tools: each oracle does what was asked for, and nothing else, through the real tools."""

import asyncio
import random
from collections import Counter
from dataclasses import replace

import pytest

from umi_edge.session.events import Answered
from umi_edge.values.time_words.spoken import spoken_days
from umi_lab.synthesis.families import MORE_FAMILIES
from umi_lab.synthesis.generator import OracleAgent, draw_scenarios
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.rollout import Rollout, roll_out
from umi_lab.synthesis.scenario import Scenario, ScenarioConfig, draw_scenario, draw_toolset
from umi_lab.synthesis.task import Family

SEEDS = 20
CONFIG = ScenarioConfig(broken=0, missing=0, toy_tools=0, declines=0, own_names=1, variety=6)
CHANGES = {
    "event_move": {"event": 1},
    "event_all_day": {"event": 1},
    "event_weekly": {"event": 1},
    "reminder_add": {"todo": 1},
    "contact_change": {"contact": 1},
    "mail_reply": {"mail": 1},
    "mail_two": {"mail": 1},
    "find_and_tell": {"mail": 1},
    "event_and_mail": {"event": 1, "mail": 1},
    "note_append": {"note": 1},
}
"""What is new in the home once a request of the family is carried out; nothing for one that only asks."""
NOT_DONE = ("so I", "Which", "On which day", "I found no", "did not")


def scenario_of(family: Family, seed: int) -> Scenario:
    draw = Draw(random.Random(seed), held_out=False, variety=6)
    toolset = draw_toolset(draw, CONFIG, family, more=True)
    return draw_scenario(draw, CONFIG, toolset, family)


def played(family: Family) -> list[tuple[Scenario, Rollout]]:
    found = []
    for seed in range(SEEDS):
        scenario = scenario_of(family, seed)
        try:
            found.append((scenario, asyncio.run(roll_out(scenario, OracleAgent(Oracle(scenario))))))
        except UnseenError:
            continue
    return found


@pytest.mark.parametrize("family", MORE_FAMILIES, ids=lambda family: family.name)
def test_an_oracle_does_what_is_asked_for_and_nothing_else(family: Family) -> None:
    rollouts = played(family)
    done = 0
    for scenario, rollout in rollouts:
        assert isinstance(rollout.ending, Answered), scenario.task.instruction
        changed = Counter(item.kind for item in set(rollout.state) - set(rollout.before))
        if changed:
            assert changed == CHANGES[family.name], scenario.task.instruction
            assert not any(said in rollout.ending.answer for said in NOT_DONE), rollout.ending.answer
            done += 1
        elif family.name in CHANGES:
            assert any(said in rollout.ending.answer for said in NOT_DONE), rollout.ending.answer
        assert {action.tool for action in rollout.record} <= {*family.tools, *family.detours}
        assert all(action.done or action.result == "not-found" for action in rollout.record)
    assert len(rollouts) > SEEDS / 2
    assert done > len(rollouts) / 2 or family.name not in CHANGES


def test_an_event_is_on_the_day_that_the_request_says() -> None:
    family = next(one for one in MORE_FAMILIES if one.name == "event_all_day")
    for scenario, rollout in played(family):
        (new,) = set(rollout.state) - set(rollout.before)
        said = spoken_days(scenario.task.instruction, scenario.home.words)
        assert new.exact[0] in {day.isoformat() for days in said.values() for day in days}


def test_half_of_the_catalogues_have_more_tools_and_below_variety_6_none_has() -> None:
    def share(variety: int) -> float:
        made = draw_scenarios(5, held_out=False, config=ScenarioConfig(variety=variety), together=1)
        return sum(next(made).toolset.more for _ in range(200)) / 200

    assert 0.4 < share(6) < 0.6
    assert share(5) == 0


def test_a_refusal_is_not_by_rote() -> None:
    config = replace(CONFIG, toy_tools=1, served=0)
    ends = Counter()
    for scenario in (
        next(made) for made in [draw_scenarios(7, held_out=False, config=config)] for _ in range(60)
    ):
        rollout = asyncio.run(roll_out(scenario, OracleAgent(Oracle(scenario))))
        ends[getattr(rollout.ending, "reason", "")] += 1
    assert len(ends) > 15
    assert ends[""] == 0
