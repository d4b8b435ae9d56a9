"""What the commands about policies print: tables for people, JSON for programs; and the arguments they share."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from umi_shared.screen.output import say_json, say_text
from umi_shared.screen.text import one_line

__all__ = ["FILE_ARGUMENT", "print_json", "print_table", "quoted"]

FILE_ARGUMENT = click.argument("file", type=click.Path(path_type=Path))


def print_json(document: Any) -> None:
    """One document, for programs."""
    say_json(document, indent=2)


def quoted(lines: list[str], line: int) -> str:
    """A line of a policy, by its number; empty where there is none. Without what a detector looks for, or a filter."""
    from umi_edge.policy.paths import shown_path

    if not 0 < line <= len(lines):
        return ""
    text = lines[line - 1].strip()
    if not _of_a_detector(lines, line):
        return shown_path(text)
    shown = _SHOWN_OF_A_DETECTOR.match(text)
    head = shown[0] if shown else ""
    return text if head == text else f"{head.rstrip(' ,')} ..."


_SHOWN_OF_A_DETECTOR = re.compile(
    r"(?:- *)?\{?(?:(?:type|parts|incomplete|region|plugin|language|threshold): *[A-Za-z0-9_.-]+(?:, *|\}|$)"
    r"|pattern: *builtin(?::[a-z_]+)?(?:, *|\}|$)|values_from: *\{[^{}]*\}(?:, *|\}|$))*"
)
"""The words of a detector's line that are the language's own; values, patterns and remarks may be private."""


def _of_a_detector(lines: list[str], line: int) -> bool:
    """Whether a line stands below `detect:` or `detect_also:`."""
    above = (text for text in reversed(lines[:line]) if text[:1].strip() and text[0] not in "#-")
    return next(above, "").startswith(("detect:", "detect_also:"))


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
