"""Resuming: a run that was killed at any moment ends with the weights of one that was not."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from umi_cloud.glpft import Recipe, read_recipe
from umi_cloud.glpft.checkpoints import Checkpoints
from umi_cloud.glpft.distributed import ProcessGroup
from umi_cloud.glpft.progress import Progress, ProgressFile
from umi_cloud.glpft.run import run_recipe

pytest.importorskip("torch", reason="training needs PyTorch")
pytestmark = [pytest.mark.timeout(400), pytest.mark.filterwarnings("ignore")]

STAGES = [{"name": "all", "roles": ["planner", "caller"], "learning_rate": 0.01, "tokens": 12_000}]


class Quiet:
    def loads(self, *_: Any) -> None:
        pass

    progresses = finishes = loads


def weights(recipe: Recipe) -> dict[str, Any]:
    from safetensors.torch import load_file

    (file,) = recipe.result_of("all").glob("*.safetensors")
    return load_file(file)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    import torch

    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def recipe(write_recipe: Callable[..., Path]) -> Recipe:
    return read_recipe(write_recipe(stages=STAGES, save_minutes=0))


def test_a_run_that_was_killed_ends_as_one_that_was_not(recipe: Recipe, write_recipe: Callable[..., Path]):
    """Killed with SIGKILL twice, at moments of chance, by another process that it knows nothing of."""
    whole = replace(recipe, output=recipe.output.with_name("whole"))
    run_recipe(whole, Quiet())
    path = write_recipe(stages=STAGES, save_minutes=0)
    command = [sys.executable, "-m", "umi_cloud", "glpft", "--recipe", str(path)]
    checkpoints = Checkpoints(recipe.output / "all" / "checkpoints")
    for steps in (3, 12):
        process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE)
        while (newest := checkpoints.newest()) is None or newest.progress.steps < steps:
            assert process.poll() is None, process.stderr.read()[-2000:]
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    run_recipe(recipe, Quiet())
    assert same(weights(recipe), weights(whole))
    steps = [report.steps for report in ProgressFile(recipe.output / "all" / "progress.jsonl").read()]
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("part", ["weights", "optimizer", "note", "old"])
def test_a_crash_while_a_checkpoint_is_written_loses_that_one_only(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, part: str
):
    import torch

    whole = replace(recipe, output=recipe.output.with_name("whole"))
    run_recipe(whole, Quiet())

    class CrashError(Exception):
        pass

    def after(times: int, real: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal times
            times -= 1
            if times < 0:
                raise CrashError
            return real(*args, **options)

        return call

    match part:
        case "weights":
            monkeypatch.setattr(ProcessGroup, "publish", after(5, ProcessGroup.publish))
        case "optimizer":
            monkeypatch.setattr(torch, "save", after(5, torch.save))
        case "note":
            monkeypatch.setattr(Path, "rename", after(5, Path.rename))
        case "old":
            monkeypatch.setattr(shutil, "rmtree", after(14, shutil.rmtree))
    with pytest.raises(CrashError):
        run_recipe(recipe, Quiet())
    monkeypatch.undo()
    newest = Checkpoints(recipe.output / "all" / "checkpoints").newest()
    assert newest is not None
    assert newest.progress.steps >= 4
    run_recipe(recipe, Quiet())
    assert same(weights(recipe), weights(whole))


def test_a_run_goes_on_from_any_checkpoint_that_was_kept(recipe: Recipe):
    kept = replace(recipe, keep_checkpoints=0)
    run_recipe(kept, Quiet())
    end = weights(kept)
    folders = sorted((recipe.output / "all" / "checkpoints").iterdir())
    assert len(folders) > 10
    for folder in folders[5:]:
        shutil.rmtree(folder)
    shutil.rmtree(recipe.result_of("all"))
    (recipe.output / "all" / "result.json").unlink()
    run_recipe(kept, Quiet())
    assert same(weights(kept), end)


def test_old_checkpoints_are_removed(recipe: Recipe):
    run_recipe(recipe, Quiet())
    assert len(list((recipe.output / "all" / "checkpoints").iterdir())) == recipe.keep_checkpoints


def test_reports_past_the_checkpoint_are_forgotten_and_torn_lines_too(tmp_path: Path):
    file = ProgressFile(tmp_path / "progress.jsonl")
    for steps in (5, 10, 15):
        file.append(Progress(steps=steps))
    with file.path.open("a") as torn:
        torn.write('{"steps": 2')
    file.forget_after(10)
    file.append(Progress(steps=15))
    assert [report.steps for report in file.read()] == [5, 10, 15]


def test_a_folder_of_an_earlier_version_is_not_overwritten(recipe: Recipe):
    from umi_shared.errors import ConfigError

    (recipe.output / "all").mkdir(parents=True)
    (recipe.output / "all" / "checkpoint.json").write_text("{}")
    with pytest.raises(ConfigError, match="earlier version"):
        run_recipe(recipe, Quiet())
