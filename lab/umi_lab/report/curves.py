"""Learning curves as pictures."""

from importlib.util import find_spec
from pathlib import Path

from umi_lab.report.figures import Figures

__all__ = ["can_draw", "draw_curve"]

_COLOURS = {"planner": "#4c72b0", "caller": "#dd8452", "summarizer": "#55a868", "backbone": "#8172b3"}


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw_curve(figures: Figures, out: Path) -> None:
    """Loss per target token against tokens, a panel a stage and a line a role; needs matplotlib."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415  # optional
    from matplotlib.figure import Figure  # noqa: PLC0415

    stages = figures["stages"]
    figure = Figure(figsize=(4 * len(stages), 3), layout="constrained")
    FigureCanvasSVG(figure)
    panels = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
    for panel, stage in zip(panels, stages, strict=True):
        panel.set(title=stage["stage"], xlabel="tokens", yscale="log")
        for role in sorted({role for _, losses in stage["curve"] for role in losses}):
            points = [(tokens, losses[role]) for tokens, losses in stage["curve"] if role in losses]
            panel.plot(*zip(*points, strict=True), color=_COLOURS.get(role), label=role, linewidth=1)
        panel.legend(frameon=False, fontsize="small")
    panels[0].set_ylabel("loss per target token")
    figure.savefig(out, metadata={"Date": None})
