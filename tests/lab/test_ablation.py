"""The ablation: figures with intervals, and arms measured through llama.cpp and the real runtime."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_cloud.glpft import Progress
from umi_cloud.glpft.run import StageResult
from umi_lab.ablation.arm import read_scores
from umi_lab.ablation.figures import ScenarioScore, arm_figures
from umi_lab.cli import umi_lab

RECIPE = """
name: {name}
base: {base}
episodes: none.jsonl
output: {output}
stages:
  - {{name: one, roles: [backbone], learning_rate: 1.0e-3, tokens: 10}}
"""


def scores(arm: str, right_of: Callable[[int, int], int]) -> list[ScenarioScore]:
    return [
        ScenarioScore(
            arm=arm,
            seed=seed,
            scenario=scenario,
            adapters="x",
            right={"planner: tool": (right_of(seed, scenario), 4)},
        )
        for seed in (1, 2, 3)
        for scenario in range(40)
    ]


def test_an_arm_that_is_better_on_every_scenario_is_told_from_chance():
    found = arm_figures([*scores("glpft", lambda *_: 3), *scores("single", lambda *_: 2)], "glpft")
    single = found["single"]["planner: tool"]
    assert (single["share"], single["seeds"]) == (0.5, [0.5, 0.5, 0.5])
    assert single["minus glpft"] == {"difference": -0.25, "interval": [-0.25, -0.25]}
    assert "minus glpft" not in found["glpft"]["planner: tool"]


def test_seeds_that_disagree_widen_the_interval():
    calm = arm_figures(scores("a", lambda _seed, scenario: scenario % 4), "a")["a"]["planner: tool"][
        "interval"
    ]
    wild = arm_figures(scores("a", lambda seed, _scenario: seed), "a")["a"]["planner: tool"]["interval"]
    assert calm[0] < 0.375 < calm[1]
    assert wild[1] - wild[0] > calm[1] - calm[0]


@pytest.mark.model
@pytest.mark.timeout(400)
def test_arms_are_measured_once_and_their_figures_written(smollm2: Path, make_peft, tmp_path: Path):
    """Random adapters over the real model: what it would do is wrong, and counted all the same."""
    pytest.importorskip("gguf")
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    for number, name in enumerate(("glpft", "single")):
        output = tmp_path / "out" / name
        (recipes / f"{name}.yaml").write_text(RECIPE.format(name=name, base=smollm2, output=output))
        make_peft(output / "seed-1" / "one" / "adapter", seed=number)
        StageResult(progress=Progress(tokens=5 + number, seconds=1), held_out={"planner": 2.0}).write(
            output / "seed-1" / "one"
        )
    kept, out = tmp_path / "scores.jsonl", tmp_path / "figures" / "ablation.json"
    arguments = ["ablation", "--recipe", str(recipes), "--seed", "1", "--seed", "2", "--scores", str(kept)]
    result = CliRunner().invoke(umi_lab, [*arguments, "--scenarios", "1", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "single, seed 2: not trained yet" in result.output
    figures = json.loads(out.read_text())["arms"]
    assert set(figures) == {"glpft", "single"}
    assert figures["single"]["tokens"] == [6]
    assert figures["single"]["held-out loss"] == [{"planner": 2.0}]
    assert "planner: next" in figures["glpft"]["right"]
    again = CliRunner().invoke(umi_lab, [*arguments, "--scenarios", "1"])
    assert again.exit_code == 0
    assert len(list(read_scores(kept))) == 2
    make_peft(
        tmp_path / "out" / "single" / "seed-1" / "one" / "adapter", seed=9
    )  # trained anew: measured anew
    CliRunner().invoke(umi_lab, [*arguments, "--scenarios", "1"])
    assert [score.arm for score in read_scores(kept)] == ["glpft", "single", "single"]
