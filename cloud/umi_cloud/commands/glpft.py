"""`umi-cloud glpft`: train the adapters of the three roles."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_shared.screen.output import say

if TYPE_CHECKING:
    from umi_cloud.glpft import Recipe

_TRAINING = ("torch", "transformers", "peft", "accelerate", "matplotlib")


@click.command(name="glpft")
@click.option(
    "--recipe",
    "paths",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    multiple=True,
    help="What to train, on what, for how long: a file, or a folder of them. May be given again.",
)
@click.option("--stage", "only", multiple=True, help="Train this stage of the recipe; may be given again.")
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    help="A seed in place of the recipe's, with its results in OUTPUT/seed-N; may be given again, for several runs.",
)
@click.option(
    "--export",
    type=click.Path(file_okay=False, path_type=Path),
    help="Train nothing; write the adapters trained so far to this folder, as GGUF files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each report.")
def command(
    paths: tuple[Path, ...],
    only: tuple[str, ...],
    seeds: tuple[int, ...],
    export: Path | None,
    *,
    as_json: bool,
) -> None:
    """Train planner, caller and summarizer in two stages, as the paper does.

    Stop it at any time, even with kill -9: the same command goes on from the last checkpoint, and passes over stages
    that are done. Deleting the newest folder of OUTPUT/STAGE/checkpoints goes back to the one before.

    OUTPUT/STAGE/progress.jsonl has every report, OUTPUT/losses.svg the loss curves, OUTPUT/STAGE/adapter what vLLM
    loads (or model, where the recipe tunes whole models).

    \b
    umi-cloud glpft --recipe cloud/recipes/embedded.yaml
    umi-cloud glpft --recipe cloud/recipes/embedded.yaml --export build/adapters
    umi-cloud glpft --recipe cloud/recipes/ablation --seed 1 --seed 2 --seed 3
    accelerate launch --config_file cloud/recipes/accelerate/fsdp.yaml -m umi_cloud glpft --recipe ...
    """
    from umi_cloud.glpft import read_recipe, recipe_files

    read = [read_recipe(file) for path in paths for file in recipe_files(path)]
    recipes = [_seeded(recipe, seed) for seed in seeds or (None,) for recipe in read]
    if export is not None:
        _export(recipes, export)
        return
    for recipe in recipes:
        _train(recipe, only, as_json=as_json)


def _seeded(recipe: "Recipe", seed: int | None) -> "Recipe":
    return recipe if seed is None else replace(recipe, seed=seed, output=recipe.output / f"seed-{seed}")


def _train(recipe: "Recipe", only: tuple[str, ...], *, as_json: bool) -> None:
    from umi_cloud.commands._training_display import JsonDisplay, NoDisplay, TrainingDisplay
    from umi_cloud.extras import require

    require("glpft", *_TRAINING)
    from umi_cloud.glpft.curves import draw_curves
    from umi_cloud.glpft.run import run_recipe

    first = os.environ.get("RANK", "0") == "0"  # accelerate launch starts several of these
    display = (JsonDisplay(recipe) if as_json else TrainingDisplay(recipe)) if first else NoDisplay()
    try:
        with display:
            run_recipe(recipe, display, only)
    finally:
        if first:
            draw_curves(recipe)


def _export(recipes: list["Recipe"], folder: Path) -> None:
    from umi_cloud.extras import require
    from umi_cloud.glpft.export import export_adapters

    require("glpft", "gguf", "safetensors")
    if len(recipes) != 1:
        raise click.UsageError("--export takes one recipe, and one seed")
    for role, out in export_adapters(recipes[0], folder).items():
        say(f"{role}: {out} ({out.stat().st_size / 1e6:.1f} MB)")
