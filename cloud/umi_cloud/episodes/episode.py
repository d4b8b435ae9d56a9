"""One recorded or made-up conversation with tools: what every training set and evaluation is made of.

I4: docs/design.md#i4-handles-resolve-in-one-place
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from umi_shared.dialects.alpha_umi import Remark, Turn
from umi_shared.handles import Text
from umi_shared.transcript import Answer, Call, Clock, Instruction, ToolCard, View, with_text

__all__ = ["Episode", "Role"]


class Role(StrEnum):
    """A role that has a training set: one of the three, or the single model of stage 1 (`backbone`)."""

    PLANNER = "planner"
    CALLER = "caller"
    SUMMARIZER = "summarizer"
    BACKBONE = "backbone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A catalogue, an instruction, then steps of plan, call and observation, and an answer or a give-up.

    Handles stand in place of private values; handle-like text of the source is escaped, as everywhere (I4).
    """

    catalogue: tuple[ToolCard, ...]
    turns: tuple[Turn, ...] = field(repr=False)
    """Starts with an instruction. A few data sets repeat instructions and hold remarks between the steps."""
    source: str
    """Where the episode comes from, such as `toolbench`."""
    licence: str
    """The SPDX identifier that its text may be used under."""
    written: Mapping[int, Text] = field(default_factory=dict, repr=False)
    """By the turn of a call: the arguments as the caller wrote them, where the transcript shows handles instead."""

    def __post_init__(self) -> None:
        if self._first is None:
            raise ValueError("an episode starts with an instruction, and before it at most with the clock")

    @property
    def instruction(self) -> Text:
        """What the user asked for first."""
        return self._first.text if self._first is not None else ()

    @property
    def _first(self) -> Instruction | None:
        turns = self.turns[1:] if self.turns and isinstance(self.turns[0], Clock) else self.turns
        return turns[0] if turns and isinstance(turns[0], Instruction) else None

    @property
    def answer(self) -> Text | None:
        """What the user was told at the end; None after a give-up."""
        last = self.turns[-1]
        return last.text if isinstance(last, Answer) else None

    def target(self, index: int) -> Turn:
        """What a role should write for a turn: the turn itself, or for a masked call its `written` arguments."""
        turn = self.turns[index]
        return (
            with_text(turn, self.written[index]) if isinstance(turn, Call) and index in self.written else turn
        )

    def view(self, end: int) -> View:
        """What a sink sees before turn `end`, without remarks, which umi does not have."""
        entries = tuple(turn for turn in self.turns[:end] if not isinstance(turn, Remark))
        return View(catalogue=self.catalogue, entries=entries)
