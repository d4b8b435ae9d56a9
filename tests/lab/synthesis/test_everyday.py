"""Everyday requests: what no tool does is refused by what it would need, and done where the tool is."""

import asyncio
import itertools
import random
from dataclasses import replace

import pytest

from umi_edge.reading import Reading
from umi_edge.session.events import Answered, GaveUp
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.operators import operator_tools
from umi_lab.synthesis.data_file import read_data, texts
from umi_lab.synthesis.families import EVERYDAY_FAMILIES
from umi_lab.synthesis.families.everyday_words import SAYS
from umi_lab.synthesis.families.needs import NEEDS, need_task
from umi_lab.synthesis.families.questions import tells_of
from umi_lab.synthesis.generator import OracleAgent, draw_scenarios
from umi_lab.synthesis.home import draw_home
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.rollout import roll_out
from umi_lab.synthesis.scenario import _NOWHERE, Scenario, ScenarioConfig, Toolset, draw_family, draw_scenario
from umi_lab.synthesis.switches import Switch, all_until
from umi_lab.synthesis.toy_tools import MORE_TOY_TOOLS, NEEDED_TOY_TOOLS, TOY_TOOLS

EVERYDAY = all_until(Switch.EVERYDAY)
CONFIG = ScenarioConfig(
    broken=0, missing=0, toy_tools=0, declines=0, own_names=1, everyday=1, switches=EVERYDAY
)
BUILTIN = tuple(tool.name for tool in builtin_tools(replace(_NOWHERE, more=True)))


def asked(need_of: str, *, is_there: bool, seed: int = 1) -> tuple[Scenario, Answered | GaveUp]:
    """A request of a kind, in a catalogue with or without the tool that it needs."""
    draw = Draw(random.Random(seed), held_out=False, switches=EVERYDAY)
    need = NEEDS[need_of]
    toolset = Toolset(
        tools=(*BUILTIN, need.tool.name) if is_there else BUILTIN,
        aliases={},
        toy_tools=(need.tool,) if is_there else (),
        more=True,
    )
    scenario = draw_scenario(draw, CONFIG, toolset, EVERYDAY_FAMILIES[0])
    scenario = replace(scenario, task=need_task(draw, draw_home(draw), need), result="done")
    ending = asyncio.run(roll_out(scenario, OracleAgent(Oracle(scenario)))).ending
    assert isinstance(ending, Answered | GaveUp)
    return scenario, ending


@pytest.mark.parametrize("need", list(NEEDS)[::4])
def test_a_refusal_says_what_it_would_need_and_the_tool_that_does_it_is_used_where_it_is(need: str) -> None:
    _, without = asked(need, is_there=False)
    assert isinstance(without, GaveUp)
    assert without.reason.startswith(f"To {NEEDS[need].needs} ")
    _, ending = asked(need, is_there=True)
    assert isinstance(ending, Answered)


def test_there_are_many_refusals_and_as_many_neighbours_that_are_done() -> None:
    refused = [ask for need in NEEDS.values() for ask in need.asks]
    assert len(refused) == len(set(refused)) > 250
    assert sum(map(len, SAYS.values())) > 900
    to_be_done = {"actions", "deeds", "called"}  # "call the dentist" is a fine to-do
    done = set(itertools.chain(*(said for key, said in SAYS.items() if key not in to_be_done)))
    assert not set(refused) & done


def test_every_list_says_each_thing_once() -> None:
    for key, said in SAYS.items():
        assert len(set(said)) == len(said), key


def test_tools_that_would_do_the_same_are_tools_that_there_are() -> None:
    known = {tool.name for tool in (*TOY_TOOLS, *MORE_TOY_TOOLS, *NEEDED_TOY_TOOLS)}
    known |= {tool.name for tool in operator_tools(Reading())}
    for entry in read_data("everyday_refusals")["kinds"]:
        assert set(texts(entry["like"])) <= known, entry["needs"]
        assert entry["tool"] not in known
        assert entry["tool"] not in BUILTIN


def test_a_refusal_is_as_likely_where_the_catalogue_has_few_and_strange_tools_as_where_it_has_all() -> None:
    few = ("calendar.create", "notes.append", next(iter(NEEDS)))
    shares = []
    for tools in (BUILTIN, few):
        draw = Draw(random.Random(3), held_out=False, switches=EVERYDAY)
        toolset = Toolset(tools=tools, aliases={}, more=True)
        drawn = [draw_family(draw, CONFIG, toolset) for _ in range(1000)]
        shares.append(sum(family is not None and family.name == "lacking" for family in drawn) / 1000)
    assert min(shares) > 0.05
    assert max(shares) < 1.5 * min(shares)


def test_a_tool_under_its_own_name_beside_the_built_in_ones_can_be_used() -> None:
    made = draw_scenarios(5, held_out=False, config=replace(CONFIG, toy_tools=1, served=1))
    scenarios = [
        one for one in itertools.islice(made, 100) if one.toolset.toy_tools and one.toolset.own_names
    ]
    done = 0
    for scenario in scenarios[:8]:
        try:
            rollout = asyncio.run(roll_out(scenario, OracleAgent(Oracle(scenario))))
        except UnseenError:
            continue
        assert isinstance(rollout.ending, Answered)
        done += 1
    assert done > 4


def test_a_text_message_is_no_mail_once_everyday_requests_are_drawn() -> None:
    before, now = (
        tells_of(Draw(random.Random(1), held_out=False, switches=all_until(last)))
        for last in (Switch.ERRANDS, Switch.EVERYDAY)
    )
    assert (
        [one for one in before if one not in now] == [one for one in before if one.startswith("text ")] != []
    )
