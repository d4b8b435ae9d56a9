"""The exceptions of a policy's detectors, counted: how many values, of which type; never which.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from umi_edge.policy import Policy

__all__ = ["CountedException", "exceptions_of"]


@dataclass(frozen=True, slots=True)
class CountedException:
    """What one line of a policy excepts."""

    rule_id: str
    type: str
    values: int
    file: str

    def __str__(self) -> str:
        """In one line."""
        values = f"{self.values:,} value{'' if self.values == 1 else 's'}"
        return f"{self.rule_id}: {values} left alone as no {self.type}" + (
            f", from {self.file}" if self.file else ""
        )


def exceptions_of(policy: Policy, files: Mapping[str, Iterable[str]]) -> Iterator[CountedException]:
    """Each of them once, given what was read of the policy's files."""
    known: set[str] = set()
    for detector in policy.detect:
        for one in detector.excepted:
            if one.rule_id not in known:
                known.add(one.rule_id)
                yield CountedException(one.rule_id, detector.type, len(set(one.compared(files))), one.file)
