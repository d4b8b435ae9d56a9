"""Synthetic episodes: sessions of the real runtime, and targets that a model can learn from its prompt alone."""

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import llguidance
import pytest

from umi_cloud.episodes import Role, training_rows
from umi_edge.caller import WrittenCall
from umi_edge.labelling.vault import Source
from umi_edge.session.ports import CallerPort
from umi_lab.synthesis.families import FAMILIES
from umi_lab.synthesis.generator import OracleAgent, draw_scenarios, generate
from umi_lab.synthesis.oracle import Oracle, UnseenError
from umi_lab.synthesis.rollout import Rollout, roll_out
from umi_lab.synthesis.scenario import Scenario, ScenarioConfig
from umi_lab.synthesis.switches import Switch, all_until
from umi_lab.synthesis.toy_tools import MORE_TOY_TOOLS, NEEDED_TOY_TOOLS, TOY_TOOLS
from umi_shared.dialects import dialect_named
from umi_shared.engine import JsonSchema
from umi_shared.handles import render
from umi_shared.released import Released
from umi_shared.transcript import Call, View, text_of

SCENARIOS = 40


@dataclass
class Listening(OracleAgent):
    """The oracle, with an ear on the schemas that its calls were asked under."""

    heard: list[tuple[Mapping[str, Any], str]] = field(default_factory=list)

    @property
    def caller(self) -> CallerPort:
        return self

    async def warm(self, catalogue: Released[View]) -> None:
        await self.oracle.warm(catalogue)

    async def prefill(self, view: View) -> None:
        await self.oracle.prefill(view)

    async def call(self, view: View, schemas: Mapping[str, Mapping[str, Any]]) -> WrittenCall:
        written = await self.oracle.call(view, schemas)
        self.heard.append((schemas, f'{{"tool":{json.dumps(written.tool)},"arguments":{written.arguments}}}'))
        return written


@dataclass(frozen=True)
class Played:
    held_out: bool
    scenario: Scenario
    agent: Listening
    rollout: Rollout


def play(*, held_out: bool) -> Iterator[Played]:
    config = ScenarioConfig(held_out_families=held_out)
    for scenario in itertools.islice(draw_scenarios(3, held_out=held_out, config=config), SCENARIOS):
        agent = Listening(Oracle(scenario))
        try:
            yield Played(held_out, scenario, agent, asyncio.run(roll_out(scenario, agent)))
        except UnseenError:
            continue


@pytest.fixture(scope="module")
def played() -> list[Played]:
    return [*play(held_out=False), *play(held_out=True)]


def test_every_call_of_the_oracle_fits_the_grammar_that_the_caller_decodes_under(played: list[Played]):
    tokenizer, dialect, calls = llguidance.LLTokenizer("byte"), dialect_named("umi"), 0
    for schemas, text in (heard for one in played for heard in one.agent.heard):
        constraint = dialect.call_constraint(schemas)
        assert isinstance(constraint, JsonSchema)
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(constraint.schema), overrides={"whitespace_flexible": False}
        )
        matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
        assert matcher.consume_tokens(tokenizer.tokenize_str(text)), text
        calls += 1
    assert calls > SCENARIOS


def test_every_plan_of_the_oracle_can_be_read_back_by_the_dialect(played: list[Played]):
    dialect = dialect_named("umi")
    for one in played:
        assert one.agent.oracle.view is not None
        for _, (entry, text) in enumerate(plans_of(one)):
            reader = dialect.decision_reader(one.agent.oracle.view)
            reader.feed(text)
            _, decision = reader.finish()
            assert (decision.next, decision.tool) == (entry.next, entry.tool)


def plans_of(one: Played) -> list[tuple[Any, str]]:
    from umi_shared.dialects.umi import turn_of
    from umi_shared.transcript import Plan

    return [(entry, turn_of(entry)[1]) for entry in one.agent.oracle.written if isinstance(entry, Plan)]


