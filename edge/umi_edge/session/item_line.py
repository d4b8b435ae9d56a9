"""Item line: a thing of a result in one line, for the user's eyes.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from umi_edge.session.listed_items import Item
from umi_edge.session.time_wording import in_words

__all__ = ["described"]

_CALLED = ("name", "title", "subject", "path")
_MOST_TOLD = 2
_LONGEST = 80


def described(item: Item, told_by: Sequence[str]) -> str:
    """A thing as a person knows it, and what is told of it; in handles, where it has them."""
    known = item.known if isinstance(item.known, Mapping) else {}
    seen = {name: one for name, one in dict(item.seen or {}).items() if isinstance(known.get(name), str)}
    called = next((line for name in _CALLED if (line := _line(seen.get(name)))), "")
    called = called or next(filter(None, map(_line, seen.values())), "one")
    more = [line for name in told_by if (line := _line(seen.get(name))) and line != called][:_MOST_TOLD]
    return f"{called} ({', '.join(more)})" if more else called


def _line(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return in_words(read(value))
        except ValueError:
            continue
    line = " ".join(value.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
