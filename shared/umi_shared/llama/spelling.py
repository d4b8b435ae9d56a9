"""Spelling: a word that is begun like one of the request's is likelier to be that word.

A small model copies a rare word in pieces ("Ka", "yak") and at times leaves it halfway for a commoner one. Which words
it copies is its own choice, and so is where a word ends that may end there; only the rest of one that it has begun is
made likelier, as a prior that the model can outweigh.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator

__all__ = ["Spelling"]

_WORD = re.compile(r"[^\W\d_]{4,}")
_BEGUN = re.compile(r"[^\W\d_]+\Z")


class Spelling:
    """The words of one text, for one output that is JSON."""

    def __init__(self, text: str, token_of: Callable[[str], int | None]) -> None:
        """`token_of` gives the one token that writes a text exactly, where there is one."""
        self._words = sorted({word.lower() for word in _WORD.findall(text)})
        self._token_of = token_of

    def likelier(self, written: str) -> list[int]:
        """The tokens that go on towards one of the words, after the output so far; none outside of a word.

        >>> Spelling("Mail Ann about the kayak", {"yak": 7, "y": 8, "ya": 9}.get).likelier('{"subject":"Ka')
        [8, 9, 7]
        """
        begun = _begun(written)
        if not begun or self._is_word(begun):
            return []
        found = (self._token_of(rest[:end]) for rest in self._rests(begun) for end in range(1, len(rest) + 1))
        return list(dict.fromkeys(token for token in found if token is not None))

    def _is_word(self, begun: str) -> bool:
        at = bisect_left(self._words, begun)
        return at < len(self._words) and self._words[at] == begun

    def _rests(self, begun: str) -> Iterator[str]:
        for word in self._words[bisect_left(self._words, begun) :]:
            if not word.startswith(begun):
                return
            yield word[len(begun) :]


def _begun(written: str) -> str:
    """The letters at the end of a string value that is open, in small letters; empty in a name or outside of strings.

    >>> _begun('{"tool":"notes.search","arguments":{"query":"Oak orc'), _begun('{"tool":"notes.search","argu')
    ('orc', '')
    """
    start = written.rfind('"')
    if written[start - 1 : start] not in (":", "["):
        return ""
    match = _BEGUN.search(written, start + 1)
    return match[0].lower() if match else ""
