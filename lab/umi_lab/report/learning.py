"""The learning curve: what whole sessions come to, against the tokens that the adapters were trained on."""

from collections.abc import Mapping
from pathlib import Path

from umi_lab.report.curves import save_svg
from umi_lab.report.figures import Figures, of_kind
from umi_lab.report.tables import share, table

__all__ = ["draw_learning", "learning_points", "learning_table"]

_SHOWN = (
    "success, built-in names",
    "success, other names",
    "answered as if done",
    "wrongly gave up",
    "gave up where it should",
)
_COLOURS = ("#4c72b0", "#55a868", "#c44e52", "#dd8452", "#8172b3")


def learning_points(figures: Mapping[str, Figures]) -> list[tuple[int, Figures]]:
    """The runs that say how many tokens their adapters have seen, fewest first."""
    runs = [one for _, one in of_kind(figures, "learning")]
    return sorted(
        ((one["run"]["options"]["trained_tokens"], one) for one in runs), key=lambda point: point[0]
    )


def learning_table(points: list[tuple[int, Figures]]) -> str:
    """A table with a row for each point."""
    rows = [
        [f"{tokens:,}", str(one["sessions"]), *(share(one["shares"].get(name)) for name in _SHOWN)]
        for tokens, one in points
    ]
    return table(["tokens", "sessions", *_SHOWN], rows)


def draw_learning(points: list[tuple[int, Figures]], out: Path) -> None:
    """Shares with Wilson's interval against tokens, a line for each share. Raises `ImportError` without matplotlib."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415  # optional
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    for name, colour in zip(_SHOWN, _COLOURS, strict=True):
        shares = [
            (tokens, one["shares"][name])
            for tokens, one in points
            if one["shares"].get(name, {}).get("whole")
        ]
        if not shares:
            continue
        at = [tokens / 1e6 for tokens, _ in shares]
        axes.plot(
            at, [100 * s["part"] / s["whole"] for _, s in shares], "o-", color=colour, label=name, linewidth=1
        )
        axes.fill_between(
            at,
            [100 * s["low"] for _, s in shares],
            [100 * s["high"] for _, s in shares],
            color=colour,
            alpha=0.08,
        )
    axes.set(xlabel="million tokens trained on, all stages", ylabel="% of sessions", ylim=(0, 100))
    axes.legend(frameon=False, fontsize="small")
    save_svg(figure, out)
