"""An index of strings to look for in texts, to which strings are added all the time.

An Aho-Corasick automaton cannot grow. Building one anew for each string added would make a result with 20,000
private leaves cost minutes, so strings are kept in automata of doubling sizes: each string is built in again a
number of times that is logarithmic in theirs.

The automata are NFAs: a DFA of one long string that repeats itself takes minutes to build, and a stranger may send one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ahocorasick_rs import Implementation

__all__ = ["GrowingIndex", "Match"]

S = TypeVar("S", str, bytes)


@dataclass(frozen=True, slots=True)
class Match(Generic[S]):
    """Where a string of the index stands in a text."""

    start: int
    end: int
    needle: S = field(repr=False)


@dataclass(slots=True)
class GrowingIndex(Generic[S]):
    """Finds every occurrence of its strings in a text, overlapping ones too.

    >>> from ahocorasick_rs import AhoCorasick
    >>> index = GrowingIndex[str](AhoCorasick)
    >>> index.add("ann"); index.add("anna")
    >>> sorted((match.start, match.end) for match in index.find("anna"))
    [(0, 3), (0, 4)]
    """

    automaton: Callable[..., Any]
    """`AhoCorasick` for text, `BytesAhoCorasick` for bytes."""
    _known: set[S] = field(default_factory=set, repr=False)
    _pending: list[S] = field(default_factory=list, repr=False)
    _levels: list[tuple[Any, list[S]]] = field(default_factory=list, repr=False)

    def add(self, needle: S) -> None:
        """Look for this string, too; the empty one is nowhere."""
        if needle and needle not in self._known:
            self._known.add(needle)
            self._pending.append(needle)

    def find(self, text: S) -> Iterator[Match[S]]:
        """Every occurrence, in no order."""
        self._build()
        for automaton, needles in self._levels:
            for at, start, end in automaton.find_matches_as_indexes(text, overlapping=True):
                yield Match(start, end, needles[at])

    def _build(self) -> None:
        if not self._pending:
            return
        needles, self._pending = self._pending, []
        while self._levels and len(self._levels[-1][1]) <= 2 * len(needles):
            needles = self._levels.pop()[1] + needles
        automaton = self.automaton(needles, implementation=Implementation.ContiguousNFA)
        self._levels.append((automaton, needles))
