"""What the commands about policies print: tables for people, JSON for programs; and the arguments they share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from umi_shared.screen.output import say_json, say_text
from umi_shared.screen.text import one_line

__all__ = ["FILE_ARGUMENT", "print_json", "print_table"]

FILE_ARGUMENT = click.argument("file", type=click.Path(path_type=Path))


def print_json(document: Any) -> None:
    """One document, for programs."""
    say_json(document, indent=2)


def print_table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on a terminal; lines of tab-separated words when piped."""
    from rich.table import Table
    from rich.text import Text

    from umi_shared.screen.console import Screen

    console = Screen()
    if not console.is_terminal:
        for row in rows:
            say_text("\t".join(one_line(cell) for cell in row))
        return
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(
            *(Text(one_line(cell), style="yellow" if cell.startswith("leaves") else "") for cell in row)
        )
    console.print(table)
