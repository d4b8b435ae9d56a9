"""The prompt prefix: the tokens of the coming call's prompt that are certain while the plan is still being said."""

from collections.abc import Callable, Iterable

from umi_shared.prefix import shared_prefix
from umi_shared.transcript import Instruction, Next, Plan, View

__all__ = ["catalogue_prefix", "certain_prefix", "whole_words"]

TokensOf = Callable[[View], list[int]]
"""The tokens of the caller's prompt for a view."""


def catalogue_prefix(tokens_of: TokensOf, view: View) -> list[int]:
    """What the prompts of all sessions with these tools begin with; entries of the view are not looked at."""
    return _common(
        tokens_of(View(catalogue=view.catalogue, entries=(Instruction((word,)),))) for word in _PROBES
    )


def certain_prefix(tokens_of: TokensOf, view: View) -> list[int]:
    """What the call's prompt begins with, however its plan goes on.

    The view's last entry may be a plan whose rationale ends with a whole word; else the plan is yet to begin. A
    token at the edge that comes out differently in the end is one token read again.
    """
    last = view.entries[-1] if view.entries else None
    *before, plan = view.entries if isinstance(last, Plan) else (*view.entries, Plan((), Next.CALLER))
    assert isinstance(plan, Plan)  # noqa: S101  # the type checker cannot see it
    space = " " if plan.rationale else ""
    return _common(
        tokens_of(
            View(
                catalogue=view.catalogue,
                entries=(*before, Plan((*plan.rationale, f"{space}{word}"), Next.CALLER)),
            )
        )
        for word in _PROBES
    )


def whole_words(text: str) -> str:
    """A text that is still growing, without its last word: that may change its tokens, or become a handle.

    >>> whole_words("To write to <em"), whole_words("To")
    ('To write to', '')
    """
    return text.rstrip().rpartition(" ")[0] if not text.endswith(" ") else text.rstrip()


_PROBES = ("a", "Z")
"""Two ways to go on that have no token in common."""


def _common(prompts: Iterable[list[int]]) -> list[int]:
    first, second = prompts
    return first[: shared_prefix(first, second)]
