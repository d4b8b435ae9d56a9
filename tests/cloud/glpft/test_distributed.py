"""Several processes: the same training as one of them, and the configurations that operators start it with."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from umi_cloud.glpft import read_recipe
from umi_cloud.glpft.distributed import ProcessGroup
from umi_cloud.glpft.run import StageResult, run_recipe
from umi_shared.errors import ConfigError

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("accelerate")
pytestmark = [pytest.mark.timeout(400), pytest.mark.filterwarnings("ignore")]

CONFIGS = Path(__file__).parents[3] / "cloud" / "recipes" / "accelerate"


class Quiet:
    def loads(self, *_: Any) -> None:
        pass

    progresses = finishes = loads


def stages(rate: float) -> list[dict[str, Any]]:
    return [{"name": "all", "roles": ["planner", "caller"], "learning_rate": rate, "tokens": 8_000}]


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_two_processes_train_as_one_does(write_recipe: Callable[..., Path], tmp_path: Path, tuning: str):
    """Two processes of one pass a step, against one process of two: the same passes, gradients and weights."""
    import torch
    from safetensors.torch import load_file

    shared = {
        "tuning": tuning,
        "stages": stages(0.01),
        "layout": "rows",
        "held_out": str(tmp_path / "episodes.jsonl"),
    }
    path = write_recipe(output=str(tmp_path / "two"), chunks_per_step=1, save_minutes=0, **shared)
    launch = ["-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / "data_parallel.yaml")]
    launch += ["--num_processes", "2", "--main_process_port", "0"]
    subprocess.run(
        [sys.executable, *launch, "-m", "umi_cloud", "glpft", "--recipe", str(path), "--json"],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        timeout=300,
    )
    run_recipe(read_recipe(write_recipe(output=str(tmp_path / "one"), chunks_per_step=2, **shared)), Quiet())

    found = [StageResult.read(tmp_path / name / "all") for name in ("one", "two")]
    assert found[0].progress.steps == found[1].progress.steps
    assert found[0].progress.tokens == found[1].progress.tokens
    assert found[0].progress.losses == pytest.approx(found[1].progress.losses, rel=1e-3)
    assert found[0].held_out == pytest.approx(found[1].held_out, rel=1e-3)
    files = [next((tmp_path / name / "all").glob("[am]*/*.safetensors")) for name in ("one", "two")]
    one, two = map(load_file, files)
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], atol=2e-3) for name in one)
    assert len(list((tmp_path / "two" / "all" / "checkpoints").iterdir())) == 2


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_each_configuration(path: Path):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(path))
    assert config.mixed_precision == "no"  # the recipe says it
    assert config.num_processes > 1
    match path.stem:
        case "fsdp":
            assert str(config.distributed_type).endswith("FSDP")
            assert config.fsdp_config["fsdp_version"] == 2
        case "deepspeed":
            assert str(config.distributed_type).endswith("DEEPSPEED")
            recipe = read_recipe(CONFIGS.parent / "llama-7b.yaml")
            assert config.deepspeed_config["gradient_accumulation_steps"] == recipe.chunks_per_step
            assert config.deepspeed_config["gradient_clipping"] == recipe.clip_norm


def test_workers_side_by_side_are_refused_where_there_are_processes():
    class Two:
        num_processes = 2

    with pytest.raises(ConfigError, match="`workers` above 1"):
        ProcessGroup(Two(), workers=2)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_trainee_in_shards_computes_the_same_losses_and_gradients(
    write_recipe: Callable[..., Path], tuning: str
):
    """accelerate shards on GPUs only; this shards as it does there, by FSDP2, between two processes on a CPU."""
    path = write_recipe(tuning=tuning)
    script = str(Path(__file__).with_name("sharded.py"))
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [sys.executable, *launch, script, str(path)],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=300,
    )
