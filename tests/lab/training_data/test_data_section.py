"""A recipe makes its own data: by seeds and named switches, mixed the same each time."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from umi_cloud.episodes import read_episodes
from umi_cloud.glpft.recipe import read_recipe
from umi_lab.commands.data import command
from umi_lab.synthesis.switches import Switch, all_until
from umi_lab.training_data.data_section import Part, data_section, switches_of
from umi_shared.errors import ConfigError

RECIPES = Path(__file__).parents[3] / "cloud" / "recipes"
SECTION = {
    "made": {
        "a": {"seed": 1, "count": 2},
        "b": {"seed": 2, "count": 3, "until": "made_up_words", "own_names": 1.0},
    },
    "mixed": {
        "all": {"of": ["a", "b"], "seed": 4},
        "some": {"of": ["b", "all:2"], "seed": 5, "skip": 1, "take": 3},
    },
}
RECIPE = """
name: tiny
base: none.gguf
episodes: data/all.jsonl
output: out
stages: [{name: one, roles: [planner], learning_rate: 1.0e-3, tokens: 1}]
"""


def test_a_section_is_read_with_its_switches_and_parts() -> None:
    section = data_section(SECTION)
    assert section.made["b"].config.switches == {Switch.MORE_PHRASES, Switch.MADE_UP_WORDS}
    assert section.made["b"].config.own_names == 1.0
    assert section.mixed["some"].of == (Part("b"), Part("all", 2))


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"mode": {}},
        {"made": {"a": {"seed": 1}}},
        {"made": {"a": {"seed": 1, "count": 1, "until": "variety"}}},
        {"made": {"a": {"seed": 1, "count": 1, "loudness": 1}}},
        {"made": {}, "mixed": {"m": {"of": ["a"], "seed": 1}}},
        {"mixed": {"m": {"of": ["m"], "seed": 1}}},
    ],
)
def test_what_is_no_section_is_refused(section: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        data_section(section)


def test_mixing_keeps_every_line_and_the_same_seed_the_same_order() -> None:
    mixed = data_section(SECTION).mixed
    lines = [str(number) for number in range(20)]
    assert sorted(mixed["all"].mix(lines)) == sorted(lines)
    assert mixed["all"].mix(lines) == mixed["all"].mix(lines) != lines
    assert len(mixed["some"].mix(lines)) == 3


def test_one_command_makes_the_files_and_leaves_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(
        RECIPE + "data:\n  made:\n    a: {seed: 1, count: 2}\n    b: {seed: 2, count: 1}\n"
        "  mixed:\n    all: {of: [a, b], seed: 4}\n"
    )
    assert CliRunner().invoke(command, [str(recipe)], catch_exceptions=False).exit_code == 0
    made = {name: (tmp_path / "data" / f"{name}.jsonl").read_text() for name in ("a", "b", "all")}
    assert sorted(made["all"].splitlines()) == sorted((made["a"] + made["b"]).splitlines())
    assert len(list(read_episodes(tmp_path / "data/all.jsonl"))) == 3
    (tmp_path / "data/all.jsonl").unlink()
    (tmp_path / "data/a.jsonl").unlink()
    assert CliRunner().invoke(command, [str(recipe), "--only", "all"], catch_exceptions=False).exit_code == 0
    assert len((tmp_path / "data/all.jsonl").read_text().splitlines()) == 3
    (tmp_path / "data/b.jsonl").write_text("kept")
    assert CliRunner().invoke(command, [str(recipe), "--only", "b"]).exit_code == 0
    assert (tmp_path / "data/b.jsonl").read_text() == "kept"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("embedded*.yaml")), ids=lambda path: path.name)
def test_the_embedded_recipes_make_every_file_that_their_stages_read(path: Path) -> None:
    recipe = read_recipe(path)
    section = data_section(recipe.data)
    made = {f"{name}.jsonl" for name in (*section.made, *section.mixed)}
    read = {(stage.episodes or recipe.episodes).name for stage in recipe.stages}
    assert read <= made


def test_a_switch_stands_for_those_before_it() -> None:
    assert switches_of("questions", ()) == frozenset(Switch) - {Switch.ERRANDS, Switch.EVERYDAY}
    assert switches_of(None, ("composed_names",)) == {Switch.COMPOSED_NAMES}
    assert all_until(Switch.MORE_PHRASES) == {Switch.MORE_PHRASES}
