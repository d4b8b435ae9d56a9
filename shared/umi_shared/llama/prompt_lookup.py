"""Prompt lookup: guesses at the next tokens, copied from the prompt; a call's arguments mostly repeat its words."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["PromptLookup"]

_CONTEXT = 8
"""How many of the last tokens are compared, to choose among places that look alike."""
_MIN_REACH, _MAX_REACH = 1, 16
"""Bounds on the length of a guess, in tokens."""


class PromptLookup:
    """Drafts without a draft model (prompt lookup decoding, Saxena 2023; the n-gram case of arXiv 2211.17192, §3.4).

    Looks for the last two tokens earlier in the text, and proposes the tokens that followed them there. Of several
    such places, it takes the one whose preceding tokens agree longest with the last ones, and of those the latest.
    """

    def __init__(self, tokens: list[int], room: int) -> None:
        """`tokens` is the prompt; up to `room` tokens of output are added to it."""
        self._tokens: NDArray[np.int32] = np.empty(len(tokens) + room, np.int32)
        self._tokens[: len(tokens)] = tokens
        self._count = len(tokens)
        self._reach = 4

    def add(self, token: int) -> None:
        """One more token was written."""
        self._tokens[self._count] = token
        self._count += 1

    def propose(self, limit: int) -> list[int]:
        """Up to `limit` tokens that may come next; none where the last two tokens are new.

        >>> lookup = PromptLookup([5, 1, 2, 3, 9, 1, 2], room=8)
        >>> lookup.propose(2), lookup.propose(8)
        ([3, 9], [3, 9, 1, 2])
        """
        read = self._tokens[: self._count]
        places = np.flatnonzero(read[1:-1] == read[-1]) + 1
        for back in range(1, _CONTEXT):
            places = places[places >= back]
            alike = places[read[places - back] == read[-1 - back]] if self._count > back else places[:0]
            if alike.size == 0:
                if back == 1:
                    return []
                break
            places = alike
        if places.size == 0:
            return []
        start = int(places[-1]) + 1
        found: list[int] = read[start : start + min(limit, self._reach)].tolist()
        return found

    def learn(self, proposed: int, accepted: int) -> None:
        """Set the length of the next guess: twice as long after a guess that was all right, else as far as it was."""
        self._reach = min(_MAX_REACH, 2 * self._reach) if accepted == proposed else max(_MIN_REACH, accepted)
