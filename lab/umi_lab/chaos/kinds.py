"""Where things go wrong in a run of chaos, and what kinds of things do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["DATABASE", "ENGINE", "FRONTS", "LAPTOP", "PLACES", "Kind", "Net"]

LAPTOP, ENGINE, DATABASE = "laptop", "engine", "database"
FRONTS = ("front 1", "front 2")
PLACES = (LAPTOP, *FRONTS, ENGINE, DATABASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault."""

    places: tuple[str, ...]
    """Where it may strike."""
    longest: float = 4.0
    """How many seconds it lasts at most."""


class Net(Protocol):
    """What is between the places: a network of their own, or relays."""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What may go wrong in it."""
        ...

    async def disturb(self, kind: str, where: str, seconds: float) -> None:
        """Let it go wrong for a while."""
        ...
