"""The word book: many words in one text, in which those are found that are one letter away."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from umi_edge.spelling.edits import is_one_edit

__all__ = ["WordBook"]

_BEGINNING = re.compile(r"(?<=\n)..?")


@dataclass(frozen=True, slots=True)
class WordBook:
    """Words in small letters, sorted. One text takes a tenth of the memory that a set of the words would."""

    _text: str = field(repr=False)
    """Each word with a line break before and behind it."""
    _parts: Mapping[str, tuple[int, int]] = field(init=False, repr=False)
    """Where the words begin and end that begin with a letter, or with two."""

    def __post_init__(self) -> None:
        parts: dict[str, tuple[int, int]] = {}
        for found in _BEGINNING.finditer(self._text):
            end = self._text.find("\n", found.end()) + 1
            for beginning in {found[0], found[0][0]}:
                parts[beginning] = (parts.get(beginning, (found.start() - 1,))[0], end)
        object.__setattr__(self, "_parts", parts)

    @classmethod
    def of(cls, words: Iterable[str]) -> "WordBook":
        """A book of these words."""
        return cls("\n".join(["", *sorted(set(words)), ""]))

    def __contains__(self, word: str) -> bool:
        return self._text.find(f"\n{word}\n", *self._part(word[:2])) >= 0

    def one_letter_off(self, word: str) -> Iterator[str]:
        """Those that begin as the word does and of which one letter is wrong, missing or too many.

        One half of the word is then as it should be: the words that have that half are looked at.
        """
        start, end = self._part(word[0])
        half = len(word) // 2
        found = dict.fromkeys(self._begun(word[:half], start, end))
        found |= dict.fromkeys(self._ended(word[half:], start, end))
        lengths = range(len(word) - 1, len(word) + 2)
        yield from (one for one in found if len(one) in lengths and is_one_edit(word, one))

    def _part(self, beginning: str) -> tuple[int, int]:
        return self._parts.get(beginning, (0, 0))

    def _begun(self, beginning: str, start: int, end: int) -> list[str]:
        first = self._text.find(f"\n{beginning}", start, end)
        if first < 0:
            return []
        last = self._text.rfind(f"\n{beginning}", start, end)
        return self._text[first + 1 : self._text.find("\n", last + 1)].split("\n")

    def _ended(self, ending: str, start: int, end: int) -> Iterator[str]:
        at = self._text.find(f"{ending}\n", start, end)
        while at >= 0:
            yield self._text[self._text.rfind("\n", start, at + 1) + 1 : at + len(ending)]
            at = self._text.find(f"{ending}\n", at + len(ending), end)
