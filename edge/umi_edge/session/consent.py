"""Consent: a person is shown the exact values of a call, and says yes or no to these and no others.

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from umi_edge.tools.json_type import JSON
    from umi_edge.tools.running_call import ServerQuestion

__all__ = [
    "AnswersQuestions",
    "Consent",
    "ConsentRequest",
    "DecidedBy",
    "DeclineAll",
    "Provenance",
    "UnsafeApproveAll",
]


class DecidedBy(StrEnum):
    """Who had a say in what a value is, from the least doubtful to the most."""

    YOU = "you"
    """The user typed it, as it is."""
    YOUR_DATA = "your data"
    """A tool gave it whose results the policy trusts, as contacts are."""
    MODEL = "a model"
    """A model wrote it, in words that the user did not type; it had read no stranger's text in clear."""
    SUPPLIED = "a stranger's data"
    """A tool gave it that strangers write into; the user named that text, or a model picked it that had read none."""
    STRANGER = "a stranger"
    """A model wrote or chose it once it had read a stranger's text in clear, or it is a part of such a text that the
    user did not name, or an address, an account or a name that stands in nothing which the user typed or has."""

    @property
    def doubt(self) -> int:
        """How far it is from the user's own word."""
        return list(DecidedBy).index(self)

    @property
    def by_stranger(self) -> bool:
        """Whether somebody else decided or supplied it."""
        return self in (DecidedBy.SUPPLIED, DecidedBy.STRANGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where an argument's value came from."""

    decided_by: DecidedBy
    """Who decided the value; where several had a say in it, the most doubtful one."""
    said: tuple[str, ...]
    """Each part of it in words that a person can read; value-free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """The call that is about to be made."""

    tool: str
    arguments: Mapping[str, Any] = field(repr=False)
    """The resolved values, exactly as the tool will get them."""
    reasons: tuple[str, ...]
    """Why a person is asked; value-free."""
    question: str = field(default="", repr=False)
    """What is asked, where it is not whether the tool may do this."""
    leaves_device: bool
    """Whether the tool sends its arguments off the device."""
    provenance: Mapping[str, Provenance] = field(default_factory=dict, repr=False)
    """Where each argument's value came from, by its name; a name without one is of unknown origin."""

    def decided_by(self, name: str) -> DecidedBy:
        """Who had a say in an argument; where nothing is known of it, a stranger (I2)."""
        known = self.provenance.get(name)
        return known.decided_by if known is not None else DecidedBy.STRANGER

    @property
    def from_strangers(self) -> tuple[str, ...]:
        """The arguments that a stranger decided, or supplied: they want a yes of their own."""
        return tuple(name for name in self.arguments if self.decided_by(name).by_stranger)


class Consent(Protocol):
    """Somebody, or something, that can approve a call."""

    async def approve(self, request: ConsentRequest) -> bool:
        """Whether this very call may be made."""
        ...


@runtime_checkable
class AnswersQuestions(Protocol):
    """A consent that also answers what a server asks the user in the midst of a call; any other declines (I2)."""

    async def answer(self, question: "ServerQuestion") -> "Mapping[str, JSON] | None":
        """What the user answers, which goes to that server only; None for a no."""
        ...


class DeclineAll:
    """Nobody is there to ask, so the answer is no (I2)."""

    async def approve(self, request: ConsentRequest) -> bool:
        """No."""
        return False


class UnsafeApproveAll:
    """Yes to everything: for sample data and tests."""

    async def approve(self, request: ConsentRequest) -> bool:
        """Yes."""
        return True
