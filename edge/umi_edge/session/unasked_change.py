"""Unasked changes: a plan changes something of a kind that the user's words do not ask for.

Covered: tools of umi's own, by the words of the last two turns as the planner sees them, so nothing that stays decides.
Not covered: the right kind of change to the wrong thing; words that training had few of; a correction alone; tools of
others, of which consent asks.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from umi_edge.labelling.text import LabelledEntry
from umi_edge.request_kinds import KIND_OF, Kind
from umi_edge.session.draft import Draft
from umi_edge.session.own_words import seen_text, seen_words
from umi_edge.session.unclear_choice import turns_of
from umi_shared.transcript import Plan

__all__ = ["UnaskedChangeError", "WaitingPlan", "unasked_kind"]

_QUESTIONS = {
    Kind.MAIL: "You did not seem to ask for a mail. Do you want one sent?",
    Kind.EVENT: "You did not seem to ask for a new event. Do you want one in your calendar?",
    Kind.MOVED: "You did not seem to ask for a change of an event. Do you want one changed?",
    Kind.CANCELLED: "You did not seem to ask for an event to be cancelled. Do you want one cancelled?",
    Kind.NOTE: "You did not seem to ask for a note. Do you want one written?",
    Kind.TODO: "You did not seem to ask for a change of your to-dos. Do you want one made?",
    Kind.CONTACT: "You did not seem to ask for a change of your contacts. Do you want one made?",
}
_NO = re.compile(
    r"\W*(?:no|nope|nah|not|neither|never|nothing|stop|wait|don['’]?t|nein|nicht|kein\w*|non|pas|nada)\b",
    re.IGNORECASE,
)
_YES = re.compile(
    r"\W*(?:yes|yeah|yep|yup|y|sure|ok|okay|right|please|pls|do|i do|send it|go ahead|ja|jo|gerne|bitte|mach das|oui|"
    r"s['’]il (?:te|vous)|d['’]accord|s[ií]|vale|por favor|claro)\b"
    r"(?:\W+(?:yes|please|pls|do|it|that|so|send|go|ahead|one|i|thanks|ja|gerne|bitte|mach|das|te|vous|pla[iî]t|por|"
    r"favor|claro)\b)*\W*",
    re.IGNORECASE,
)
_YES_AND_MORE = re.compile(r"\W*(?:yes|yeah|yep|yup|sure|ja|jo|gerne|oui|s[ií]|claro)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WaitingPlan:
    """A plan that is carried out once the user has said that they want it."""

    plan: Plan
    draft: Draft | None = field(repr=False)

    def entry(self, entries: Sequence[LabelledEntry]) -> LabelledEntry | None:
        """Its entry, where the reply, as the planner sees it, says yes and nothing else; else all is planned anew.

        >>> bool(_YES.fullmatch("Yes, please!")), bool(_YES.fullmatch("yes, to Martin")), bool(_YES.fullmatch("thanks"))
        (True, False, False)
        """
        if not _YES.fullmatch(seen_words(entries)[-1]):
            return None
        return next((one for one in reversed(entries) if one.template is self.plan), None)


class UnaskedChangeError(Exception):
    """A change that nobody asked for; its text is what the user is asked."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(_QUESTIONS[kind])


def unasked_kind(tool: str, entries: Sequence[LabelledEntry], lost_at: int = -1) -> Kind | None:
    """The kind of change that a tool of umi's own makes, where the last two turns ask for something else.

    Whoever was asked whether they want it, and says neither no nor what asks for something else, wants it. `lost_at` is
    as in `turns_of`.
    """
    kind = KIND_OF.get(tool)
    turns = turns_of(entries, seen_words(entries), lost_at) if kind is not None else []
    if kind is None or not turns:
        return None
    *before, words = (said for turn in turns[-2:] for said in turn.said)
    if turns[-1].asked_at >= 0 and seen_text(entries[turns[-1].asked_at]) == _QUESTIONS[kind]:
        if _NO.match(words):
            return kind
        if _YES.fullmatch(words) or _YES_AND_MORE.match(words):
            return None
        before = []  # they were asked of it
    from umi_edge.request_kinds.model import RequestKinds  # noqa: PLC0415  # with numpy: a start does without

    return kind if RequestKinds.shipped().objects(kind, words, before) else None
