"""The cost table: two agents on the same sessions, what is stored, what training took."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from umi_lab.commands.cost import command
from umi_lab.cost.inference import inference
from umi_lab.cost.single_agent import SingleAgent, open_single_model
from umi_lab.cost.storage import storage
from umi_lab.cost.training import training
from umi_lab.synthesis.generator import draw_scenarios
from umi_lab.synthesis.rollout import roll_out
from umi_lab.synthesis.scenario import ScenarioConfig

USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


def row(number: int, agent: str, seconds: float, steps: int = 2) -> dict[str, Any]:
    tokens = dict.fromkeys(("planner", "caller", "summarizer"), USAGE)
    shared = {
        "number": number,
        "agent": agent,
        "tokens": tokens,
        "success": True,
        "bytes_out": 0,
        "load": 1.0,
    }
    return {**shared, "seconds": seconds, "steps": steps}


def test_the_ratio_is_of_the_sessions_that_both_agents_played() -> None:
    """Summed, in the median, and over those in which both took as many steps."""
    rows = [
        *(row(0, "single", 2.0), row(0, "split", 1.0)),
        *(row(1, "single", 2.0), row(1, "split", 4.0, steps=5)),
        row(2, "single", 99.0),
    ]
    found = inference(rows)
    assert (found["sessions"], found["sessions of equal ways"]) == (2, 1)
    assert (found["ratio"], found["median ratio"], found["ratio of equal ways"]) == (1.25, 1.25, 0.5)
    assert found["split"]["prompt tokens"] == 300
    assert inference([]) == inference(rows[-1:]) == {}


def test_storage_is_that_of_the_files(tmp_path: Path) -> None:
    for name, size in {"base": 1000, "a": 10, "b": 20}.items():
        (tmp_path / name).write_bytes(b"x" * size)
    sizes = storage(tmp_path / "base", {"planner": tmp_path / "a", "caller": tmp_path / "b"})
    assert sizes == {"one full model": 1000, "three full models": 3000, "base and adapters": 1030}
    shared = dict.fromkeys(("planner", "caller", "summarizer"), tmp_path / "a")
    assert storage(tmp_path / "base", shared)["base and adapters"] == 1010


def test_training_is_read_from_progress_and_memory_only_where_it_was_written(tmp_path: Path) -> None:
    report = {"steps": 1, "seconds": 120.0, "tokens": 600, "targets": 9, "losses": {"planner": 0.5}}
    for name, more in {"backbone": {}, "planner": {"peak_memory_bytes": 7}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "progress.jsonl").write_text(json.dumps(report | more) + '\n{"torn')
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "progress.jsonl").write_text("")
    stages = {stage["stage"]: stage for stage in training(tmp_path)}
    assert set(stages) == {"backbone", "planner"}
    assert (stages["backbone"]["minutes"], stages["backbone"]["tokens per second"]) == (2.0, 5.0)
    assert "peak_memory_bytes" not in stages["backbone"]
    assert stages["planner"]["peak_memory_bytes"] == 7
    assert stages["planner"]["curve"] == [[600, {"planner": 0.5}]]


@pytest.mark.model
@pytest.mark.timeout(600)
def test_a_single_model_reads_each_word_once(smollm2: Path, gguf_adapters: Mapping[str, Path]) -> None:
    """One sequence: what comes after the first plan was read already, but for what is new."""
    scenarios = draw_scenarios(40, held_out=True, config=ScenarioConfig(own_names=0, broken=0))

    async def played(scenario: Any) -> Any:
        single = open_single_model(smollm2, gguf_adapters["planner"], dialect="umi", threads=1)
        async with single as agent:
            first, second = SingleAgent(agent), SingleAgent(agent)
            await roll_out(scenario, first)
            return await roll_out(scenario, second), second.plans

    # The adapters are random: the first scenario in which their words happen to decide something.
    rollout, plans = next(
        (rollout, plans)
        for rollout, plans in (asyncio.run(played(scenario)) for scenario in scenarios)
        if plans
    )
    assert len(plans) == rollout.totals.steps >= 1
    usage = rollout.totals.planner
    # The same session again: nothing of its prompts is new but the last token of each.
    assert usage.prompt_tokens - usage.cached_tokens <= len(plans)


@pytest.mark.model
@pytest.mark.timeout(600)
def test_the_command_plays_both_agents(
    smollm2: Path, gguf_adapters: Mapping[str, Path], tmp_path: Path
) -> None:
    for role in ("planner", "caller", "summarizer"):
        (tmp_path / f"{role}.gguf").symlink_to(gguf_adapters["planner"])
    out = tmp_path / "cost.jsonl"
    arguments = ["--model", str(smollm2), "--adapters", str(tmp_path), "--count", "1", "--own-names", "0"]
    adapter = ["--single", str(gguf_adapters["summarizer"]), "--out", str(out), "--json"]
    result = CliRunner().invoke(command, [*arguments, *adapter], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["inference"]["sessions"] == 1
    assert found["inference"]["split"]["bytes out"] > 0 == found["inference"]["single"]["bytes out"]
    assert found["storage"]["base and adapters"] < found["storage"]["three full models"]
