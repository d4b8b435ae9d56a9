"""Owned values: what the user typed, or approved at the place, for arguments that say `requires: typed-or-approved`.

A yes is remembered as the argument was written: a handle stands for one value for ever, and a text for itself. So a
second handle for the same value is asked about again, and that it is not asked about never shows that two values are
equal. That a value stands in what the user typed may show by no question being asked: that is counted as one bit.

I3: docs/design.md#i3-noninterference
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.policy import Location
from umi_edge.session.provenance import History
from umi_edge.session.rehydration import resolve

__all__ = ["Approvals", "OwnedValues"]

_Place = tuple[str, tuple[str, ...], str]
"""The tool, the argument with `*` for every number of an item, and what was written there."""


@dataclass(slots=True)
class Approvals:
    """What the user has said yes to in one session, argument by argument; a saved session does not keep it."""

    _said: set[_Place] = field(default_factory=set, repr=False)

    def add(self, tool: str, arguments: Mapping[str, Any], locations: Iterable[Location]) -> None:
        """Take a yes to a call, every value of which they were shown."""
        self._said |= {_place(tool, at, _at(arguments, at)) for at in locations}

    def has(self, tool: str, arguments: Mapping[str, Any], location: Location) -> bool:
        """Whether they have said yes to this value at this argument."""
        return _place(tool, location, _at(arguments, location)) in self._said


@dataclass(slots=True)
class OwnedValues:
    """Says of the arguments of one call which the user typed or approved, and notes whether a value was looked at."""

    tool: str = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False)
    """As they were written, handles unresolved."""
    said: Mapping[str, Any] = field(repr=False)
    """The user's own words for those of them that were worked out, as days are."""
    history: History = field(repr=False)
    approvals: Approvals = field(repr=False)
    looked: bool = False

    def __call__(self, location: Location) -> bool:
        """Whether the value at a location is the user's own."""
        if self.approvals.has(self.tool, self.arguments, location):
            return True
        self.looked = True
        words = self.said.get(str(location[0])) if len(location) == 1 else None
        words = _at(self.arguments, location) if words is None else words
        value = resolve(words, self.history.vault)
        return self.history.is_typed(value if isinstance(value, str) else json.dumps(value))


def _at(arguments: Mapping[str, Any], location: Location) -> Any:
    node: Any = arguments
    for key in location:
        node = node[key]
    return node


def _place(tool: str, location: Location, written: Any) -> _Place:
    return tool, tuple("*" if isinstance(key, int) else key for key in location), json.dumps(written)
