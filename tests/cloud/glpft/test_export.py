"""The export of a run: roles whose weights are the same share a file, and the folder says which is whose."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from umi_cloud.episodes import Role
from umi_cloud.glpft.export import export_adapters
from umi_cloud.glpft.recipe import Recipe, Stage, Tuning
from umi_shared.adapter_folder import adapters_in
from umi_shared.errors import ConfigError, ModelError
from umi_shared.settings import SettingError

pytest.importorskip("gguf", reason="adapters are written with gguf")
load_file = pytest.importorskip("safetensors.numpy", reason="adapters are kept in safetensors").load_file
ALL = (Role.PLANNER, Role.CALLER, Role.SUMMARIZER)


def a_recipe(tmp_path: Path, *stages: Stage, tuning: Tuning = Tuning.LORA) -> Recipe:
    return Recipe(
        name="r",
        base=str(tmp_path / "base"),
        episodes=tmp_path / "episodes.jsonl",
        output=tmp_path / "out",
        tuning=tuning,
        stages=stages,
    )


def a_stage(name: str, *roles: Role) -> Stage:
    return Stage(name=name, roles=roles, learning_rate=0.1, epochs=1)


@pytest.fixture
def trained(tmp_path: Path, make_peft: Callable[..., Path]) -> Callable[..., Recipe]:
    """A recipe over a base of SmolLM2's shape, whose stages have each left an adapter of their own."""
    base = tmp_path / "base"
    base.mkdir()
    shape = '{"model_type":"llama","num_hidden_layers":30,"num_attention_heads":9,"num_key_value_heads":3}'
    (base / "config.json").write_text(shape)

    def train(*stages: Stage) -> Recipe:
        recipe = a_recipe(tmp_path, *stages)
        for number, stage in enumerate(stages):
            make_peft(recipe.result_of(stage.name), seed=number, rank=1)
        return recipe

    return train


def test_one_adapter_for_all_roles_is_written_once(trained: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = trained(a_stage("planner", Role.PLANNER), a_stage("last", *ALL))
    folder = tmp_path / "gguf"
    written = export_adapters(recipe, folder)
    assert set(written) == set(ALL)
    assert {path.name for path in folder.iterdir()} == {"umi.gguf", "adapters.json"}
    assert adapters_in(folder) == written


def test_a_role_with_a_stage_of_its_own_has_a_file_of_its_own(
    trained: Callable[..., Recipe], tmp_path: Path
) -> None:
    recipe = trained(a_stage("all", *ALL), a_stage("caller", Role.CALLER))
    folder = tmp_path / "gguf"
    written = export_adapters(recipe, folder)
    assert {role: path.name for role, path in written.items()} == {
        "planner": "planner-summarizer.gguf",
        "caller": "caller.gguf",
        "summarizer": "planner-summarizer.gguf",
    }
    assert written["planner"].read_bytes() != written["caller"].read_bytes()
    assert adapters_in(folder) == written


def test_an_earlier_export_of_other_files_does_not_get_in_the_way(
    trained: Callable[..., Recipe], tmp_path: Path
) -> None:
    """Neither one without a manifest, as older versions wrote it, nor one whose roles shared other files."""
    recipe = trained(*(a_stage(role, role) for role in ALL))
    folder = tmp_path / "gguf"
    written = export_adapters(recipe, folder)
    assert {path.name for path in written.values()} == {f"{role}.gguf" for role in ALL}
    (folder / "adapters.json").unlink()
    shutil.copy(folder / "planner.gguf", folder / "mine.gguf")
    shared = trained(a_stage("all", *ALL))
    assert adapters_in(folder) == written
    assert export_adapters(shared, folder) == adapters_in(folder) == dict.fromkeys(ALL, folder / "umi.gguf")
    assert {path.name for path in folder.iterdir()} == {"umi.gguf", "adapters.json", "mine.gguf"}
    assert export_adapters(recipe, folder) == adapters_in(folder)


def test_what_is_not_trained_or_no_adapter_is_not_exported(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    with pytest.raises(ModelError, match="has trained the planner yet"):
        export_adapters(a_recipe(tmp_path, a_stage("all", *ALL)), tmp_path / "gguf")
    with pytest.raises(ConfigError, match="tunes whole models"):
        export_adapters(a_recipe(tmp_path, a_stage("all", *ALL), tuning=Tuning.FULL), tmp_path / "gguf")
    assert not (tmp_path / "gguf").exists()


def test_the_mean_of_stages_is_exported_for_all_roles(trained: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = trained(a_stage("one", *ALL), a_stage("two", *ALL))
    mean = replace(recipe, averaged={"one": 0.75, "two": 0.25})
    written = export_adapters(mean, tmp_path / "gguf")
    assert {path.name for path in written.values()} == {"umi.gguf"}
    one, two = (load_file(recipe.result_of(name) / "adapter_model.safetensors") for name in ("one", "two"))
    got = load_file(recipe.output / "averaged/adapter_model.safetensors")
    assert set(got) == set(one)
    for name, matrix in got.items():
        np.testing.assert_allclose(matrix, 0.75 * one[name] + 0.25 * two[name], rtol=1e-6)
    assert any((one[name] != two[name]).any() for name in got)


def test_what_cannot_be_averaged_is_refused(
    trained: Callable[..., Recipe], make_peft: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = trained(a_stage("one", *ALL), a_stage("two", *ALL))
    for averaged, why in (
        ({"one": 0.5, "three": 0.5}, "no stage 'three'"),
        ({"one": 0.5, "two": 0.6}, "sum to 1"),
        ({"one": 1.5, "two": -0.5}, "sum to 1"),
    ):
        with pytest.raises(SettingError, match=why):
            replace(recipe, averaged=averaged)
    with pytest.raises(SettingError, match="has not trained all roles"):
        replace(recipe, stages=(a_stage("one", Role.PLANNER),), averaged={"one": 1.0})
    halves = replace(recipe, averaged={"one": 0.5, "two": 0.5})
    make_peft(recipe.result_of("two"), seed=3, rank=2)
    with pytest.raises(ModelError, match="other ranks"):
        export_adapters(halves, tmp_path / "gguf")
    shutil.rmtree(recipe.result_of("two"))
    with pytest.raises(ModelError, match="no adapter in"):
        export_adapters(halves, tmp_path / "gguf")
