"""Replies: what the user says to a question of the planner's, where somebody is there to say it."""

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["MOST_QUESTIONS", "NoReplies", "Replies", "ReplyRequest"]

MOST_QUESTIONS = 2
"""Questions that a planner may ask in one session: each is a way to get the user to say more."""


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """A question of the planner's, or of this device's own, to which the user may reply."""

    question: str = field(repr=False)
    """As the user is shown it, with the real values."""


class Replies(Protocol):
    """Somebody who can be asked."""

    async def reply(self, question: str) -> str:
        """What the user types to a question that was streamed to them; empty where they say nothing."""
        ...


class NoReplies:
    """Nobody is there, so the question is how the instruction ends."""

    async def reply(self, question: str) -> str:
        """Nothing."""
        return ""
