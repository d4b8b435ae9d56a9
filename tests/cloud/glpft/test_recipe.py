"""Recipes: read whole, or refused with what is wrong."""

from pathlib import Path

import pytest

from umi_cloud.episodes import Role
from umi_cloud.glpft import read_recipe
from umi_shared.errors import ConfigError

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


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[3] / "cloud" / "recipes").glob("*.yaml")))
def test_every_recipe_of_the_repository_can_be_read(path: Path):
    assert read_recipe(path).stages


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("start: backbone", "start: nothing", "no earlier stage makes"),
        ("roles: [planner],", "roles: [painter],", "unknown role"),
        ("tokens: 1000", "skip: 0.5", "has no end"),
        ("base: model.gguf", "", "needs base"),
        ("name: small", "name: small\nrnak: 4", "unknown key 'rnak'"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_named(tmp_path: Path, old: str, new: str, said: str):
    with pytest.raises(ConfigError, match=said):
        read_recipe(write(tmp_path, RECIPE.replace(old, new)))
