"""The vault's own strings, looked for in text: what was kept once is kept wherever it shows up again.

Covered: strings of at least four characters, case-folded, as whole words.
Not covered: shorter values, parts of values, paraphrases; detectors and rules are for those.
"""

from dataclasses import dataclass, field

from ahocorasick_rs import AhoCorasick, MatchKind

from umi_edge.vault import Kept, Vault

__all__ = ["KnownValues", "Sighting"]

MIN_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a kept value stands in a text."""

    start: int
    end: int
    kept: Kept


@dataclass(slots=True)
class KnownValues:
    """Finds kept strings in text; the automaton is rebuilt only when the vault has grown."""

    vault: Vault
    _built_for: int = -1
    _kept: list[Kept] = field(default_factory=list, repr=False)
    _automaton: AhoCorasick | None = field(default=None, repr=False)

    def find(self, text: str) -> list[Sighting]:
        """Kept strings in the text, leftmost and longest first, never overlapping."""
        self._refresh()
        folded = text.lower()
        if self._automaton is None or len(folded) != len(text):  # a few letters grow when folded
            return []
        return [
            Sighting(start, end, self._kept[index])
            for index, start, end in self._automaton.find_matches_as_indexes(folded)
            if _is_whole(text, start, end)
        ]

    def _refresh(self) -> None:
        if self._built_for == len(self.vault):
            return
        self._built_for = len(self.vault)
        strings: dict[str, Kept] = {}
        for kept in self.vault:
            if isinstance(kept.value, str) and len(kept.value.strip()) >= MIN_CHARACTERS:
                strings.setdefault(kept.value.lower(), kept)
        self._kept = list(strings.values())
        self._automaton = AhoCorasick(list(strings), matchkind=MatchKind.LeftmostLongest) if strings else None


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether a match neither starts nor ends inside a word."""
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    after = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return not before and not after
