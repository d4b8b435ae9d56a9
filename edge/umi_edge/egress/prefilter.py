"""The sieve: which of many words a message may hold. It may name some too many, and never one too few.

Looking for each word in each reading, with its rules on what stands alone and what is chance, costs a multiple of
looking for a piece of each word in readings without punctuation. Nearly every message holds none of these pieces; of
the words that it holds one of, a closer look decides.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ahocorasick_rs import BytesAhoCorasick

from umi_edge.egress.readings import bare, squeezed
from umi_edge.values.growing_index import GrowingIndex

__all__ = ["Sieve", "squeezings"]

_MIN_SQUEEZED = 8
_OTHER_THAN_DIGITS = re.compile(r"\D+")
_NEITHER_TEXT_NOR_LINE = bytes(code for code in range(128) if not chr(code).isalnum() and code != ord("\n"))
_NEITHER_DIGIT_NOR_LINE = bytes(code for code in range(256) if chr(code) not in "0123456789\n")
_PIECE = 8


@dataclass(slots=True)
class Sieve:
    """Words, by a piece that is in every spelling of them that is looked for."""

    _texts: dict[bytes, list[tuple[int, bytes, str]]] = field(default_factory=dict, repr=False)
    """By its middle, which is what the index looks for: where a text has that, the text, and the word that it is."""
    _always: list[str] = field(default_factory=list, repr=False)
    """Words of nothing but punctuation."""
    _index: GrowingIndex[bytes] = field(
        default_factory=lambda: GrowingIndex[bytes](BytesAhoCorasick), repr=False
    )

    def add(self, words: Iterable[str]) -> None:
        """Look for these words, each as projected."""
        plain: list[str] = []
        for word in words:
            if word.isascii():
                plain.append(word)
            else:
                self._add(word, squeezed(word).encode(), _digits_in(word).encode())
                for form in (word, squeezed(word)):
                    if all(character < "\u0100" for character in form):
                        self.add_bytes(form.encode("latin-1"), word)
        # All at once, a line each: translating a word by itself costs as much as a hundred together.
        lines = "\n".join(plain).encode()
        texts = lines.translate(None, _NEITHER_TEXT_NOR_LINE).split(b"\n")
        digits = lines.translate(None, _NEITHER_DIGIT_NOR_LINE).split(b"\n")
        for word, text, number in zip(plain, texts, digits, strict=False):  # of no word one empty text
            self._add(word, text, number)

    def add_bytes(self, raw: bytes, word: str) -> None:
        """Look for a word in these bytes, too, as they stand in data that is not text."""
        self._look_for(bare(raw), word)

    def caught(self, readings: Iterable[bytes]) -> list[str]:
        """Every word that one of the readings may hold, as `Readings.bare` gives them."""
        lines = b"\n".join(readings)  # a line's end is in no text
        words = [
            word
            for match in self._index.find(lines)
            for before, text, word in self._texts[match.needle]
            if match.start >= before and lines.startswith(text, match.start - before)
        ]
        return list(dict.fromkeys(words + self._always))

    def _add(self, word: str, text: bytes, digits: bytes) -> None:
        if _tell(digits, word):
            self._look_for(digits, word)
            if digits in text:  # then who finds the text finds them
                return
        self._look_for(text, word)

    def _look_for(self, text: bytes, word: str) -> None:
        if not text:
            self._always.append(word)
            return
        # The middle: kept values that are alike begin and end alike, "+49 30 …" or "…@example.org".
        before = (len(text) - _PIECE) // 2 if len(text) > _PIECE else 0
        piece = text[before : before + _PIECE]
        found = (before, text, word)
        known = self._texts.get(piece)
        if known is None:
            self._texts[piece] = [found]
            self._index.add(piece)
        elif known[-1] != found:
            known.append(found)


def squeezings(word: str) -> Iterator[str]:
    """A value without its punctuation, and its digits where they are most of it."""
    text, digits = squeezed(word), _digits_in(word)
    if len(text) >= _MIN_SQUEEZED:
        yield text
    if _tell(digits, word) and digits != text:
        yield digits


def _digits_in(word: str) -> str:
    return _OTHER_THAN_DIGITS.sub("", word)


def _tell(digits: str | bytes, word: str) -> bool:
    """Whether its digits tell a word from others."""
    return len(digits) >= max(_MIN_SQUEEZED, len(word) // 2)
