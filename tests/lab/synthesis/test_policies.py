"""Policies that let out more than the default one: what they keep stays, what they let out the planner reads."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from umi_lab.synthesis.families import FAMILIES
from umi_lab.synthesis.generator import OracleAgent, draw_scenarios, episode_of, generate
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.policies import KINDS
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.rollout import roll_out
from umi_lab.synthesis.scenario import Scenario, ScenarioConfig, draw_scenario, draw_toolset
from umi_lab.synthesis.switches import Switch, all_until
from umi_shared.errors import UmiError
from umi_shared.handles import render
from umi_shared.transcript import Call, Plan, text_of

SUBSETS = [frozenset(some) for size in range(5) for some in itertools.combinations(KINDS, size)]


def scenarios(*families: str, lets_out: frozenset[str]) -> Iterator[Scenario]:
    """Scenarios without failures, under the one policy."""
    config = ScenarioConfig(
        broken=0, missing=0, toy_tools=0, declines=0, switches=all_until(Switch.NEED_PHRASED)
    )
    for number in itertools.count():
        draw = Draw(random.Random(number), held_out=False, switches=all_until(Switch.NEED_PHRASED))
        family = next(one for one in FAMILIES if one.name == families[number % len(families)])
        scenario = draw_scenario(draw, config, draw_toolset(draw, config, family), family)
        yield replace(scenario, lets_out=lets_out)


def seen(scenario: Scenario) -> str:
    """All that the planner and the summarizer read of a scenario."""
    oracle = Oracle(scenario)
    rollout = asyncio.run(roll_out(scenario, OracleAgent(oracle)))
    assert not isinstance(rollout.ending, UmiError), rollout.ending
    turns = [turn for turn in episode_of(oracle).turns if not isinstance(turn, Plan)]
    return " ".join(render(text_of(turn)) for turn in turns)


def values(scenario: Scenario) -> dict[str, set[str]]:
    """What there is of each kind that a session with it could show."""
    home = scenario.home
    return {
        "people": {value for person in home.people for value in (person.name, person.email)},
        "details": {value for person in home.people for value in (person.phone, person.company)},
        "ids": {f"{topic.replace(' ', '-')}.txt" for topic in home.files},
        "texts": {*home.notes.values(), *home.files.values(), *(mail.body for mail in home.mails)},
    }


@pytest.mark.parametrize("lets_out", SUBSETS, ids=lambda some: "+".join(sorted(some)) or "nothing")
def test_kinds_that_a_policy_keeps_stay_and_kinds_that_it_lets_out_are_seen(lets_out):
    found: set[str] = set()
    for scenario in itertools.islice(
        scenarios("contact_fact", "note_mail", "file_read", lets_out=lets_out), 6
    ):
        try:
            text = seen(scenario)
        except UnseenError:
            continue
        said = scenario.task.instruction
        for kind, kept in values(scenario).items():
            shown = {value for value in kept if value in text}
            if kind in lets_out:
                found |= {kind} if shown else set()
            else:
                assert not {value for value in shown if value not in said}
    assert found == lets_out


def test_guests_are_people_whatever_a_catalogue_calls_them():
    made = 0
    for scenario in itertools.islice(scenarios("event_with", lets_out=frozenset({"people"})), 16):
        oracle = Oracle(scenario)
        try:
            asyncio.run(roll_out(scenario, OracleAgent(oracle)))
        except UnseenError:
            continue
        for turn in episode_of(oracle).turns:
            if isinstance(turn, Call) and turn.tool == scenario.shown("calendar.create"):
                assert "@example." in render(turn.arguments)
                made += not scenario.toolset.own_names
    assert made


def test_a_share_of_scenarios_has_other_policies_and_the_rest_is_drawn_as_without_them():
    plain, varied = (
        list(
            itertools.islice(
                draw_scenarios(3, held_out=False, config=ScenarioConfig(policies=share), together=1), 60
            )
        )
        for share in (0.0, 0.5)
    )
    assert [one.task.instruction for one in plain] == [one.task.instruction for one in varied]
    assert not any(one.in_clear or one.lets_out for one in plain)
    assert 5 < sum(one.in_clear for one in varied) < 30
    assert {kind for one in varied for kind in one.lets_out} == set(KINDS)


def test_episodes_under_other_policies_never_stop():
    episodes = generate(
        8, held_out=False, config=ScenarioConfig(switches=all_until(Switch.NEED_PHRASED), policies=1)
    )
    assert len(list(itertools.islice(episodes, 30))) == 30
