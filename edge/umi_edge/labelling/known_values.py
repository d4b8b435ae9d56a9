"""The vault's own values, looked for in text: what was kept once is kept wherever it shows up again.

Covered: strings of at least four characters and numbers of at least five digits, whatever their case, accents,
width, invisible characters or look-alike letters; single words and what is shorter than eight characters only
where they stand alone. Those that are hidden, and those within an object or a list that is kept whole, too.
Not covered: the parts of what a caller that has seen values wrote, or an operator made: a planner could have words
chosen by a value, and see in a text that it knows which of them are looked for. Shorter values, parts of texts, other
spellings of a number, paraphrases; detectors and rules are for those.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from ahocorasick_rs import AhoCorasick

from umi_edge.labelling.vault import Kept, Vault
from umi_edge.policy.names import stands_alone
from umi_edge.policy.projection import all_projected, project
from umi_edge.values.growing_index import GrowingIndex, Match
from umi_edge.values.json_walk import scalars
from umi_shared.labels import Label

__all__ = ["KnownValues", "Sighting", "is_seen"]

MIN_CHARACTERS = 4
MIN_DIGITS = 5
MIN_ANYWHERE = 8


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a kept value stands in a text."""

    start: int
    end: int
    kept: Kept
    label: Label
    """The join of all that it is kept under: the same value may be kept twice, and the stricter counts."""
    whole: bool
    """Whether it is all of the kept value, and no part of an object or a list."""


@dataclass(slots=True)
class KnownValues:
    """Finds kept values in text."""

    vault: Vault
    _read: int = 0
    _kept: dict[str, tuple[Kept, Label, bool]] = field(default_factory=dict, repr=False)
    """By the value as it is looked for."""
    _index: GrowingIndex[str] = field(default_factory=lambda: GrowingIndex[str](AhoCorasick), repr=False)

    def find(self, text: str) -> list[Sighting]:
        """Kept values in the text, leftmost and longest first, never overlapping."""
        self._refresh()
        if not self._kept or not text:
            return []
        view = project(text)
        found = [match for match in self._index.find(view.text) if is_seen(view.text, match)]
        return [
            Sighting(*view.original(match.start, match.end), kept, label, whole)
            for match in _leftmost_longest(found)
            for kept, label, whole in (self._kept[match.needle],)
        ]

    def _refresh(self) -> None:
        found = [
            (text, kept, not isinstance(kept.value, dict | list))
            for kept in self.vault.since(self._read)
            for text in _texts(kept)
        ]
        words = all_projected([text for text, _, _ in found])
        for (_, kept, whole), word in zip(found, map(str.strip, words), strict=True):
            if len(word) >= MIN_CHARACTERS:
                self._add(word, kept, whole)
        self._read = len(self.vault)

    def _add(self, word: str, kept: Kept, whole: bool) -> None:
        known = self._kept.get(word)
        if known is None:
            self._kept[word] = kept, kept.label, whole
            self._index.add(word)
            return
        _, label, was_whole = known
        joined = label.join(kept.label)
        if joined != label or (whole and not was_whole):
            self._kept[word] = kept, joined, whole


def is_seen(text: str, match: Match[str]) -> bool:
    """Whether a match in a projected text counts: letters and short values stand within words by chance."""
    common = len(match.needle) < MIN_ANYWHERE or match.needle.isalpha()
    return not common or stands_alone(text, match.start, match.end)


def _texts(kept: Kept) -> Iterator[str]:
    """The texts of a value, and those of its numbers that are long enough to be told from chance."""
    if isinstance(kept.value, str):
        yield kept.value
    elif kept.origin.chosen and isinstance(kept.value, dict | list):
        return
    else:
        for node in scalars(kept.value):
            if isinstance(node, str):
                yield node
            elif isinstance(node, int | float) and not isinstance(node, bool):
                number = json.dumps(node)
                if sum(character.isdigit() for character in number) >= MIN_DIGITS:
                    yield number


def _leftmost_longest(found: list[Match[str]]) -> list[Match[str]]:
    chosen: list[Match[str]] = []
    for match in sorted(found, key=lambda match: (match.start, -match.end)):
        if not chosen or match.start >= chosen[-1].end:
            chosen.append(match)
    return chosen
