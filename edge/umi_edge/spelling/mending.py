"""Mending: mistyped words of a request, each by the one word of requests that it can only be.

Whether a word is mended depends on the text, on what of it is left alone, and on lists that ship with umi: on nothing
that the device knows of its user. Who sees a word that was not mended learns nothing of them by it.

Covered: words in small letters, or at the beginning of a sentence, that no list has; English, German, French, Spanish.
An errand is mended, such as "cancle it". A question or a look-up ("wifi at teh office") is left alone: what answers it
searches by the words as the user's own data spell them, which is more than these lists know.
Not covered: a slip that makes another word (`form` for `from`), words run together, names.

I3: docs/design.md#i3-noninterference
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from umi_edge.spelling.languages import Language, is_errand, languages_of
from umi_edge.spelling.untouched import untouched

__all__ = ["Mend", "mended", "mends"]

_WORD = re.compile(r"(?:(?<=[\s(,;:])|^)[^\W\d_]+(?=[\s),;:!?]|[.…]+(?:\s|$)|$)", re.MULTILINE)
_BEGINS = re.compile(r"(?:^|[.!?:…\n])\s*\Z")
_FEWEST_LETTERS = 3
_MOST_LETTERS = 20
_MOST_CHARACTERS = 4_000
"""A longer text is no request that somebody typed; it stays as it is."""


@dataclass(frozen=True, slots=True)
class Mend:
    """A word that is mended: where it stands in what was typed, and what was meant."""

    start: int
    end: int
    word: str = field(repr=False)


def mends(text: str, left_alone: Iterable[tuple[int, int]] = ()) -> Sequence[Mend]:
    """The words of a text that are mistyped for sure, in order; none of a look-up, nor in parts that are left alone.

    >>> [one.word for one in mends("wirte to per taht i checked on mnoday")]
    ['write', 'that', 'monday']
    """
    found = list(_mends(text, left_alone))
    return found if is_errand(mended(text, found)) else []


def _mends(text: str, left_alone: Iterable[tuple[int, int]]) -> Iterator[Mend]:
    if len(text) > _MOST_CHARACTERS or text.isupper():
        return
    alone = [*left_alone, *untouched(text)]
    languages: Sequence[Language] = ()
    for found in _WORD.finditer(text):
        word, start, end = found[0], *found.span()
        if not _FEWEST_LETTERS <= len(word) <= _MOST_LETTERS or any(a < end and start < b for a, b in alone):
            continue
        capital = word[0].isupper()
        if not (word[1:] if capital else word).islower() or (capital and not _BEGINS.search(text[:start])):
            continue
        languages = languages or languages_of(text)
        if meant := _meant(word.lower(), languages):
            yield Mend(start, end, meant.capitalize() if capital else meant)


def mended(text: str, changes: Iterable[Mend]) -> str:
    """The text with the words that were meant.

    >>> mended("cancle it", mends("cancle it"))
    'cancel it'
    """
    parts, at = [], 0
    for one in changes:
        parts += [text[at : one.start], one.word]
        at = one.end
    return "".join([*parts, text[at:]])


def _meant(word: str, languages: Sequence[Language]) -> str:
    """The one word that the first language takes it for, where no other of them takes it for another one."""
    first, *others = (one.meant(word) for one in languages)
    return first if all(one in ("", first) for one in others) else ""
