"""A ready call: one that is written, and waits to be made, or for the user to say which of several things is meant.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from umi_edge.caller import WrittenCall
from umi_edge.session.draft import CheckedDraft, Draft
from umi_edge.session.item_evidence import Said
from umi_edge.session.several_meant import says_all
from umi_edge.session.time_arguments import Timed
from umi_edge.session.unclear_choice import Choice
from umi_shared.labels import PUBLIC, Label
from umi_shared.transcript import DraftUse

__all__ = ["ReadyCall", "UnclearChoiceError", "WaitingCall"]

_WHICH_ONE = "Which one do you mean?"
"""What the models are told of the question: its values are for the user's eyes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyCall:
    """A call as it was written, with its days and times worked out."""

    written: WrittenCall = field(repr=False)
    timed: Timed
    shown: Label
    """The label of all that whoever wrote it was shown in clear."""
    unseen: bool
    """Whether that was more than the cloud sees."""
    planned: bool
    draft: Draft | None = field(repr=False)
    checked: CheckedDraft | None = field(repr=False)

    @property
    def tool(self) -> str:
        """The tool that it calls."""
        return self.written.tool

    @property
    def seen(self) -> Label:
        """What it was written with beside handles."""
        return self.shown if self.unseen else PUBLIC

    @property
    def drafted(self) -> frozenset[str]:
        """The arguments that the planner gave."""
        return frozenset(self.checked.kept) if self.checked is not None else frozenset()

    @property
    def planners_words(self) -> frozenset[str]:
        """Those that are as the planner wrote them: a day that was worked out tells of the clock."""
        kept, arguments = self.checked.kept if self.checked is not None else {}, self.timed.arguments
        return frozenset(name for name in kept if name in arguments and arguments[name] == kept[name])

    @property
    def draft_use(self) -> DraftUse:
        """What became of its draft, as models are told of it; what a rationale only spells is none."""
        if self.unseen or self.draft is None or not self.draft.carried:
            return DraftUse.NONE
        return DraftUse.KEPT if self.draft.arguments == self.timed.arguments else DraftUse.CHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCall:
    """A call that is made once the user has said which of several things is meant."""

    call: ReadyCall
    choice: Choice
    shown: tuple[int, ...] = field(repr=False)
    """The things that the user is asked about."""

    @property
    def question(self) -> str:
        """What they are asked, with handles."""
        return self.choice.question(self.shown)

    def settled(self, reply: str, said: Callable[[str], Said]) -> dict[str, Any] | None:
        """The arguments with what the reply means; None where it does not tell."""
        if says_all(reply) and self.choice.may_be_all(self.shown):
            return dict(self.call.timed.arguments)
        number = self.choice.picked(reply, said, self.shown)
        return None if number is None else self.choice.with_item(self.call.timed.arguments, number)


class UnclearChoiceError(Exception):
    """A call that takes one of several things, of which the user has to say which is meant."""

    def __init__(self, waiting: WaitingCall) -> None:
        super().__init__(_WHICH_ONE)
        self.waiting = waiting
