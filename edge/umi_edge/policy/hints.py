"""What a tool says of its own effects, for the policy to judge.

I5: docs/design.md#i5-third-party-tools-are-sinks
"""

from dataclasses import dataclass

__all__ = ["Hints"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a tool says of its own effects; a policy may be stricter, never laxer by default."""

    read_only: bool = False
    """It changes nothing."""
    destructive: bool = False
    """What it does cannot be undone: it is confirmed with the user."""
    open_world: bool = False
    """It sends its arguments off the device: it is a third party (I5)."""
    derived: bool = False
    """Its result is made of its arguments and of nothing else, so it carries the join of their labels."""
