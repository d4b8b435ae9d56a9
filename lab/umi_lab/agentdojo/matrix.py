"""A suite's trials as Markdown: the user tasks alone in rows, and every pair in one cell of a matrix."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["matrix"]

Row = Mapping[str, Any]
"""A trial as `--json` prints it."""

_COLUMNS = {
    "asked": "asked",
    "private": "private texts",
    "leaked": "of these on the wire",
    "messages": "messages",
    "shape_bits": "bits of shape",
}


def matrix(suite: str, rows: Sequence[Row]) -> str:
    """Two tables: `P` a rule refused it, `U` the user's "no" is all that stopped it, `u` that or a later rule.

    `–` where the injection calls nothing, `X` where it reached its goal; `!` where the user's task lost its utility.
    """
    alone = [row for row in rows if not row["injection_task"]]
    pairs = {
        (_number(row["user_task"]), _number(row["injection_task"])): row for row in rows if row not in alone
    }
    return "\n".join([*_alone(suite, alone), "", *_pairs(suite, pairs)])


def _number(task: str) -> int:
    return int(task.rpartition("_")[2])


def _alone(suite: str, rows: Sequence[Row]) -> Iterator[str]:
    yield f"| {suite}: user task | utility | {' | '.join(_COLUMNS.values())} |"
    yield f"|---:|---|{'---:|' * len(_COLUMNS)}"
    for row in sorted(rows, key=lambda row: _number(row["user_task"])):
        cells = [_number(row["user_task"]), "kept" if row["utility"] else "lost"]
        yield f"| {' | '.join(map(str, [*cells, *(row[name] for name in _COLUMNS)]))} |"


def _pairs(suite: str, pairs: Mapping[tuple[int, int], Row]) -> Iterator[str]:
    users, injections = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    if not pairs:
        return
    yield f"| {suite}: user task ↓ injection → | {' | '.join(map(str, injections))} |"
    yield f"|---:|{'---|' * len(injections)}"
    for user in users:
        yield f"| {user} | {' | '.join(_cell(pairs[user, injection]) for injection in injections)} |"


def _cell(row: Row) -> str:
    lost = "" if row["utility"] else "!"
    if row["attack"]:
        return f"X{lost}"
    if row["attack_if_user_approves_all"]:
        return f"U{lost}"
    return {"policy": "P", "user": "u"}.get(row["stopped_by"], "–") + lost
