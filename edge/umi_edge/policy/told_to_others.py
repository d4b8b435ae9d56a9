"""Told to others: which arguments of built-in tools other people read, or the user later relies on as their own data.

A policy need not say that they are confirmed: they are, unless it says `confirm: never` of the tool. The names of
built-in tools are taken, so no other tool is meant.
"""

from collections.abc import Mapping

from umi_edge.policy.families import BUILT_IN

__all__ = ["why_confirmed"]

_INVITED = {"guests": "others read an invitation"}
_RELIED_ON = "you will rely on what is in your contacts"
_TOLD: Mapping[str, Mapping[str, str]] = {
    "calendar.create": _INVITED,
    "calendar.update": _INVITED,
    "contacts.add": {"name": _RELIED_ON},
    "contacts.change": {"id": _RELIED_ON},
}
"""By tool and argument, why the user is asked when it is given. A contact always has a name, a change of one its id."""


def why_confirmed(tool: str, argument: str, source: str) -> str:
    """Why the user is asked when an argument is given; empty where they need not be.

    >>> why_confirmed("calendar.create", "guests", "builtin"), why_confirmed("calendar.create", "guests", "mcp:x")
    ('others read an invitation', '')
    """
    return _TOLD.get(tool, {}).get(argument, "") if source in ("", BUILT_IN) else ""
