"""What a caller writes."""

from dataclasses import dataclass, field

from umi_shared.transcript import Usage

__all__ = ["WrittenCall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCall:
    """A call as the model wrote it: handles unresolved, nothing checked but its grammar."""

    tool: str
    arguments: str = field(repr=False)
    """Compact JSON text of an object."""
    usage: Usage
    ahead_tokens: int = 0
    """How many tokens of the prompt were read while the planner still spoke; nobody waited for them."""
