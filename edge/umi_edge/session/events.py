"""What a session tells while it runs, and how it ends; everything that shows a session is built on these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.egress.cloud_client import Sent
from umi_edge.labelling.text import LabelledText
from umi_edge.tools import Outcome
from umi_shared.transcript import Next, Usage

__all__ = [
    "Action",
    "AnswerStarted",
    "AnswerStreamed",
    "Asked",
    "AskedUser",
    "CallWritten",
    "ClockTold",
    "Ended",
    "Ending",
    "Event",
    "GaveUp",
    "Answered",
    "Instructed",
    "Observed",
    "PlanStarted",
    "Progressed",
    "Questioned",
    "Planned",
    "QuestionStreamed",
    "RationaleStreamed",
    "Refused",
    "Replied",
    "Retrying",
    "Sent",
    "Stopped",
]


@dataclass(frozen=True, slots=True)
class ClockTold:
    """The models are told what day it is, as the policy's `clock` says."""

    text: LabelledText = field(repr=False)


@dataclass(frozen=True, slots=True)
class Instructed:
    """The instruction is labelled; nothing has left yet."""

    text: LabelledText = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlanStarted:
    """A step begins."""

    step: int


@dataclass(frozen=True, slots=True)
class RationaleStreamed:
    """The planner says more; handles are still handles."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class QuestionStreamed:
    """More of the planner's question to the user, with the real values: for the user's eyes only."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Replied:
    """What the user said to a question is labelled, as an instruction is."""

    text: LabelledText = field(repr=False)


@dataclass(frozen=True, slots=True)
class Retrying:
    """The connection failed and the step starts over: forget what it streamed so far. `attempt` counts the tries."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The planner has decided."""

    step: int
    rationale: LabelledText = field(repr=False)
    next: Next
    tool: str
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWritten:
    """The caller wrote a call."""

    tool: str
    arguments: LabelledText = field(repr=False)
    usage: Usage
    ahead_tokens: int = 0
    """How many tokens of the prompt were read while the planner still spoke."""
    drafted: frozenset[str] = field(default=frozenset(), repr=False)
    """The arguments that are the planner's own, of its draft or spelled in its rationale."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The call will not be made: the policy denies it, or the user declined. Value-free."""

    tool: str
    kind: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """The user was asked for consent to a call; `approved` is the reply."""

    tool: str
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Questioned:
    """The server of a tool asks the user something in the midst of a call, or has its reply."""

    tool: str
    reply: str = ""
    """`answered` or `declined`; empty before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """How far a call is, by the server's own word; for the user's eyes."""

    tool: str
    done: float
    total: float | None = None
    message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A call has ended."""

    tool: str
    outcome: Outcome
    observation: LabelledText = field(repr=False)
    failure: str = ""
    """The kind of failure as the cloud is told it; empty for a success, and where the kind stays here too."""
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The real values that the tool was given; for the user's eyes."""


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The summarizer is asked."""


@dataclass(frozen=True, slots=True)
class AnswerStreamed:
    """More of the answer, with the real values: for the user's eyes only."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One call as it was really made, from the device's own record, never from a model's words."""

    tool: str
    arguments: Mapping[str, Any] = field(repr=False)
    """The real values."""
    result: str
    """`done`, or the kind of failure."""
    detail: str = field(default="", repr=False)
    """The tool's own words on a failure; private."""
    seconds: float = 0

    @property
    def done(self) -> bool:
        """Whether the call succeeded."""
        return self.result == "done"


@dataclass(frozen=True, slots=True)
class Answered:
    """The summarizer answered."""

    answer: str = field(repr=False)
    undone: tuple[str, ...] = ()
    """The tools of which the answer begins by saying that they did not do what was asked of them."""


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The planner found no way; `reason` is its last rationale, with the real values."""

    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskedUser:
    """The planner asked the user something, and nobody replied; `question` has the real values."""

    question: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A limit of the policy ended the session."""

    reason: str


Ending = Answered | GaveUp | AskedUser | Stopped


@dataclass(frozen=True, slots=True)
class Ended:
    """The instruction is carried out, or will not be."""

    ending: Ending


Event = (
    ClockTold
    | Instructed
    | PlanStarted
    | Sent
    | Retrying
    | RationaleStreamed
    | QuestionStreamed
    | Planned
    | Replied
    | CallWritten
    | Refused
    | Asked
    | Questioned
    | Progressed
    | Observed
    | AnswerStarted
    | AnswerStreamed
    | Ended
)
