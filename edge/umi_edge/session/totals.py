"""What a session costs: steps, bytes and tokens."""

from dataclasses import dataclass, field

from umi_shared.transcript import Usage

__all__ = ["Totals"]


@dataclass(slots=True)
class Totals:
    """What a session has cost and done, counted on the device."""

    steps: int = 0
    bytes_out: int = 0
    messages_out: int = 0
    planner: Usage = field(default_factory=Usage)
    caller: Usage = field(default_factory=Usage)
    summarizer: Usage = field(default_factory=Usage)
    ahead_tokens: int = 0
    """How many tokens of the caller's prompts were read while the planner still spoke."""