def test_what_the_oracle_writes_holds_no_value_that_only_the_device_knows(played: list[Played]):
    checked = 0
    for one in played:
        said = one.scenario.task.instruction.lower()
        for kept in one.rollout.vault:
            if isinstance(kept.value, str) and len(kept.value) > 5 and kept.value.lower() not in said:
                if kept.origin.source is Source.ARGUMENTS:
                    continue  # the caller wrote it itself
                assert all(kept.value not in str(entry) for entry in one.agent.oracle.written)
                checked += 1
    assert checked > SCENARIOS


def test_training_and_held_out_scenarios_share_no_people_and_no_families(played: list[Played]):
    def names(*, held_out: bool) -> set[str]:
        return {
            person.name for one in played if one.held_out is held_out for person in one.scenario.home.people
        }

    assert names(held_out=True)
    assert not names(held_out=True) & names(held_out=False)
    kept = {family.name for family in FAMILIES if family.held_out}
    assert kept <= {one.scenario.family for one in played if one.held_out}
    assert not kept & {one.scenario.family for one in played if not one.held_out}


def test_the_same_seed_gives_the_same_episodes():
    def first(count: int) -> list[Any]:
        return [e for _, e in itertools.islice(generate(5, held_out=False, config=ScenarioConfig()), count)]

    assert first(6) == first(6)


def test_a_caller_learns_to_write_what_the_transcript_then_masks():
    config = ScenarioConfig(own_names=1, broken=0, toy_tools=0, declines=0)
    episode = next(e for _, e in generate(2, held_out=False, config=config) if e.written)
    index = next(iter(episode.written))
    rows = list(training_rows([episode], dialect=dialect_named("umi"), role=Role.CALLER))
    calls = [i for i, turn in enumerate(episode.turns) if type(turn).__name__ == "Call"]
    written = rows[calls.index(index)].target
    assert "<text:" in str([str(p) for p in episode.turns[index].arguments])  # type: ignore[union-attr]
    assert "<text:" not in written


def test_varied_scenarios_have_requests_that_no_tool_serves_and_catalogues_of_some_families_only():
    config = ScenarioConfig(own_names=1, toy_tools=0.3, switches=all_until(Switch.MADE_UP_WORDS))
    made = list(itertools.islice(generate(4, held_out=False, config=config), 40))
    sizes = {len(scenario.toolset.tools) for scenario, _ in made}
    assert max(sizes) > min(sizes)
    ends = [render(text_of(episode.turns[-1])) for _, episode in made]
    assert any("No tool here can do this." in end for end in ends)


def test_toy_tools_have_names_of_their_own_and_none_is_near_a_held_out_one():
    held_out = TOY_TOOLS[-(len(TOY_TOOLS) // 5) :]
    toy_tools = (*TOY_TOOLS, *MORE_TOY_TOOLS, *NEEDED_TOY_TOOLS)
    assert len({toy_tool.name for toy_tool in toy_tools}) == len(toy_tools)
    kept = {toy_tool.name.partition(".")[0] for toy_tool in held_out}
    assert not kept & {toy_tool.name.partition(".")[0] for toy_tool in toy_tools if toy_tool not in held_out}


def test_a_session_in_which_the_device_made_a_call_of_its_own_is_no_episode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def with_a_call_more(scenario: Scenario, agent: OracleAgent) -> Rollout:
        rollout = await roll_out(scenario, agent)
        view = agent.oracle.view
        assert view is not None
        (at,) = [at for at, entry in enumerate(view.entries) if isinstance(entry, Call)][:1]
        agent.oracle.view = replace(view, entries=(*view.entries[:at], view.entries[at], *view.entries[at:]))
        return rollout

    scenario = next(one.scenario for one in play(held_out=False) if one.rollout.record)
    drawn = "umi_lab.synthesis.generator.draw_scenarios"
    monkeypatch.setattr(drawn, lambda *_, **__: iter([scenario]))
    config = ScenarioConfig(held_out_families=False)
    assert len(list(generate(3, held_out=False, config=config))) == 1
    monkeypatch.setattr("umi_lab.synthesis.generator.roll_out", with_a_call_more)
    assert list(generate(3, held_out=False, config=config)) == []
