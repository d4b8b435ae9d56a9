"""Uninvited guests: a plan puts an address into an event that nobody asked to invite anyone to.

"Collect the cake from Bloom at eleven" needs no guest, so nobody is to be asked which Bloom is invited.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["invites", "without_guests"]

_GUESTS = re.compile(r"(?:.*[_-])?(?:guests?|attendees?|invitees?|participants?)")
_INVITES = re.compile(
    r"\b(?:with|w|invit\w*|guests?|attendees?|ask|have|include|join\w*|"
    r"mit|einlad\w*|eingeladen|lad\w*|g[aä]ste?n?|avec|convi\w*|con|invitad\w*)\b|\bw/",
    re.IGNORECASE,
)


def invites(words: str) -> bool:
    """Whether words may have somebody come.

    >>> invites("lunch with Karim at noon"), invites("collect the cake from bloom at eleven, put that in")
    (True, False)
    """
    return _INVITES.search(words) is not None


def without_guests(arguments: Mapping[str, Any], required: Collection[str]) -> dict[str, Any] | None:
    """The arguments without guests; None where there are none that may be left out."""
    rest = {
        name: value for name, value in arguments.items() if name in required or not _GUESTS.fullmatch(name)
    }
    return rest if len(rest) < len(arguments) else None
