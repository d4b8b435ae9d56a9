"""What a run shows: a bar while a benchmark works, and a table of its figures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from umi_lab.bench.record import Record

__all__ = ["show", "working"]


@contextmanager
def working(name: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error, gone at the end; none where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)

        def tell(what: str, done: int, whole: int) -> None:
            progress.update(task, description=what, completed=done, total=whole)

        yield tell


def show(console: Console, record: Record) -> None:
    """The figures of one benchmark."""
    table = Table(box=None, title=record.name, title_justify="left", title_style="bold")
    for name in ("figure", "goal", "measured", "n", "met"):
        table.add_column(name, overflow="fold")
    words = {None: "", True: "[green]yes", False: "[red]no"}
    for figure in record.figures:
        goal = str(figure.goal) if figure.goal else ""
        table.add_row(figure.title, goal, figure.measured, f"{figure.repeats:,}", words[figure.met])
    console.print(table)
    for note in record.notes:
        console.print(f"  {note}")
    around = record.surroundings
    if not around["quiet"]:
        console.print(
            f"  [yellow]{around['busy_others']} other busy processes took {around['cores_of_others']:.2f} cores "
            "meanwhile: do not believe timings"
        )
