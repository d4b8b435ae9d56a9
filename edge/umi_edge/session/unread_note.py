"""What the device adds to an answer when a tool could not read all that it looked through."""

from collections.abc import Iterable

from umi_edge.tools.outcome import Lost

__all__ = ["unread_note"]

_NAMED = 3


def unread_note(lost: Iterable[Lost]) -> str:
    """How much could not be read, why and where, for the user's eyes; empty where all was read.

    >>> unread_note([Lost("work.ics", "the entry is cut off"), Lost("work.ics", "the entry is cut off")])
    'Not everything could be read: the entry is cut off (twice, in work.ics).'
    """
    by_reason: dict[str, list[str]] = {}
    for one in lost:
        by_reason.setdefault(one.why, []).append(one.where)
    said = [f"{why} ({_count(len(where))}in {_places(where)})" for why, where in by_reason.items()]
    return f"Not everything could be read: {'; '.join(said)}." if said else ""


def _count(count: int) -> str:
    return "" if count == 1 else "twice, " if count == 2 else f"{count} times, "


def _places(where: list[str]) -> str:
    names = list(dict.fromkeys(where))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
