"""Uninvited guests: a plan puts an address into an event that nobody asked to invite anyone to.

"Collect the cake from Bloom at eleven" needs no guest, so nobody is to be asked which Bloom is invited.
"""

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from umi_edge.values.word_lists import word_lists

__all__ = ["invites", "without_guests"]

_GUESTS = re.compile(r"(?:.*[_-])?(?:guests?|attendees?|invitees?|participants?)")


def invites(words: str) -> bool:
    """Whether words may have somebody come.

    >>> invites("lunch with Karim at noon"), invites("collect the cake from bloom at eleven, put that in")
    (True, False)
    """
    return _invites().search(words) is not None


def without_guests(arguments: Mapping[str, Any], required: Collection[str]) -> dict[str, Any] | None:
    """The arguments without guests; None where there are none that may be left out."""
    rest = {
        name: value for name, value in arguments.items() if name in required or not _GUESTS.fullmatch(name)
    }
    return rest if len(rest) < len(arguments) else None


@cache
def _invites() -> "re.Pattern[str]":
    words = word_lists("umi_edge.session.words", "invitations.yaml")
    return re.compile(rf"\b{words.any_of('invites')}\b", re.IGNORECASE)
