"""Export: the adapters of a run as llama.cpp reads them; needs no PyTorch."""

from collections.abc import Iterator
from pathlib import Path

from umi_cloud.adapters import peft_to_gguf
from umi_cloud.episodes import Role
from umi_cloud.glpft.recipe import Recipe
from umi_shared.errors import ModelError
from umi_shared.models import ModelStore

__all__ = ["export_adapters"]


def export_adapters(recipe: Recipe, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write `<role>.gguf` in float16 for each role; one without a stage of its own so far gets what it starts from.

    Raises `ModelError` when not even that is trained yet.
    """
    base = ModelStore.local().path_of(recipe.base)
    folder.mkdir(parents=True, exist_ok=True)
    for role in (Role.PLANNER, Role.CALLER, Role.SUMMARIZER):
        out = folder / f"{role}.gguf"
        peft_to_gguf(_newest(recipe, role), base, out, half=True)
        yield role, out


def _newest(recipe: Recipe, role: Role) -> Path:
    """The adapter of the last stage so far that trained this role."""
    for stage in reversed(recipe.stages):
        adapter = recipe.adapter_of(stage.name)
        if role in stage.roles and (adapter / "adapter_config.json").exists():
            return adapter
    raise ModelError(
        f"no stage of the recipe {recipe.name!r} has trained the {role} yet",
        fix="run it without --export first",
    )
