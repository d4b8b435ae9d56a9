"""The organizer: whether an event of the calendar is an invitation from somebody else.

Not covered: an invitation that somebody else wrote in the user's name, or without an organizer.
"""

from collections.abc import Collection, Iterable
from typing import Any

from umi_edge.tools.record import Doubt

__all__ = ["INVITATION", "is_invitation", "plain_address"]

INVITATION = Doubt(
    "an invitation from somebody else",
    True,
    "if that somebody is you, name your e-mail addresses under `home.addresses` of the configuration",
)


def plain_address(address: str) -> str:
    """An address in the one spelling in which it is compared.

    >>> plain_address("MAILTO:Me@Example.org ")
    'me@example.org'
    """
    return address.strip().casefold().removeprefix("mailto:").strip()


def is_invitation(components: Iterable[Any], own: Collection[str]) -> bool:
    """Whether anybody organizes any of an event's components who is not known to be the user.

    `own` are the user's addresses, as `plain_address` gives them.
    """
    for component in components:
        organizers = component.get("ORGANIZER", [])
        for one in organizers if isinstance(organizers, list) else [organizers]:
            if plain_address(str(one)) not in own:
                return True
    return False
