"""Export: the adapters of a run as llama.cpp reads them; needs no PyTorch."""

from collections import defaultdict
from pathlib import Path

from umi_cloud.adapters import peft_to_gguf
from umi_cloud.episodes import Role
from umi_cloud.glpft.base_model import base_path
from umi_cloud.glpft.recipe import Recipe, Tuning
from umi_shared.adapter_folder import ROLES, write_manifest
from umi_shared.errors import ConfigError, ModelError

__all__ = ["export_adapters", "newest_weights"]


def export_adapters(recipe: Recipe, folder: Path) -> dict[str, Path]:
    """Write the roles' adapters in float16, with a list that says which file each role uses; returns that list.

    Where the recipe says so, it is the mean of several stages' adapters.

    Roles whose newest weights are the same share one file: `umi.gguf` where all do, else one named after them. A role
    whose own stage has not begun gets the stage it starts from. `<role>.gguf` files of an earlier export are removed.

    Raises `ModelError` when nothing is trained for a role yet, `ConfigError` for models that were tuned whole.
    """
    if recipe.tuning is Tuning.FULL:
        raise ConfigError(
            f"{recipe.name} tunes whole models and makes no adapters",
            fix=f"serve {recipe.output}/STAGE/model with vLLM, or convert it with llama.cpp's convert_hf_to_gguf.py",
        )
    base = base_path(recipe.base)
    sharing: defaultdict[Path, list[str]] = defaultdict(list)
    if recipe.averaged:
        sharing[recipe.average(recipe.averaged, recipe.output / "averaged")] = list(ROLES)
    else:
        for role in ROLES:
            sharing[newest_weights(recipe, Role(role))].append(role)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for weights, roles in sharing.items():
        out = folder / f"{'umi' if len(roles) == len(ROLES) else '-'.join(roles)}.gguf"
        peft_to_gguf(weights, base, out, half=True)
        written |= dict.fromkeys(roles, out)
    write_manifest(folder, written)
    for role in ROLES:
        if (earlier := folder / f"{role}.gguf") not in written.values():
            earlier.unlink(missing_ok=True)
    return written


def newest_weights(recipe: Recipe, role: Role) -> Path:
    """The result of the last stage that trained this role, or that stage's newest checkpoint if it is still running.

    Raises `ModelError` when no stage has trained the role yet.
    """
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
