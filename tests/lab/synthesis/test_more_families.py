"""The families for more tools: each oracle does what was asked for, and nothing else, through the real tools."""

import asyncio
import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from umi_edge.session.events import Answered, GaveUp
from umi_edge.values.time_words.spoken import spoken_days
from umi_lab.synthesis.families import ANSWER_FAMILIES, ERRAND_FAMILIES, EVERYDAY_FAMILIES, MORE_FAMILIES
from umi_lab.synthesis.generator import OracleAgent, draw_scenarios
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.rollout import Rollout, roll_out
from umi_lab.synthesis.scenario import Scenario, ScenarioConfig, draw_scenario, draw_toolset
from umi_lab.synthesis.switches import Switch, all_until
from umi_lab.synthesis.task import Family

SEEDS = 7
UNTIL_6 = all_until(Switch.PEOPLES_WORDS)
CONFIG = ScenarioConfig(broken=0, missing=0, toy_tools=0, declines=0, own_names=1, switches=UNTIL_6)
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
    "tell": {"mail": 1},
    "mail_then": {"mail": 2},
    "event_then": {"event": 1},
    "todo_done": {"todo": 1},
    "event_cancel_called": {"event": 1},
    "event_move_called": {"event": 1},
    "event_called": {"event": 1},
    "event_with_then": {"event": 1},
    "todo_add": {"todo": 1},
    "todo_tick": {"todo": 1},
    "note_line": {"note": 1},
    "tell_shortly": {"mail": 1},
    "tell_two": {"mail": 1},
    "reply_shortly": {"mail": 1},
    "two_errands": {"mail": 1},
    "tells": {"mail": 1},
    "asks_somebody": {"mail": 1},
    "tells_several": {"mail": 1},
    "replies": {"mail": 1},
    "reply_about": {"mail": 1},
    "forward_topic": {"mail": 1},
    "forward_from": {"mail": 1},
    "tells_role": {"mail": 1},
    "asks_role": {"mail": 1},
    "cancels_with": {"event": 1},
    "moves_with": {"event": 1},
    "enters_deed": {"event": 1},
    "todo_added": {"todo": 1},
    "todo_dated": {"todo": 1},
    "todo_ticked": {"todo": 1},
    "line_added": {"note": 1},
    "line_gone": {"note": 1},
    "line_changed": {"note": 1},
}
"""What is new in the home once a request of the family is carried out, or gone where nothing is; nothing for one that
only asks."""
ALSO = {"ask_note_then": {"value.answer"}}
"""What a family uses only where the catalogue has it."""
NOT_DONE = ("so I", "Which", "On which day", "I found no", "did not")
SEVERAL = re.compile(r"^two_with|_then$|^other_list$")
"""Everyday families of which a request, or what is said after it, changes several things (`test_everyday_two.py`)."""
ALL = (
    *MORE_FAMILIES,
    *ANSWER_FAMILIES,
    *ERRAND_FAMILIES,
    *(family for family in EVERYDAY_FAMILIES if not SEVERAL.search(family.name)),
)


def scenario_of(family: Family, seed: int) -> Scenario:
    last = Switch.ERRANDS if family in ERRAND_FAMILIES else Switch.QUESTIONS
    last = Switch.EVERYDAY if family in EVERYDAY_FAMILIES else last
    config = CONFIG if family in MORE_FAMILIES else replace(CONFIG, switches=all_until(last))
    draw = Draw(random.Random(seed), held_out=False, switches=config.switches)
    toolset = draw_toolset(draw, config, family, more=True)
    return draw_scenario(draw, config, toolset, family)


def played(family: Family, seeds: int = SEEDS) -> list[tuple[Scenario, Rollout]]:
    found = []
    for seed in range(seeds):
        scenario = scenario_of(family, seed)
        try:
            found.append((scenario, asyncio.run(roll_out(scenario, OracleAgent(Oracle(scenario))))))
        except UnseenError:
            continue
    return found


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_an_oracle_does_what_is_asked_for_and_nothing_else(family: Family) -> None:
    rollouts = played(family)
    done = 0
    for scenario, rollout in rollouts:
        ended = GaveUp if family.name in ("no_tool", "lacking") else Answered
        assert isinstance(rollout.ending, ended), scenario.task.instruction
        new, gone = set(rollout.state) - set(rollout.before), set(rollout.before) - set(rollout.state)
        changed = Counter(item.kind for item in new or gone)
        if family.name == "two_errands":
            first = changed.pop("todo", 0) + sum(item.kind == "event" for item in gone)
            assert first == 1 or not changed, scenario.task.instruction
            changed.pop("event", 0)  # of the other errand nothing is done where its person is not clear
        if changed:
            assert changed == CHANGES[family.name], scenario.task.instruction
            assert not any(said in rollout.ending.answer for said in NOT_DONE), rollout.ending.answer
            done += 1
        elif family.name in CHANGES:
            assert any(said in rollout.ending.answer for said in NOT_DONE), rollout.ending.answer
        allowed = {*family.tools, *family.detours, *ALSO.get(family.name, ())}
        assert {action.tool for action in rollout.record} <= allowed
        assert all(action.done or action.result == "not-found" for action in rollout.record)
    assert len(rollouts) > SEEDS / 2
    assert done > len(rollouts) / 3 or family.name not in CHANGES


def test_an_event_is_on_the_day_that_the_request_says() -> None:
    family = next(one for one in MORE_FAMILIES if one.name == "event_all_day")
    for scenario, rollout in played(family):
        (new,) = set(rollout.state) - set(rollout.before)
        said = spoken_days(scenario.task.instruction, scenario.home.words)
        assert new.exact[0] in {day.isoformat() for days in said.values() for day in days}


def test_half_of_the_catalogues_have_more_tools_with_peoples_words_most_with_questions_and_none_before() -> (
    None
):
    def share(last: Switch) -> float:
        made = draw_scenarios(5, held_out=False, config=ScenarioConfig(switches=all_until(last)), together=1)
        return sum(next(made).toolset.more for _ in range(100)) / 100

    assert share(Switch.NEED_PHRASED) == 0
    assert 0.35 < share(Switch.PEOPLES_WORDS) < 0.65 < share(Switch.QUESTIONS) < 1


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


def test_a_question_is_looked_up_as_it_stands_and_the_answer_says_how_sure_it_is() -> None:
    family = next(one for one in ANSWER_FAMILIES if one.name == "ask_text")
    surely = Counter[bool]()
    for scenario, rollout in played(family, seeds=25):
        (call,) = rollout.record
        assert call.arguments["question"] == scenario.task.instruction
        assert isinstance(rollout.ending, Answered)
        surely["I am not sure" not in rollout.ending.answer] += 1
    assert set(surely) == {True, False}


def test_a_follow_up_is_asked_with_what_it_follows() -> None:
    family = next(one for one in ANSWER_FAMILIES if one.name == "ask_then")
    for scenario, rollout in played(family):
        first, second = rollout.record
        assert first.arguments["question"] == scenario.task.instruction
        assert (
            second.arguments["question"] == f"{scenario.task.instruction} {scenario.task.then[0].instruction}"
        )


def test_what_is_asked_of_a_note_that_was_shown_is_read_in_it_where_that_can_be() -> None:
    family = next(one for one in ANSWER_FAMILIES if one.name == "ask_note_then")
    used = {rollout.record[1].tool for _, rollout in played(family)}
    assert used == {"value.answer", "search.answer"}
