"""A whole run of a recipe: stages one from the other, both layouts, both tunings, and what it writes."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from umi_cloud.cli import umi_cloud
from umi_cloud.glpft import Progress, Recipe, Stage, read_recipe
from umi_cloud.glpft.run import StageResult, run_recipe
from umi_shared.adapter_folder import adapters_in
from umi_shared.errors import ConfigError, ModelError

pytest.importorskip("torch", reason="training needs PyTorch")
load_file = pytest.importorskip("safetensors.numpy", reason="adapters are kept in safetensors").load_file
pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, dict[str, float]]] = []
        self.done: dict[str, StageResult] = {}

    def loads(self, stage: Stage, what: str) -> None:
        pass

    def progresses(self, stage: Stage, progress: Progress) -> None:
        self.reports.append((stage.name, dict(progress.losses)))

    def finishes(self, stage: Stage, result: StageResult) -> None:
        self.done[stage.name] = result


def train(recipe: Recipe, *only: str) -> Watcher:
    watcher = Watcher()
    run_recipe(recipe, watcher, only)
    return watcher


@pytest.mark.parametrize(
    "changes",
    [
        {"layout": "tree"},
        {"layout": "rows", "workers": 2},
        {"layout": "rows", "tuning": "full", "recompute": True},
        {"layout": "tree", "tuning": "full", "precision": "bfloat16"},
        {"layout": "rows", "precision": "bfloat16"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_losses_fall_and_a_later_stage_goes_on_from_the_earlier(
    write_recipe: Callable[..., Path], changes: Any
):
    rate = {"learning_rate": 0.01 if changes.get("tuning") == "full" else 0.02}
    stages = [
        {"name": "all", "roles": ["planner", "caller", "summarizer"], "tokens": 20000, **rate},
        {"name": "caller", "start": "all", "roles": ["caller"], "epochs": 2, **rate},
    ]
    recipe = read_recipe(write_recipe(stages=stages, **changes))
    watcher = train(recipe)
    first = watcher.reports[0][1]
    last = watcher.done["all"].progress.losses
    assert set(first) == {"planner", "caller", "summarizer"}
    assert all(last[role] < 0.7 * first[role] for role in first), (first, last)
    then = watcher.done["caller"].progress
    assert then.losses["caller"] < 0.7 * first["caller"]
    assert 2 <= then.epochs < 2.5
    assert then.peak_memory_bytes > 50_000_000  # PyTorch alone takes more
    assert (recipe.result_of("caller") / "config.json").exists() == (recipe.tuning == "full")


@pytest.mark.parametrize("layout", ["tree", "rows"])
def test_a_loss_that_is_no_number_ends_the_run_and_what_was_saved_before_stays(
    write_recipe: Callable[..., Path], layout: str
):
    stage = {"name": "all", "roles": ["planner"], "tokens": 20000, "learning_rate": 1e30}
    recipe = read_recipe(write_recipe(stages=[stage], layout=layout, save_minutes=0, keep_checkpoints=0))
    with pytest.raises(ModelError, match=r"not a finite number at step \d+ .* step \d+ is saved") as raised:
        train(recipe)
    assert "learning rate" in raised.value.fix
    assert not recipe.result_of("all").exists()
    saved = sorted((recipe.output / "all" / "checkpoints").iterdir())
    assert saved
    reports = [json.loads((folder / "progress.json").read_text("utf-8")) for folder in saved]
    assert all(math.isfinite(loss) for report in reports for loss in report["losses"].values())


def test_a_stage_that_is_done_is_passed_over(write_recipe: Callable[..., Path]):
    recipe = read_recipe(write_recipe())
    train(recipe, "all")
    before = (recipe.output / "all" / "result.json").stat().st_mtime_ns
    watcher = train(recipe)
    assert set(watcher.done) == {"all", "caller"}
    assert {name for name, _ in watcher.reports} == {"caller"}
    assert (recipe.output / "all" / "result.json").stat().st_mtime_ns == before


def test_a_stage_goes_on_from_the_mean_of_adapters(write_recipe: Callable[..., Path]):
    all_roles = {"roles": ["planner", "caller", "summarizer"], "learning_rate": 0.01, "tokens": 1500}
    stages = [
        {"name": "one", **all_roles},
        {"name": "two", **all_roles, "start": "one"},
        {"name": "both", **all_roles, "averaged": {"one": 0.25, "two": 0.75}},
    ]
    recipe = read_recipe(write_recipe(stages=stages))
    train(recipe)
    weights = "adapter_model.safetensors"
    one, two = (load_file(recipe.result_of(name) / weights) for name in ("one", "two"))
    begun = load_file(recipe.output / "both" / "start" / weights)
    for name, matrix in begun.items():
        np.testing.assert_allclose(matrix, 0.25 * one[name] + 0.75 * two[name], rtol=1e-5)
    assert recipe.result_of("both").exists()


def test_a_stage_cannot_start_from_one_that_is_not_done(write_recipe: Callable[..., Path]):
    recipe = read_recipe(write_recipe())
    with pytest.raises(ConfigError, match="'all', which is not done"):
        train(recipe, "caller")
    with pytest.raises(ConfigError, match="no stage planer"):
        train(recipe, "planer")


def test_the_loss_on_held_out_episodes_is_measured_by_role(
    write_recipe: Callable[..., Path], small_episodes: Path
):
    stages = [{"name": "one", "roles": ["backbone"], "learning_rate": 0.02, "tokens": 20000}]
    watcher = train(read_recipe(write_recipe(stages=stages, held_out=str(small_episodes))))
    result = watcher.done["one"]
    assert set(result.progress.losses) == {"backbone"}
    assert set(result.held_out) == {"planner", "caller", "summarizer"}
    assert all(0 < loss < 4.5 for loss in result.held_out.values())  # 5.7 before: these it was trained on


def test_a_part_of_the_episodes_is_all_that_a_stage_sees(write_recipe: Callable[..., Path]):
    stage = {"name": "half", "roles": ["planner"], "learning_rate": 0.01, "epochs": 1, "part": [0.5, 1.0]}
    whole = stage | {"name": "whole", "part": [0, 1]}
    recipe = read_recipe(write_recipe(stages=[stage, whole], layout="rows", chunks_per_step=1))
    done = train(recipe).done
    assert 2 * done["half"].progress.targets == done["whole"].progress.targets


def test_rows_over_the_limit_lose_their_beginning(write_recipe: Callable[..., Path]):
    stage = {"name": "cut", "roles": ["planner"], "learning_rate": 0.01, "epochs": 1}
    recipe = read_recipe(write_recipe(stages=[stage], layout="rows", max_tokens=80))
    done = train(recipe).done["cut"].progress
    assert done.tokens == 24 * 80
    assert done.losses["planner"] > 0


def test_a_dialect_whose_end_of_turn_the_base_does_not_have_is_refused(
    write_recipe: Callable[..., Path], tiny_base: Path, tmp_path: Path
):
    from transformers import AutoTokenizer

    other = tmp_path / "other"
    other.mkdir()
    for file in tiny_base.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    renamed = json.dumps(tokenizer).replace("<|im_end|>", "<|over|>")
    (other / "tokenizer.json").write_text(renamed)
    (other / "special_tokens_map.json").unlink(missing_ok=True)
    config = (other / "tokenizer_config.json").read_text().replace("<|im_end|>", "<|over|>")
    (other / "tokenizer_config.json").write_text(config)
    assert AutoTokenizer.from_pretrained(other)
    with pytest.raises(ConfigError, match=r"no token '<\|im_end\|>'"):
        train(read_recipe(write_recipe(base=str(other))))


def test_a_base_that_is_not_there_is_named(write_recipe: Callable[..., Path], tmp_path: Path):
    with pytest.raises(ModelError, match="no base model at"):
        train(read_recipe(write_recipe(base=str(tmp_path / "none"))))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="empty"):
        train(read_recipe(write_recipe(base=str(tmp_path / "empty"))))


def test_the_command_reports_as_json_and_draws_the_curves(write_recipe: Callable[..., Path], tmp_path: Path):
    pytest.importorskip("matplotlib")
    path = write_recipe()
    result = CliRunner().invoke(umi_cloud, ["glpft", "--recipe", str(path), "--seed", "7", "--json"])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["stage"] for row in rows if row["event"] == "done"] == ["all", "caller"]
    progress = next(row for row in rows if row["event"] == "progress")
    assert progress["tokens_per_second"] > 0
    assert progress["seed"] == 7
    assert set(progress["losses"]) == {"planner", "caller", "summarizer"}
    picture = (tmp_path / "out" / "seed-7" / "losses.svg").read_text()
    assert picture.count("<svg") == 1
    kept = (tmp_path / "out" / "seed-7" / "all" / "progress.jsonl").read_text().splitlines()
    assert len(kept) == sum(row["event"] == "progress" and row["stage"] == "all" for row in rows)


def test_the_command_without_a_terminal_writes_lines(write_recipe: Callable[..., Path]):
    pytest.importorskip("matplotlib")
    result = CliRunner().invoke(umi_cloud, ["glpft", "--recipe", str(write_recipe()), "--stage", "all"])
    assert result.exit_code == 0, result.output
    assert "tiny/1 all: done" in result.output
    assert "/s  caller" in result.output


def test_what_was_trained_is_exported_to_gguf_and_comes_back_for_vllm(
    write_recipe: Callable[..., Path], tmp_path: Path
):
    """Over a Hugging Face folder; a role without a stage of its own gets what all were trained to."""
    pytest.importorskip("gguf")
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from umi_cloud.adapters import gguf_to_peft

    path = write_recipe()
    recipe = read_recipe(path)
    export = ["glpft", "--recipe", str(path), "--export", str(tmp_path / "gguf")]
    assert "has trained the planner yet" in str(CliRunner().invoke(umi_cloud, export).exception)
    train(recipe)
    result = CliRunner().invoke(umi_cloud, export)
    assert result.exit_code == 0, result.output
    files = adapters_in(tmp_path / "gguf")
    assert {role: path.name for role, path in files.items()} == {
        "planner": "planner-summarizer.gguf",
        "caller": "caller.gguf",
        "summarizer": "planner-summarizer.gguf",
    }
    assert files["planner"].read_bytes() != files["caller"].read_bytes()

    gguf_to_peft(files["caller"], Path(recipe.base), tmp_path / "back")
    logits = []
    for folder in (recipe.result_of("caller"), tmp_path / "back"):
        model = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(recipe.base), str(folder)
        ).eval()
        with torch.no_grad():
            logits.append(model(input_ids=torch.arange(3, 40)[None]).logits)
            with model.disable_adapter():
                plain = model(input_ids=torch.arange(3, 40)[None]).logits
    assert (logits[0] - plain).abs().max() > 0.5
    assert (logits[0] - logits[1]).abs().max() < 0.02  # the file is in float16


def test_a_stage_goes_on_from_an_exported_adapter(write_recipe: Callable[..., Path], tmp_path: Path):
    pytest.importorskip("gguf")
    path = write_recipe()
    first = train(read_recipe(path), "all").reports[0][1]
    export = ["glpft", "--recipe", str(path), "--export", str(tmp_path / "gguf")]
    assert CliRunner().invoke(umi_cloud, export).exit_code == 0
    start = str(adapters_in(tmp_path / "gguf")["planner"])
    stages = [{"name": "more", "start": start, "roles": ["planner"], "learning_rate": 0.001, "epochs": 1}]
    watcher = train(read_recipe(write_recipe(stages=stages, output=str(tmp_path / "more"))))
    assert watcher.reports[0][1]["planner"] < 0.7 * first["planner"]


def test_a_model_that_was_tuned_whole_is_no_adapter(write_recipe: Callable[..., Path], tmp_path: Path):
    path = write_recipe(tuning="full")
    said = CliRunner().invoke(umi_cloud, ["glpft", "--recipe", str(path), "--export", str(tmp_path / "gguf")])
    assert "tunes whole models" in str(said.exception)
