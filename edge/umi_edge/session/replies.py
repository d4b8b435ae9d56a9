"""Replies: what the user says to a question of the planner's, where somebody is there to say it."""

from typing import Protocol

__all__ = ["MOST_QUESTIONS", "NoReplies", "Replies"]

MOST_QUESTIONS = 2
"""Questions that a planner may ask in one session: each is a way to get the user to say more."""


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
