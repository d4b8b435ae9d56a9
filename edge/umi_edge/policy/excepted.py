"""Excepted values: what a detector finds and a policy's author says is none of its finds, such as a town.

A find goes free only where all of it is an excepted value, in any case and however it is disguised; a longer find that
holds one, and the find of another detector there, stay. What is kept for another reason stays kept.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from umi_edge.policy.projection import projected
from umi_shared.released import Disclosure

__all__ = ["Excepted", "is_exception", "told_by_exceptions"]

_WORD = " except_values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """The exceptions of one line of a policy; its values are private, as those of a detector are (I8)."""

    values: tuple[str, ...] = field(default=(), repr=False)
    file: str = ""
    """Where more of them are, one a line."""
    digest: str = ""
    """What that file must be, where the policy is signed: the SHA-256 of its bytes; empty where it may be anything."""
    rule_id: str
    """Of the line, ending so that it is known for an exception's."""
    line: int

    @classmethod
    def of(cls, detector: str, *, values: Iterable[str], file: str, line: int) -> "Excepted":
        """The exceptions beside the detector of a rule."""
        return cls(values=tuple(values), file=file, rule_id=detector + _WORD, line=line)

    def listed(self, files: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
        """All of them, given what was read of the policy's files; of a file that was not, none, so that more stays."""
        return (*self.values, *files.get(self.rule_id, ()))

    def compared(self, files: Mapping[str, Iterable[str]]) -> Iterator[str]:
        """All of them as finds are compared with them."""
        return (text for value in self.listed(files) if (text := projected(value).strip()))


def is_exception(rule_id: str) -> bool:
    """Whether a rule, by which some text was let out, is an exception of a detector."""
    return rule_id.endswith(_WORD)


def told_by_exceptions(disclosures: Iterable[Disclosure]) -> tuple[str, ...]:
    """How much of a message left by each exception, in words; never what."""
    told: dict[str, int] = {}
    for one in disclosures:
        if is_exception(one.rule):
            told[one.rule] = told.get(one.rule, 0) + one.clear_bytes
    return tuple(f"{count:,} bytes of what a detector finds leave by {rule}" for rule, count in told.items())
