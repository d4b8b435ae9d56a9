"""The figures of recorded rows: shares with their intervals, and means."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from umi_cloud.evaluation.interval import Share

__all__ = ["means", "privacy_tax", "sessions", "stepwise"]

Row = Mapping[str, Any]


def sessions(rows: Iterable[Row]) -> dict[str, Share]:
    """What became of whole sessions (`evaluation.Outcome`), in all and by family."""
    rows = list(rows)
    can = [row for row in rows if row["verdict"]["should_end"] == "answered"]
    cannot = [row for row in rows if row["verdict"]["should_end"] == "gave up"]
    calls, invalid = sum(len(row["tools"]) for row in rows), sum(row["invalid_calls"] for row in rows)
    return {
        "success": _share(rows, lambda row: row["success"]),
        **{
            f"success, {group}": _share(some, lambda row: row["success"])
            for group, some in _groups(rows).items()
        },
        "answered as if done": _share(rows, lambda row: row["false_claim"]),
        "answered, though it was not as asked": _share(rows, lambda row: row["wrong_end"]),
        "wrongly gave up": _share(can, lambda row: row["wrongly_gave_up"]),
        "gave up where it should": _share(cannot, lambda row: row["verdict"]["ended"] == "gave up"),
        "no decision, or a tool that is not there": _share(
            rows, lambda row: row["verdict"]["ended"] in ("OUTPUT_MALFORMED", "MalformedError")
        ),
        "other errors": _share(rows, _broke),
        "invalid calls": Share(invalid, calls),
        "same tools as the oracle": _share(rows, lambda row: row["tools"] == row["oracle_tools"]),
    }


def _groups(rows: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault("built-in names" if row["own_names"] else "other names", []).append(row)
        if row["broken"]:
            groups.setdefault("a tool fails", []).append(row)
    for row in sorted(rows, key=lambda row: str(row["family"])):
        groups.setdefault(f"family {row['family']}", []).append(row)
    return groups


def _broke(row: Row) -> bool:
    ended = row["verdict"]["ended"]
    return ended not in ("answered", "gave up", "stopped", "OUTPUT_MALFORMED", "MalformedError")


def means(rows: Iterable[Row]) -> dict[str, float]:
    """What a session takes on average; empty for no rows."""
    rows = list(rows)
    if not rows:
        return {}
    roles = ("planner", "caller", "summarizer")

    def tokens(word: str) -> float:
        return float(mean(sum(row["tokens"][role][word] for role in roles) for row in rows))

    return {
        "steps": mean(row["steps"] for row in rows),
        "messages out": mean(row["messages_out"] for row in rows),
        "bytes out": mean(row["bytes_out"] for row in rows),
        "values kept": mean(row["kept"] for row in rows),
        "prompt tokens": tokens("prompt_tokens"),
        "tokens written": tokens("completion_tokens"),
        "seconds": mean(row["seconds"] for row in rows),
    }


def stepwise(rows: Iterable[Row]) -> dict[str, Share]:
    """How many steps (`shadow.Comparison`) are right: by role, by what is compared, and by whether the tools have
    their built-in names; a caller's arguments by where their values were to be read.
    """
    counts: dict[str, list[bool]] = {}
    for row in rows:
        names = "built-in names" if row["own_names"] else "other names"
        for what, right in row["right"].items():
            for group in ("", f", {names}"):
                counts.setdefault(f"{row['role']}: {what}{group}", []).append(right)
        for source, right in row["arguments"]:
            counts.setdefault(f"caller: argument from {source}", []).append(right)
    return {name: Share(sum(rights), len(rights)) for name, rights in sorted(counts.items())}


def privacy_tax(handles: Iterable[Row], clear: Iterable[Row]) -> dict[str, tuple[Share, Share]]:
    """Every share with handles and in clear, over the sessions that both runs have."""
    left, right = ({row["number"]: row for row in rows} for rows in (handles, clear))
    both = sorted(left.keys() & right.keys())
    mine, theirs = sessions(left[number] for number in both), sessions(right[number] for number in both)
    return {name: (share, theirs[name]) for name, share in mine.items() if name in theirs}


def _share(rows: Sequence[Row], counts: Callable[[Row], bool]) -> Share:
    return Share(sum(bool(counts(row)) for row in rows), len(rows))
