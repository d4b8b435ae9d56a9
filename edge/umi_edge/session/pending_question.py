"""The question that a transcript ends with: what the user types next is a reply to it, and is counted as one.

I3: docs/design.md#i3-noninterference
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from umi_edge.labelling.text import LabelledEntry, LabelledText
from umi_edge.session.replies import MOST_QUESTIONS
from umi_shared.bars import NO_BARS, Bar
from umi_shared.handles import unescape
from umi_shared.transcript import Answer, Next, Plan

__all__ = ["ASKED_BY_DEVICE", "DEVICES_OWN", "Question", "bars_of", "may_ask", "pending_question"]

ASKED_BY_DEVICE = "asked by this device"
"""The rule of this device's own question, of a day or a time."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that the user was asked."""

    text: str = field(repr=False)
    """As they were shown it, with the real values."""
    by_planner: bool
    """Whether the planner asked; else this device did."""
    bars: frozenset[Bar] = field(default=NO_BARS, repr=False)
    """What bars it: all that the planner had read, and the values that it names."""


DEVICES_OWN = Question("", by_planner=False)


def bars_of(text: LabelledText) -> frozenset[Bar]:
    """What bars any part of a text."""
    return NO_BARS.union(*(span.label.bars for span in text))


def pending_question(entries: Sequence[LabelledEntry]) -> Question | None:
    """The question after which nothing was said; None where the last thing said was no question."""
    if not entries or not isinstance(entries[-1].template, Answer):
        return None
    asked, before = entries[-1].text, entries[-2].template if len(entries) > 1 else None
    text = unescape("".join(span.clear for span in asked))
    if isinstance(before, Plan) and before.next is Next.ASK_USER:
        return Question(text, by_planner=True, bars=bars_of(asked))
    return Question(text, by_planner=False) if any(span.rule == ASKED_BY_DEVICE for span in asked) else None


def may_ask(entries: Sequence[LabelledEntry]) -> bool:
    """Whether the planner has questions left in the session of this transcript."""
    asked = [one.template for one in entries if isinstance(one.template, Plan)]
    return sum(plan.next is Next.ASK_USER for plan in asked) < MOST_QUESTIONS
