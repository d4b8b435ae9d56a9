"""Whole sessions through the real server and the real laptop: what is counted is what happened on the wire."""

import asyncio
import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.lab.closed_loop.test_figures import ROWS
from umi_edge.ledger import read_ledger, verify_ledger
from umi_lab.closed_loop.evaluation import play
from umi_lab.closed_loop.harness import HarnessConfig, LaptopAgent, open_harness
from umi_lab.closed_loop.scenario_job import ScenarioJob
from umi_lab.closed_loop.shadow import ShadowAgent
from umi_lab.closed_loop.worker_pool import Played, run
from umi_lab.commands.closed_loop import command
from umi_lab.synthesis.generator import draw_scenarios
from umi_lab.synthesis.home import Person
from umi_lab.synthesis.oracle import Oracle
from umi_lab.synthesis.rollout import roll_out
from umi_lab.synthesis.scenario import Scenario, ScenarioConfig
from umi_shared.errors import ModelError

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

FEW = ScenarioConfig(own_names=0, broken=0, missing=0, toy_tools=0, declines=0)


@pytest.fixture(scope="session")
def random_harness(smollm2: Path, gguf_adapters: Mapping[str, Path]) -> HarnessConfig:
    adapters = {**gguf_adapters, "caller": gguf_adapters["planner"]}
    return HarnessConfig(model=smollm2, adapters=adapters, threads=1, context_tokens=2048)


def scenario_of(family: str) -> Scenario:
    """A scenario of the family that the oracle can play; one that asks for a person names them in full."""
    scenarios = draw_scenarios(5, held_out=True, config=replace(FEW, held_out_families=True))
    return next(
        scenario
        for scenario in scenarios
        if scenario.family == family and (family != "contact_fact" or list(asked_in(scenario)))
    )


def asked_in(scenario: Scenario) -> Iterator[Person]:
    return (person for person in scenario.home.people if person.name in scenario.task.instruction)


async def messages_of(scenario: Scenario, config: HarnessConfig) -> tuple[bytes, list[Any]]:
    """What left in a session that the oracle leads, and what the models were compared by."""
    async with open_harness(config) as harness:
        agent = ShadowAgent(Oracle(scenario), LaptopAgent(harness))
        played = await roll_out(scenario, agent)
        report = verify_ledger(harness.ledger.path, harness.ledger.public_key)
        entries = [entry for entry in read_ledger(harness.ledger.path) if entry["kind"] == "sent"]
        assert report.sent_bytes == sum(entry["bytes"] for entry in entries)
        assert len(entries) == played.totals.steps + 1  # each plan, and the answer
        return b"".join(base64.b64decode(entry["message"]) for entry in entries), agent.comparisons


def test_no_value_that_stays_leaves_and_in_clear_all_do(random_harness: HarnessConfig) -> None:
    """The same task under both policies; the second shows that the first assertion could fail."""
    scenario = scenario_of("contact_fact")
    kept, compared = asyncio.run(messages_of(scenario, random_harness))
    clear, _ = asyncio.run(messages_of(replace(scenario, in_clear=True), random_harness))
    asked = next(asked_in(scenario))
    assert not any(person.email.encode() in kept for person in scenario.home.people)
    assert asked.name.encode() not in kept
    assert asked.email.encode() in clear
    assert asked.name.encode() in clear
    assert {one.role for one in compared} == {"planner", "caller", "summarizer"}
    (call,) = [one for one in compared if one.role == "caller"]
    assert [source for source, _ in call.arguments] == ["handle"]


def test_a_session_is_counted_by_what_left(random_harness: HarnessConfig) -> None:
    """Steps, messages and bytes are the ledger's."""

    async def played() -> tuple[Any, list[dict[str, Any]]]:
        async with open_harness(random_harness) as harness:
            outcome = await play(scenario_of("day_list"), LaptopAgent(harness))
            return outcome, [entry for entry in read_ledger(harness.ledger.path) if entry["kind"] == "sent"]

    outcome, sent = asyncio.run(played())
    assert outcome.messages_out == len(sent) >= outcome.steps >= 1
    assert outcome.bytes_out == sum(entry["bytes"] for entry in sent)
    assert outcome.tokens["planner"].completion_tokens > 0
    row = json.loads(json.dumps(outcome.as_json()))
    assert {"success", "false_claim", "wrongly_gave_up", "transcript"} <= row.keys()


def test_processes_share_the_sessions(random_harness: HarnessConfig) -> None:
    """Each session is played once; those that are done are not."""
    job = ScenarioJob(harness=random_harness, seed=3, count=6, scenarios=FEW)
    numbers = sorted(played.number for played in run(job, processes=2, done=[0, 1, 2, 3]))
    assert numbers == [4, 5]


def test_a_harness_that_does_not_load_ends_the_run(random_harness: HarnessConfig, tmp_path: Path) -> None:
    job = ScenarioJob(
        harness=replace(random_harness, model=tmp_path / "missing.gguf"), seed=3, count=1, scenarios=FEW
    )
    with pytest.raises(ModelError, match="there is no model at"):
        list(run(job, processes=1))


def test_the_command_goes_on_where_it_stopped(
    random_harness: HarnessConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are kept as they come; what is there is not played again, and counts all the same."""
    for role, path in random_harness.adapters.items():
        (tmp_path / f"{role}.gguf").symlink_to(path)
    played: list[tuple[int, ...]] = []

    def two_more(job: ScenarioJob, *, processes: int, done: Iterable[int]) -> Iterator[Played]:
        missing = sorted(set(range(job.count)) - set(done))[:2]
        played.append(tuple(missing))
        assert processes == 2
        assert job.harness.adapters.keys() == random_harness.adapters.keys()
        return (Played(number, () if number == 3 else (ROWS[number],)) for number in missing)

    monkeypatch.setattr("umi_lab.closed_loop.worker_pool.run", two_more)
    out = tmp_path / "rows.jsonl"
    arguments = ["--adapters", str(tmp_path), "--count", "4", "--out", str(out), "--json"]
    first, second, third = (CliRunner().invoke(command, arguments, catch_exceptions=False) for _ in range(3))
    assert played == [(0, 1), (2, 3), ()]
    assert json.loads(first.stdout)["sessions"] == 2
    assert json.loads(second.stdout) == json.loads(third.stdout)
    figures = json.loads(third.stdout)
    assert figures["sessions"] == figures["success"]["whole"] == 3  # the fourth could not be played
    assert len(out.read_text().splitlines()) == 1 + 4
