"""Markdown: tables, and figures as they are written in them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["bold", "percent", "share", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with its first column to the left and the others to the right.

    >>> print(table(["a", "b"], [["c", "1"]]))
    | a | b |
    |---|---:|
    | c | 1 |
    """
    lines = [head, *rows]
    written = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([written[0], "|---" + "|---:" * (len(head) - 1) + "|", *written[1:]])


def share(figure: Mapping[str, Any] | None) -> str:
    """A share with its interval; a dash for what was not measured.

    >>> share({"part": 9, "whole": 10, "low": 0.596, "high": 0.982}), share(None)
    ('90.0 % [59.6–98.2], 9 of 10', '–')
    """
    if figure is None or not figure["whole"]:
        return "–"
    value = 100 * figure["part"] / figure["whole"]
    low, high = 100 * figure["low"], 100 * figure["high"]
    return f"{value:.1f} % [{low:.1f}–{high:.1f}], {figure['part']} of {figure['whole']}"


def percent(value: float) -> str:
    """A fraction as the paper writes it.

    >>> percent(0.60472)
    '60.47'
    """
    return f"{100 * value:.2f}"


def bold(text: str) -> str:
    """Bold text, for umi's own figures beside others'."""
    return f"**{text}**"
