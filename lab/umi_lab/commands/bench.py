"""`bench`: measurements of the laptop's side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from umi_lab.locality_cost.measurement import Measured

_KIB = 1024
_LEAVES_A_KIB = 200 / 16
_GOAL_MILLISECONDS = 1.0


@click.group(name="bench")
def command() -> None:
    """Measure what locality costs on the laptop."""


@command.command()
@click.option("--repeats", type=click.IntRange(min=4), default=60, show_default=True, help="Of each size.")
@click.option(
    "--kib",
    "sizes",
    type=click.IntRange(min=1, max=8192),
    multiple=True,
    default=(16, 64, 256, 1024),
    show_default=True,
    help="Sizes of the tool's result; 200 leaves stay in each 16 KiB.",
)
@click.option(
    "--presidio",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python that has presidio-analyzer: it analyses the same 16 KiB.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def locality(repeats: int, sizes: tuple[int, ...], presidio: Path | None, *, as_json: bool) -> None:
    """One step from a tool's result to the bytes that leave: labels, view, message, guard, ledger without fsync.

    Every repeat starts with an empty vault, so that every value is new. Sizes take turns, fewer the larger they
    are; medians, with quartiles. `cloud` releases the free text by a rule, `scan` searches it for private spans.
    """
    from umi_lab.locality_cost.measurement import measure, measure_presidio
    from umi_lab.locality_cost.workload import make_workload

    rows: list[Measured] = []
    for size in sorted(set(sizes)):
        leaves = round(size * _LEAVES_A_KIB)
        workloads = [make_workload(size * _KIB, leaves, free=free) for free in ("cloud", "scan")]
        rows += measure(workloads, repeats=max(4, repeats * 16 // max(size, 16)))
    if presidio:
        rows += measure_presidio(
            presidio, make_workload(16 * _KIB, 200, free="scan"), repeats=max(4, repeats // 8)
        )
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows]))
    else:
        _show(rows)


def _show(rows: "list[Measured]") -> None:
    from rich.console import Console
    from rich.table import Table

    from umi_lab.locality_cost.step import PARTS

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160, no_color=True)
    table = Table(box=None, title="milliseconds a step, medians", title_justify="left")
    table.add_column("")
    for name in ("KiB", "leaves", "n", "total", "quartiles", "least", "ms/KiB", *PARTS):
        table.add_column(name, justify="right")
    for row in rows:
        kib, total = row.size_bytes / _KIB, row.total
        table.add_row(
            row.name,
            f"{kib:.0f}",
            f"{row.private_leaves:,}",
            str(row.repeats),
            f"{total.median:.2f}",
            f"{total.low:.2f}–{total.high:.2f}",
            f"{total.least:.2f}",
            f"{total.median / kib:.3f}",
            *(f"{row.parts[part].median:.2f}" if row.parts else "" for part in PARTS),
        )
    console.print(table)
    first = rows[0]
    word = "within" if first.total.median < _GOAL_MILLISECONDS else "above"
    console.print(
        f"{first.size_bytes // _KIB} KiB with {first.private_leaves} private leaves: {first.total.median:.2f} ms, "
        f"{word} the goal of {_GOAL_MILLISECONDS:g} ms"
    )
