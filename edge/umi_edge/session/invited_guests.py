"""Invited guests: all those whom the user's words invite, where a small model puts one of them into an event.

It is decided by what the planner sees alone: the request, and look-ups each of which found one person.

I3: docs/design.md#i3-noninterference
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from umi_edge.labelling.text import LabelledEntry
from umi_edge.session.listed_items import Listing, given_to, listings
from umi_edge.values.word_lists import word_lists
from umi_shared.transcript import Call, Instruction

__all__ = ["invites_all", "with_all_guests"]

_GUESTS = "guests"


def invites_all(words: str) -> bool:
    """Whether words invite all of those whom they name.

    >>> invites_all("and invite both of them"), invites_all("invite Tom, both are well")
    (True, False)
    """
    return _pattern().search(words) is not None


def with_all_guests(
    arguments: Mapping[str, Any], request: str, entries: Sequence[LabelledEntry]
) -> dict[str, Any] | None:
    """The arguments with all guests whom a request invites; None where they stay.

    Each of at least two was looked up since, by a name that the request has, and found once.
    """
    guests = arguments.get(_GUESTS)
    if not isinstance(guests, list) or not guests or not invites_all(request):
        return None
    last = max((at for at, one in enumerate(entries) if isinstance(one.template, Instruction)), default=-1)
    found = [one for one in listings(entries) if one.at > last]
    people = {name: _address(one) for one in found if (name := _named(one.given, request))}
    calls = [one for one in entries[last + 1 :] if isinstance(one.template, Call)]
    named = [name for one in calls if (name := _named(given_to(one), request))]
    addresses = list(dict.fromkeys(people.get(name, "") for name in named))
    if len(addresses) == 1 or "" in addresses or not set(map(str, guests)) < set(addresses):
        return None
    return {**arguments, _GUESTS: addresses}


def _named(given: Mapping[str, Any], request: str) -> str:
    """For whom a look-up is, where the request has that name."""
    name = given.get("name")
    return name if isinstance(name, str) and name.casefold() in request.casefold() else ""


def _address(listing: Listing) -> str:
    """The address of the one whom a look-up found; empty where it found several, or one without an address."""
    people = [one.seen for items in listing.lists for one in items if isinstance(one.seen, Mapping)]
    people = [one for one in people if "name" in one]
    address = people[0].get("email") if len(people) == 1 else None
    return address if isinstance(address, str) else ""


@cache
def _pattern() -> "re.Pattern[str]":
    words = word_lists("umi_edge.session.words", "invitations.yaml")
    return re.compile(
        rf"(?<!not )(?<!n't )(?<!n’t )(?<!nicht )\b{words.any_of('invites_all')}\b", re.IGNORECASE
    )
