"""Guesses at what comes next, copied from what was read: a call's arguments mostly repeat words of its prompt."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Drafts"]

_CONTEXT = 8
"""Tokens back that are compared, to choose among places that look alike."""
_LEAST, _MOST = 1, 16


class Drafts:
    """Prompt lookup (Saxena 2023, the n-gram case of Leviathan et al., arXiv 2211.17192, §3.4).

    Proposes what followed the last two tokens where they came up before: at the place that has most in common with
    what stands before them, the latest of such places. How far depends on how well the last proposal did.
    """

    def __init__(self, tokens: list[int], room: int) -> None:
        self._tokens: NDArray[np.int32] = np.empty(len(tokens) + room, np.int32)
        self._tokens[: len(tokens)] = tokens
        self._count = len(tokens)
        self._reach = 4

    def add(self, token: int) -> None:
        """One more token was written."""
        self._tokens[self._count] = token
        self._count += 1

    def propose(self, limit: int) -> list[int]:
        """Up to `limit` tokens that may come next; none where nothing like this came before.

        >>> drafts = Drafts([5, 1, 2, 3, 9, 1, 2], room=8)
        >>> drafts.propose(2), drafts.propose(8)
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
        """How much of the last proposal was right: reach twice as far after all of it, else about as far."""
        self._reach = min(_MOST, 2 * self._reach) if accepted == proposed else max(_LEAST, accepted)
