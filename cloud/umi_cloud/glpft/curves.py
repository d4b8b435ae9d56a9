"""Curves: the losses of a run as a picture, with a panel for each stage and a line for each role."""

from pathlib import Path

from umi_cloud.glpft.progress import ProgressFile
from umi_cloud.glpft.recipe import Recipe
from umi_cloud.glpft.run import StageResult

__all__ = ["draw_curves"]

_COLOURS = {"planner": "#4c72b0", "caller": "#dd8452", "summarizer": "#55a868", "backbone": "#8172b3"}


def draw_curves(recipe: Recipe) -> Path | None:
    """Write `losses.svg` beside the stages: loss per target token against tokens. None without a report.

    Circles are losses on the recipe's held-out episodes. Needs matplotlib.
    """
    curves = {stage.name: list(_file(recipe, stage.name).read()) for stage in recipe.stages}
    curves = {name: reports for name, reports in curves.items() if reports}
    if not curves:
        return None
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415  # training only
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(4 * len(curves), 3), layout="constrained")
    FigureCanvasSVG(figure)
    figure.suptitle(f"{recipe.name}, seed {recipe.seed}")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for panel, (stage, reports) in zip(panels, curves.items(), strict=True):
        panel.set(title=stage, xlabel="tokens", yscale="log")
        for role in sorted({role for report in reports for role in report.losses}):
            points = [(report.tokens, report.losses[role]) for report in reports if role in report.losses]
            panel.plot(*zip(*points, strict=True), color=_COLOURS.get(role), label=role, linewidth=1)
        result = StageResult.read(recipe.output / stage)
        for role, loss in (result.held_out if result else {}).items():
            panel.plot(reports[-1].tokens, loss, "o", color=_COLOURS.get(role), markersize=4)
        panel.legend(frameon=False, fontsize="small")
    panels[0].set_ylabel("loss per target token")
    place = recipe.output / "losses.svg"
    figure.savefig(place, metadata={"Date": None})
    return place


def _file(recipe: Recipe, stage: str) -> ProgressFile:
    return ProgressFile(recipe.output / stage / "progress.jsonl")
