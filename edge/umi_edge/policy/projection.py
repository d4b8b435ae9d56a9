"""Projection: a text as detectors compare it, with the way back to the original's offsets.

Every character is decomposed by compatibility (NFKD), case-folded and stripped of marks and of what is
invisible (zero-width characters, bidirectional controls, soft hyphens, tags, variation selectors); Cyrillic and
Greek letters that look Latin become Latin, digits of every script 0 to 9, dashes one dash, white space one space.
It is stricter than NFKC with case-folding: accents don't matter either, and since no character's projection depends
on its neighbours, offsets map back exactly.

Covered: full-width, styled, ligature and combining spellings; zero-width and soft-hyphen splits; mixed scripts.
Not covered: leet (`4lice`), letters spaced out (`a l i c e`), spelling and translation.
"""

import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Projection", "all_projected", "project", "projected"]

_CYRILLIC = dict(zip("аеорсухіјѕԁһԛԝьвкмнтґѵӏ", "aeopcyxijsdhqwbbkmhtrvl", strict=True))
# Small Greek letters as their capitals look: those are the same to the eye, and case must not matter.
_GREEK = dict(zip("αβεζηικμνορτυχϲ", "abezhikmnoptyxc", strict=True))
_OTHER = {"ı": "i", "ſ": "s", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ɑ": "a", "ɡ": "g", "−": "-", "․": "."}
_LOOKALIKES = _CYRILLIC | _GREEK | _OTHER
_DROPPED = {"Mn", "Me", "Cf", "Cs", "Cc"}
_EXTRA_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_NOT_SPACED = re.compile(r"\s\s|[^\S ]|[\x00-\x08\x0e-\x1f\x7f]")
_WHITE = re.compile(r"\s+")
_CONTROLS = {code: None for code in (*range(32), 127) if not chr(code).isspace()}


class _Table(dict[int, str]):
    """Projections of single characters, made when first met."""

    def __missing__(self, code: int) -> str:
        known = self[code] = _project_character(chr(code))
        return known


def _project_character(character: str) -> str:
    if character in _EXTRA_INVISIBLE:
        return ""
    if character.isspace():
        return " "
    out = []
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()):
        category = unicodedata.category(part)
        if part.isspace():
            out.append(" ")
        elif category == "Pd":
            out.append("-")
        elif category == "Nd":
            out.append(str(unicodedata.decimal(part)))
        elif category not in _DROPPED:
            out.append(_LOOKALIKES.get(part, part))
    return "".join(out)


_TABLE = _Table()


def _is_quick(character: str) -> bool:
    """Whether it becomes one character, and no space but from a space: an accent of its own becomes one."""
    piece = _TABLE[ord(character)]
    return len(piece) == 1 and (piece != " " or character == " ")


@dataclass(frozen=True, slots=True)
class Projection:
    """A projected text and, for each of its characters, where the original one starts."""

    text: str = field(repr=False)
    _starts: Sequence[int] = field(repr=False)
    """One more than there are characters: the last is the original's length."""

    def original(self, start: int, end: int) -> tuple[int, int]:
        r"""The original's offsets of a non-empty span, with the marks and invisible characters in and after it.

        >>> project("e\u0301a").original(0, 1)
        (0, 2)
        """
        last = self._starts[end - 1]
        after = end
        # Characters that one original character became all start where it does.
        while after < len(self._starts) - 1 and self._starts[after] == last:
            after += 1
        return self._starts[start], self._starts[after]


def projected(text: str) -> str:
    """The projection alone, for what is compared with projected texts."""
    if not text.isascii():
        return project(text).text
    return text.lower() if _is_spaced(text) else _WHITE.sub(" ", text.translate(_CONTROLS)).lower()


def all_projected(texts: Sequence[str]) -> list[str]:
    r"""The projection of each; of many that are plain at little more than the cost of one.

    >>> all_projected(["Ann", "MÜLLER", "a\nb"])
    ['ann', 'muller', 'a b']
    """
    lines = "\n".join(texts)
    plain = lines.isascii() and "  " not in lines and "".join(texts).isprintable()
    return lines.lower().split("\n") if plain and texts else [projected(text) for text in texts]


def _is_spaced(text: str) -> bool:
    """Whether a text has no white space but single spaces, and no controls."""
    return text.isprintable() and "  " not in text if text.isascii() else _NOT_SPACED.search(text) is None


def project(text: str) -> Projection:
    r"""Project a text in one pass.

    >>> project("Ａli\u200bce  MÜLLER").text
    'alice muller'
    """
    if _is_spaced(text):
        if text.isascii():  # nothing but its case changes
            return Projection(text.lower(), range(len(text) + 1))
        if all(map(_is_quick, set(text))):
            return Projection(text.translate(_TABLE), range(len(text) + 1))
    out: list[str] = []
    starts = array("q")
    spaced = False
    for index, character in enumerate(text):
        piece = _TABLE[ord(character)]
        if piece == " ":
            if spaced:
                continue
            spaced = True
        elif piece:
            spaced = False
        out.append(piece)
        starts.extend([index] * len(piece))
    starts.append(len(text))
    return Projection("".join(out), starts)
