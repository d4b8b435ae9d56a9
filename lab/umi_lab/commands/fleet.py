"""`fleet`: many laptops, several servers, one registry."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from umi_lab.fleet.report import FleetReport
    from umi_lab.fleet.trial import Crowded


@click.command(name="fleet")
@click.option("--enrolled", default=10_000, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--at-once", default=1_000, show_default=True, type=click.IntRange(min=1), help="Of them, connected."
)
@click.option("--fronts", default=3, show_default=True, type=click.IntRange(1, 64), help="Server processes.")
@click.option("--seconds", default=20.0, show_default=True, help="How long each measurement takes.")
@click.option(
    "--think", default=4.0, show_default=True, help="The mean pause between a laptop's plans, in seconds."
)
@click.option(
    "--growth",
    default="10,100,1000,10000",
    show_default=True,
    help="Numbers enrolled for the plot; empty for none.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw how cost grows, as SVG, into this file.",
)
@click.option(
    "--profile", is_flag=True, help="Also run a front under cProfile, and show where its time goes."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    enrolled: int,
    at_once: int,
    fronts: int,
    seconds: float,
    think: float,
    growth: str,
    plot: Path | None,
    *,
    profile: bool,
    as_json: bool,
) -> None:
    """Measure a fleet: servers over one PostgreSQL, laptops with certificates, an engine as fast as a card.

    Everything runs on this machine: what a server does is told by the time of its own process, which holds on a busy
    machine, too. The engine has the latencies of vLLM on an H100. PostgreSQL must be installed (`make postgres`).
    """
    from umi_lab.fleet.report import draw_growth, measure
    from umi_lab.fleet.trial import FleetSize
    from umi_lab.postgres_server import binaries, postgres_server
    from umi_shared.errors import ConfigError

    if binaries() is None:
        raise ConfigError("there is no PostgreSQL here", fix="`make postgres` installs it on Debian")
    sizes = [int(one) for one in growth.split(",") if one]
    with postgres_server() as postgres, tempfile.TemporaryDirectory(prefix="umi-fleet-") as folder:
        report = asyncio.run(
            measure(
                FleetSize(enrolled=enrolled, at_once=min(at_once, enrolled), fronts=fronts),
                Path(folder),
                postgres,
                seconds=seconds,
                think_seconds=think,
                growth=sizes,
                profile=profile,
                tell=lambda line: click.echo(line, err=True),
            )
        )
    if plot is not None and report.growth:
        draw_growth(report, plot)
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        _show(report)


def _show(report: "FleetReport") -> None:
    from rich.console import Console

    from umi_lab.fleet.report import ADDED_MOST, PACE_LEAST

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160, no_color=True)
    table = _table()
    _row(table, f"{report.size.enrolled:,} enrolled", report.whole)
    _row(table, "one front", report.front)
    _row(table, "grpc.aio alone", report.echo)
    for count, one in report.growth:
        _row(table, f"one front, {count:,} enrolled", one)
    console.print(table)
    whole, front = report.whole, report.front
    for number, use in enumerate(whole.fronts, 1):
        console.print(
            f"front {number}: {use.plans_a_second:.0f} plans a second, {use.plans_a_core_second:.0f} a core-second, "
            f"{use.memory_bytes / 2**20:.0f} MiB"
        )
    console.print(f"revoked: refused, or its plan ended, within {whole.revocation_seconds or 0:.2f} s")
    console.print(
        f"one front: {front.plans_a_core_second:.0f} plans a core-second (goal: {PACE_LEAST}; grpc.aio alone here: "
        f"{report.echo.plans_a_core_second:.0f}), {front.added_milliseconds:.1f} ms at the median beyond the engine "
        f"(goal: {ADDED_MOST}; grpc.aio alone here: {report.echo.added_milliseconds:.1f})"
    )
    if report.profile:
        console.print(report.profile, markup=False)


def _table() -> "Table":
    from rich.table import Table

    table = Table(box=None)
    table.add_column("")
    columns = (
        "at once",
        "plans",
        "plans/s",
        "plans/core-s",
        "ms CPU/plan",
        "median s",
        "99 % s",
        "worst s",
        "Jain",
    )
    for name in (*columns, "not ok", "waited"):
        table.add_column(name, justify="right")
    return table


def _row(table: "Table", name: str, one: "Crowded") -> None:
    plans = sum(front.plans for front in one.fronts)
    table.add_row(
        name,
        f"{one.at_once:,}",
        f"{plans:,}",
        f"{sum(front.plans_a_second for front in one.fronts):.0f}",
        f"{one.plans_a_core_second:.0f}",
        f"{1e3 / one.plans_a_core_second:.2f}",
        f"{one.median_seconds:.2f}",
        f"{one.p99_seconds:.2f}",
        f"{one.worst_seconds:.2f}",
        f"{one.fairness:.3f}",
        str({key: count for key, count in one.outcomes.items() if key != "ok"} or ""),
        f"{one.refusals:,}",
    )
