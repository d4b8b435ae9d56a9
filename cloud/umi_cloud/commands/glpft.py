"""`umi-cloud glpft`: train the adapters of the three roles."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from umi_cloud.glpft import Stage
    from umi_cloud.glpft.trainer import Progress


@click.command(name="glpft")
@click.option(
    "--recipe",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="What to train, on what, for how long (cloud/recipes/*.yaml).",
)
@click.option("--stage", "only", multiple=True, help="Train this stage of the recipe; may be given again.")
@click.option(
    "--export",
    type=click.Path(file_okay=False, path_type=Path),
    help="Train nothing; write what is trained so far as GGUF adapters into this folder.",
)
def command(path: Path, only: tuple[str, ...], export: Path | None) -> None:
    """Train planner, caller and summarizer in two stages, as the paper does.

    Needs PyTorch, transformers and peft. Stop it at any time: the same command goes on from the last checkpoint.
    """
    from umi_cloud.glpft import read_recipe

    recipe = read_recipe(path)
    if export is not None:
        from umi_cloud.glpft.export import export_adapters

        for role, out in export_adapters(recipe, export):
            click.echo(f"{role}: {out} ({out.stat().st_size / 1e6:.1f} MB)")
        return
    from umi_cloud.glpft.run import run_recipe

    run_recipe(recipe, _report, only)


def _report(stage: "Stage", progress: "Progress") -> None:
    share = progress.share(stage)
    rate = progress.tokens / max(progress.seconds, 1e-9)
    left = progress.seconds * (1 - share) / share / 60 if share else 0
    losses = "  ".join(f"{role} {loss:.4f}" for role, loss in sorted(progress.losses.items()))
    click.echo(
        f"{stage.name}: {min(1, share):4.0%}  step {progress.steps}  {progress.tokens:,} tokens "
        f"({rate:.0f}/s, {left:.0f} min left)  {losses}"
    )
