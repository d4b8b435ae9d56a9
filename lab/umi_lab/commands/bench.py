"""`bench`: every figure that umi claims of its speed."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umi_lab.bench.run import BENCHMARKS, finish, run_one
from umi_lab.bench.setting import Setting
from umi_shared.models import EMBEDDED

if TYPE_CHECKING:
    from umi_lab.locality_cost.measurement import Measured

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_KIB = 1024
_LEAVES_A_KIB = 200 / 16
_GOAL_MILLISECONDS = 1.0


@click.group(name="bench")
def command() -> None:
    """Measure umi beside its peers.

    `run` makes all figures of docs/benchmarks; `locality` looks closer at one of them.
    """


@command.command()
@click.option(
    "--only",
    "names",
    multiple=True,
    type=click.Choice(list(BENCHMARKS)),
    help="A benchmark; may be given again. The others' records stay as they are.",
)
@click.option("--quick", is_flag=True, help="As little as shows that the measurements work.")
@click.option(
    "--model", default=EMBEDDED, show_default=True, help="Any GGUF: a path, or hf:OWNER/REPO:QUANTIZATION."
)
@click.option("--adapter", type=_FILE, help="The caller's LoRA adapter for that model, in GGUF.")
@click.option("--peers", type=_FILE, help="A Python with requirements/bench-lock.txt installed.")
@click.option("--vllm", type=_FILE, help="A Python with vLLM and umi.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs/benchmarks"),
    show_default=True,
    help="Where records, pictures and the page go.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
def run(
    names: tuple[str, ...],
    model: str,
    adapter: Path | None,
    peers: Path | None,
    vllm: Path | None,
    out: Path,
    *,
    quick: bool,
    as_json: bool,
) -> None:
    """Run the benchmarks, write a JSON record of each, and make the page and its pictures anew.

    \b
    python -m umi_lab bench run --only calls --peers .venv-bench/bin/python
    make bench                           # the same for all, set-up included
    make bench BENCH_ARGS="--only load"  # one anew

    A record is written as soon as its benchmark ends, so that a run that is interrupted goes on with `--only`.
    Quick runs are kept apart, in `OUT/quick`.
    """
    from rich.console import Console

    from umi_lab.bench.terminal import show, working

    folder = out / "quick" if quick else out
    console = Console(stderr=as_json, highlight=False)
    setting = Setting(model=model, adapter=adapter, peers=peers, vllm=vllm, quick=quick)
    records = []
    for name in names or BENCHMARKS:
        with working(name) as tell:
            record = asyncio.run(run_one(name, replace(setting, tell=tell)))
        record.write(folder)
        records.append(record)
        show(console, record)
    finish(folder)
    if as_json:
        click.echo(json.dumps([json.loads((folder / f"{one.name}.json").read_text()) for one in records]))


@command.command(name="page")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def page_command(folder: Path) -> None:
    """Make the page and the pictures of FOLDER's records anew."""
    finish(folder)


@command.command()
@click.option(
    "--repeats",
    type=click.IntRange(min=4),
    default=60,
    show_default=True,
    help="Repeats of a step at 16 KiB; larger results get fewer.",
)
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
    type=_FILE,
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
