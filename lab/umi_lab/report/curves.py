"""Learning curves as pictures."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from umi_lab.report.figures import Figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["can_draw", "draw_curve", "save_svg"]

_COLOURS = {"planner": "#4c72b0", "caller": "#dd8452", "summarizer": "#55a868", "backbone": "#8172b3"}


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw_curve(figures: Figures, out: Path) -> None:
    """Loss per target token against tokens: a panel for each stage, a line for each role.

    Raises `ImportError` without matplotlib.
    """
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
    save_svg(figure, out)


def save_svg(figure: "Figure", out: Path) -> None:
    """Write a picture; the same figures give the same file. Raises `OSError`."""
    from matplotlib import rc_context  # noqa: PLC0415  # optional

    with rc_context({"svg.hashsalt": "umi"}):
        figure.savefig(out, metadata={"Date": None})
