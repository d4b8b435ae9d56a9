"""Pictures of records: one SVG a benchmark, each figure as its share of its goal."""

from pathlib import Path
from textwrap import fill
from typing import Any

from umi_lab.bench.figure import Figure
from umi_lab.bench.record import Record
from umi_shared.errors import ConfigError

__all__ = ["draw", "pyplot"]


def draw(record: Record, path: Path) -> None:
    """Bars of medians with quartiles; the goal is the line at 1, and further right is better.

    A record without a goal gets no picture. Raises ConfigError where matplotlib is not installed.
    """
    figures = [figure for figure in record.figures if figure.goal and figure.goal.bound]
    if not figures:
        return
    plot = pyplot()
    picture, axes = plot.subplots(figsize=(9, 0.7 + 0.5 * len(figures)), layout="constrained")
    for place, figure in enumerate(figures):
        value = figure.value
        low, middle, high = sorted(_share(figure, one) for one in (value.low, value.median, value.high))
        axes.barh(place, middle, color="#2f7d4f" if figure.met else "#b5532f", height=0.6)
        axes.hlines(place, low, high, color="black", linewidth=1)
    axes.axvline(1, color="black", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(figures)), [fill(one.title, 48) for one in figures], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("against the goal (dotted); further right is better", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    picture.savefig(path, metadata={"Date": None})
    plot.close(picture)


def pyplot() -> Any:
    """Matplotlib's pyplot, set to write SVG that is the same for the same figures. Raises ConfigError."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  # slow to import, and for whoever measures only
    except ImportError as error:
        raise ConfigError("pictures need matplotlib", fix="install umi-runtime[dev]") from error
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "umi"  # the same record gives the same file
    from matplotlib import pyplot  # noqa: PLC0415  # once the backend is chosen

    return pyplot


def _share(figure: Figure, value: float) -> float:
    assert figure.goal is not None  # noqa: S101  # the others are left out
    bound, value = figure.goal.bound, max(value, 1e-6)
    return value / bound if figure.goal.least else bound / value
