"""Never: one line of `never:`, a type whose values leave under no rule, scanned or not.

I1: docs/design.md#i1-release-only
I5: docs/design.md#i5-third-party-tools-are-sinks
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from umi_edge.policy.clearance import BUILT_IN_DEFAULT
from umi_edge.policy.rules import Resolution

__all__ = ["Never", "without_never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """What the detectors of one type find, and what a rule gives that type, stays wherever it stands."""

    type: str
    rule_id: str
    line: int


def without_never(resolution: Resolution, never: Iterable[Never]) -> Resolution:
    """What holds for a node of the type that a rule gives it: a handle at most, where that type never leaves."""
    for one in never:
        if one.type == resolution.type and not resolution.clearance.admits(BUILT_IN_DEFAULT):
            kept = resolution.clearance.join(BUILT_IN_DEFAULT)
            rules = f"{resolution.rule_id}; {one.rule_id}"
            return replace(resolution, locality=kept.locality, scan=kept.scan, rule_id=rules)
    return resolution
