"""The verdict on one call: allowed, to be asked, or denied, with reasons that never hold a value.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from dataclasses import dataclass, field
from enum import StrEnum

from umi_edge.policy.paths import Location
from umi_edge.policy.rules import ANY_TYPE
from umi_shared.handles import Handle
from umi_shared.labels import PUBLIC, Label

__all__ = ["Allowed", "Ask", "Denied", "LabelledLeaf", "Reason", "ReasonCode", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledLeaf:
    """What is known of one leaf of a call's arguments without its value."""

    label: Label
    type: str = ANY_TYPE
    handles: tuple[Handle, ...] = ()
    """The handles it was written with; none for a literal."""
    origins: tuple[str, ...] = ()
    """Where the value of each handle came from, in words of the program."""
    model_written: bool = False
    """Whether any of its text was written by a model."""
    doubt: str = ""
    """Why it is not the user's own, though the tool that gave it is trusted; value-free."""
    mend: str = ""
    """What makes it count as the user's own again; value-free."""
    written: Label = PUBLIC
    """The label of what a model wrote of it."""


class ReasonCode(StrEnum):
    """Why a call is not simply allowed."""

    WRONG_TYPE = "wrong-type"
    NOT_TRUSTED = "not-trusted"
    NOT_ACCEPTED = "not-accepted"
    CONFIRM = "confirm"
    UNPLANNED = "unplanned"
    STORED = "stored"
    NEVER = "never"
    BARRED = "barred"
    NOT_TYPED = "not-typed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason, for people and programs; names the rule, the place and the type, never a value (I8)."""

    code: ReasonCode
    path: str = ""
    """The argument's path; names that only data know are `*`."""
    rule_id: str
    type: str = ""
    message: str
    counterfactual: str
    """What would allow it."""

    def __str__(self) -> str:
        return f"{self.message} (rule: {self.rule_id}); {self.counterfactual}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may run, with the arguments at `redact` left out."""

    redact: frozenset[Location] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """The call may run if the user, who sees the exact values, says so."""

    reasons: tuple[Reason, ...]
    redact: frozenset[Location] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Denied:
    """The call may not run."""

    reasons: tuple[Reason, ...]


Verdict = Allowed | Ask | Denied
