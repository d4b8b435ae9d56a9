"""The shifted event: when an event is to be that a request moves by a length of time.

A model never computes a time: "postpone the review by half an hour" was moved to when it is already. Covered: an event
whose beginning the planner was shown in clear. Not covered: one that takes whole days.

I3: docs/design.md#i3-noninterference
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

__all__ = ["MOVES", "shifted", "without_moment"]

MOVES = "calendar.update"
"""The tool that moves an event; umi's own."""


def shifted(arguments: Mapping[str, Any], start: datetime, shift: timedelta) -> dict[str, Any]:
    """The arguments of the call that moves the event, with its new beginning.

    >>> shifted({"id": "a", "time": "13:00"}, datetime(2026, 9, 10, 13), timedelta(minutes=30))
    {'id': 'a', 'time': '13:30'}
    >>> shifted({"id": "a", "title": "Call"}, datetime(2026, 9, 10, 23, 30), timedelta(hours=1))
    {'id': 'a', 'title': 'Call', 'time': '00:30', 'date': '2026-09-11'}
    """
    moved = start + shift
    clock = {"time": f"{moved:%H:%M}"} if moved.time() != start.time() else {}
    day = {"date": moved.date().isoformat()} if moved.date() != start.date() else {}
    return {**without_moment(arguments), **clock, **day}


def without_moment(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments but for when the event is to be."""
    return {name: value for name, value in arguments.items() if name not in ("date", "time")}
