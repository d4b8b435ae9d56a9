"""Export: the adapters of a run as llama.cpp reads them; needs no PyTorch."""

from collections.abc import Iterator
from pathlib import Path

from umi_cloud.adapters import peft_to_gguf
from umi_cloud.episodes import Role
from umi_cloud.glpft.base_model import base_path
from umi_cloud.glpft.recipe import Recipe, Tuning
from umi_shared.errors import ConfigError, ModelError

__all__ = ["export_adapters", "newest_weights"]


def export_adapters(recipe: Recipe, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write `<role>.gguf` in float16 for each role; one without a stage of its own so far gets what it starts from.

    Raises `ModelError` when not even that is trained yet, `ConfigError` for models that were tuned whole.
    """
    if recipe.tuning is Tuning.FULL:
        raise ConfigError(
            f"{recipe.name} tunes whole models, which are no adapters",
            fix=f"serve {recipe.output}/STAGE/model with vLLM, or convert it with llama.cpp's convert_hf_to_gguf.py",
        )
    base = base_path(recipe.base)
    folder.mkdir(parents=True, exist_ok=True)
    for role in (Role.PLANNER, Role.CALLER, Role.SUMMARIZER):
        out = folder / f"{role}.gguf"
        peft_to_gguf(newest_weights(recipe, role), base, out, half=True)
        yield role, out


def newest_weights(recipe: Recipe, role: Role) -> Path:
    """The result of the last stage so far that trained this role, or the newest checkpoint of one that still runs."""
    for stage in reversed(recipe.stages):
        if role not in stage.roles and Role.BACKBONE not in stage.roles:
            continue
        checkpoints = sorted((recipe.output / stage.name / "checkpoints").glob("step-*/weights"))
        for place in (recipe.result_of(stage.name), *reversed(checkpoints)):
            if (place / "adapter_config.json").exists():
                return place
    raise ModelError(
        f"no stage of the recipe {recipe.name!r} has trained the {role} yet",
        fix="run it without --export first",
    )
