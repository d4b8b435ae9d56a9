"""`umi demo`: three private tasks on a sample home."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from umi_edge.commands._options import json_option
from umi_shared.screen.output import say_json


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the sample home, certificates and ledger here and leave them.",
)
@json_option
def command(keep: Path | None, *, as_json: bool) -> int:
    """Watch three private tasks on a sample home, offline.

    Starts `umi-cloud serve` as a process of its own (mTLS on loopback, certificates just issued, the embedded
    model), writes an invented home of contacts, events, mail, notes and files, and carries out three tasks. Green
    stayed on this device, yellow left it. Exit code 0: all three came to an answer or an honest "no way", and the
    ledger verifies; 1: one did not.
    """
    import asyncio

    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_demo(keep.resolve(), as_json=as_json))
    with TemporaryDirectory(prefix="umi-demo-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(_demo(Path(folder), as_json=as_json))


async def _demo(folder: Path, *, as_json: bool) -> int:
    from contextlib import AsyncExitStack
    from datetime import date

    from rich.text import Text

    from umi_edge.runtime.demo import demo_tasks, open_demo
    from umi_edge.session.report import Report
    from umi_edge.terminal.live_view import LiveView, conclusion, legend, summary_table
    from umi_edge.terminal.model_progress import pull_with_progress
    from umi_edge.terminal.spinner import Waiting
    from umi_shared.models import EMBEDDED, ModelStore, shipped_adapter
    from umi_shared.screen.console import Screen

    console = Screen(stderr=as_json, quiet=as_json)
    pull_with_progress(console, ModelStore.local(), EMBEDDED)
    today = date.today()  # noqa: DTZ011  # the user's own day
    reports: dict[str, Report] = {}
    waiting = Waiting()
    async with AsyncExitStack() as stack:
        with console.status("starting the planner and loading the caller"):
            demo = await stack.enter_async_context(open_demo(folder, today))
        console.print(
            f"Planner: process {demo.cloud.process_id} at {demo.cloud.connection.service_address}, mTLS. "
            f"Caller: {demo.cloud.model}, in this process.",
            soft_wrap=True,
        )
        if shipped_adapter("planner") is None:
            console.print(
                "This build ships no trained adapters: the embedded model plans badly.", style="bold"
            )
        console.print(legend())
        for task in demo_tasks(today):
            console.print()
            title = Text.assemble((f" {task.name} ", "bold reverse"), f" {task.instruction}")
            console.print(title, soft_wrap=True)
            try:
                report = await demo.run(task, lambda vault: LiveView(console, vault, waiting).show)
            finally:
                waiting.end()
            reports[task.name] = report
            console.print(conclusion(report))
        console.print()
        console.print(summary_table(reports))
    if as_json:
        say_json({name: report.as_json() for name, report in reports.items()})
    return 0 if all(report.ended_properly for report in reports.values()) else 1
