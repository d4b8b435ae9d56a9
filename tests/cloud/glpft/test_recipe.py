"""Recipes: read whole, or refused with what is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from umi_cloud.episodes import Role
from umi_cloud.glpft import read_recipe, recipe_files
from umi_shared.errors import ConfigError

RECIPES = Path(__file__).parents[3] / "cloud" / "recipes"
ABLATION = recipe_files(RECIPES / "ablation")
RECIPE = """
name: small
base: model.gguf
episodes: train.jsonl
output: out
stages:
  - {name: backbone, roles: [planner, caller, summarizer], learning_rate: 1.0e-3, minutes: 1}
  - {name: planner, start: backbone, roles: [planner], learning_rate: 5.0e-4, tokens: 1000}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_recipe_says_what_each_stage_trains_and_from_what(tmp_path: Path):
    recipe = read_recipe(write(tmp_path, RECIPE))
    assert [stage.name for stage in recipe.stages] == ["backbone", "planner"]
    assert recipe.stages[1].start == "backbone"
    assert recipe.stages[0].roles == (Role.PLANNER, Role.CALLER, Role.SUMMARIZER)
    assert recipe.rank == 16


def test_an_adapter_alone_starts_from_a_file_of_weights(tmp_path: Path):
    text = RECIPE.replace("start: backbone", "start: umi.gguf")
    assert read_recipe(write(tmp_path, text)).stages[1].starts_from_file
    with pytest.raises(ConfigError, match="only adapters start from a GGUF file"):
        read_recipe(write(tmp_path, text.replace("base: model.gguf", "base: model.gguf\ntuning: full")))


def test_a_stage_starts_from_the_mean_of_earlier_ones_that_trained_all_roles(tmp_path: Path):
    mean = RECIPE.replace("start: backbone", "averaged: {backbone: 1}")
    assert read_recipe(write(tmp_path, mean)).stages[1].averaged == {"backbone": 1}
    for old, new, said in (
        ("averaged: {backbone: 1}", "averaged: {planner: 1}", "there is no stage 'planner' to average"),
        ("averaged:", "start: backbone, averaged:", "two beginnings"),
        ("[planner, caller, summarizer]", "[planner]", "'backbone' has not trained all roles"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_recipe(write(tmp_path, mean.replace(old, new)))


@pytest.mark.parametrize("path", [*sorted(RECIPES.glob("*.yaml")), *ABLATION])
def test_every_recipe_of_the_repository_can_be_read(path: Path):
    assert read_recipe(path).stages


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("start: backbone", "start: nothing", "stage 2 starts from one that no earlier stage makes"),
        ("roles: [planner],", "roles: [painter],", r"yaml:8: `roles` is one of planner, caller"),
        ("tokens: 1000", "warmup: 0.5", r"yaml:8: this stage has no end"),
        ("tokens: 1000", "epochs: 1, part: [0.5, 0.2]", r"yaml:8: `part` is not a part"),
        ("name: planner", "name: backbone", "stage 2 has the name of an earlier one"),
        ("base: model.gguf", "base: model.gguf\ntuning: half", "`tuning` is one of lora, full"),
        (
            "base: model.gguf",
            "base: model.gguf\nlayout: rows\ncpu_kernels: true",
            r"yaml:5: `cpu_kernels` is for `tuning: lora`",
        ),
        ("base: model.gguf", "base: model.gguf\nlayout: heap", "`layout` is one of tree, rows"),
        ("base: model.gguf", "base: model.gguf\nprecision: int8", "`precision` is one of float32"),
        ("base: model.gguf", "", "`base` is missing here"),
        (
            "name: small",
            "name: small\nrnak: 4",
            r"yaml:3: no setting is called `rnak`\nFix: did you mean `rank`",
        ),
    ],
)
def test_what_is_wrong_with_a_recipe_is_named(tmp_path: Path, old: str, new: str, said: str):
    with pytest.raises(ConfigError, match=said):
        read_recipe(write(tmp_path, RECIPE.replace(old, new)))


def test_the_arms_of_the_ablation_differ_in_their_stages_alone():
    """Equal budgets, so that what is compared is the way of training."""
    arms = [read_recipe(path) for path in ABLATION]
    assert len(arms) == 5
    assert {sum(stage.tokens for stage in arm.stages) for arm in arms} == {150_000}
    shared = [replace(arm, name="", output=Path(), stages=()) for arm in arms]
    assert all(one == shared[0] for one in shared)
    assert {arm.output.name for arm in arms} == {path.stem for path in ABLATION}


def test_instructions_are_used_again_or_not():
    """The one difference between the two arms of GLPFT (the paper's section 4.4)."""
    again, fresh = (read_recipe(RECIPES / "ablation" / f"{name}.yaml") for name in ("glpft", "glpft-fresh"))
    assert {stage.part for stage in again.stages} == {(0.0, 0.5)}
    assert [stage.part for stage in fresh.stages] == [(0.0, 0.5), *[(0.5, 1.0)] * 3]


def test_the_recipe_for_operators_has_the_papers_hyperparameters():
    stages = {stage.name: stage for stage in read_recipe(RECIPES / "llama-7b.yaml").stages}
    found = {name: (stage.learning_rate, stage.epochs) for name, stage in stages.items()}
    assert found == {
        "backbone": (5e-5, 2),
        "planner": (1e-5, 1),
        "caller": (1e-5, 1),
        "summarizer": (1e-5, 2),
    }
    assert read_recipe(RECIPES / "llama-7b.yaml").max_tokens == 4096


def test_a_folder_without_recipes_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="holds no recipe"):
        recipe_files(tmp_path)
