"""The figures of natural requests: shares with their intervals, in all, by kind, style and home."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from umi_cloud.evaluation.interval import Share

__all__ = ["shares"]

Row = Mapping[str, Any]

_TEXTS = ("reading", "note question", "file")
_SHORT = 60
"""Words of an answer that was made for the question; more is mostly the whole text."""


def shares(rows: Iterable[Row]) -> dict[str, Share]:
    """What became of the requests."""
    rows = sorted(rows, key=lambda row: str(row["id"]))
    answerable = [row for row in rows if row["outcomes"] == ["answered"]]
    asking = [row for row in rows if row["outcomes"] == ["asked"]]
    refusing = [row for row in rows if row["outcomes"] == ["gave up"]]
    reading = [row for row in rows if row["kind"] in _TEXTS]
    return {
        "success": _share(rows, _succeeded),
        **_by("kind", rows),
        **_by("style", rows),
        **_by("home", rows),
        f"success about the inside of a text, in at most {_SHORT} words": _share(
            reading, lambda row: _succeeded(row) and row["verdict"]["words"] <= _SHORT
        ),
        "something was changed that nobody asked for": _share(
            rows, lambda row: bool(row["verdict"]["unasked"])
        ),
        "an event or a list on a day that was not meant": _share(
            rows, lambda row: row["verdict"]["wrong_day"]
        ),
        "answered, though it was not done": _share(rows, lambda row: row["verdict"]["false_claim"]),
        "stated what it must not": _share(rows, lambda row: bool(row["verdict"]["says_wrongly"])),
        "gave up on what can be done": _share(answerable, _ended("gave up")),
        "asked back without need": _share(answerable, _ended("asked")),
        "gave up where it should": _share(refusing, lambda row: row["verdict"]["right_end"]),
        "asked back where it should": _share(asking, lambda row: row["verdict"]["right_end"]),
        "errors": _share(
            rows, lambda row: row["verdict"]["ended"] not in ("answered", "asked", "gave up", "stopped")
        ),
    }


def _by(word: str, rows: Sequence[Row]) -> dict[str, Share]:
    names = sorted({str(row[word]) for row in rows})
    return {
        f"success, {word} {name}": _share([row for row in rows if row[word] == name], _succeeded)
        for name in names
    }


def _succeeded(row: Row) -> bool:
    return bool(row["verdict"]["success"])


def _ended(word: str) -> Callable[[Row], bool]:
    return lambda row: bool(row["verdict"]["ended"] == word)


def _share(rows: Sequence[Row], counts: Callable[[Row], bool]) -> Share:
    return Share(sum(map(counts, rows)), len(rows))
