"""A name taken apart: the words by which somebody may be meant, and how much each of them says on its own."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from umi_edge.policy.person_names.flat import flat, script_of
from umi_edge.policy.person_names.words import context, everyday, plain, short_forms

__all__ = ["UNSPACED", "Weight", "Word", "words_of"]

UNSPACED = frozenset(("HAN", "KANA", "HANGUL", "THAI"))
"""Scripts that put no blanks between words, and Korean, which glues its particles on."""
_CJK = frozenset(("HAN", "HANGUL"))
_SHORT = 2
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")


class Weight(IntEnum):
    """How sure a word of a name is somebody."""

    BESIDE = 0
    """Next to another word of the same name only."""
    PERHAPS = 1
    """Where it stands as a name does: an everyday word, or a very short one."""
    SURE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of a name."""

    text: str = field(repr=False)
    """Projected and flat."""
    original: str = field(repr=False)
    script: str
    weight: Weight
    family: bool = False
    """Whether it is a family name of one character, which wants a title beside it."""


def words_of(name: str) -> Iterator[Word]:
    """The words of a name, particles left out but where they are written together with the next, and its short forms.

    >>> [(word.text, word.weight.name) for word in words_of("Rose van der Berg")]
    [('rose', 'PERHAPS'), ('berg', 'PERHAPS'), ('vanderberg', 'SURE')]
    >>> [word.text for word in words_of("Pablo")], [word.text for word in words_of("Tomasz")]
    (['pablo'], ['tomasz', 'tomek'])
    >>> [word.text for word in words_of("王建国")]
    ['王建国', '王', '建国']
    """
    parts = [part for part in _parts(name) if part]
    telling = [part for part in parts if flat(part).strip() not in context("particles")]
    for place, written in enumerate(telling or parts):
        part = unicodedata.normalize("NFKC", written)  # Hangul syllables are one character each
        script, text = script_of(part[0]), flat(part).strip()
        if script in _CJK and (len(parts) == 1 or len(part) > 3):
            yield from _of_unspaced(part, script)
        elif text and not text.isdigit():
            yield _word(text, part, script, family=place == 0)
            for other in sorted(short_forms().get(text, ())):
                yield _word(flat(other).strip(), other, script)
            bare = _without_article(text, script)
            if bare != text:
                yield _word(bare, bare, script)
    for chunk in name.split():
        if not chunk.isalnum():
            yield from _as_one(chunk)
    if len(telling) < len(parts):
        yield from _with_particles(parts)
    yield from _servants(parts)


def _servants(parts: list[str]) -> Iterator[Word]:
    """Arabic names of two words that are written as one by some, and as two by others: `عبد الرحمن`."""
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part in _SERVANT and following:
            yield _word(flat(part + following).strip(), part + following, "ARABIC")
        elif part.startswith(_SERVANT) and len(part) > len(_SERVANT[0]) + 1:
            yield _word(flat(f"{part[:3]} {part[3:]}").strip(), part, "ARABIC")


_SERVANT = ("عبد",)


def _as_one(chunk: str) -> Iterator[Word]:
    """The words that an apostrophe or a hyphen parts, together: `oconnell`, `jeanluc`."""
    parts = [part for part in _parts(chunk) if part and flat(part).strip()]
    if len(parts) > 1 and script_of(parts[0][0]) not in UNSPACED:
        yield _word(flat("".join(parts)).strip(), "".join(parts), script_of(parts[0][0]))


def _with_particles(parts: list[str]) -> Iterator[Word]:
    """Particles and the word after them, together: `legoff`, `vanderberg`."""
    held = ""
    for part in parts:
        if flat(part).strip() in context("particles"):
            held += part
            continue
        if held and script_of(part[0]) == "LATIN":
            yield _word(flat(held + part).strip(), held + part, "LATIN")
        held = ""


def _parts(name: str) -> list[str]:
    """The words as written: an apostrophe or a hyphen parts them, and a combining mark does not."""
    if name.isascii():
        return _ASCII_WORD.findall(name)
    out, kept = [], ""
    for character in name:
        if flat(character).strip() or (kept and not flat(character)):
            kept += character
        else:
            out.append(kept)
            kept = ""
    return [*out, kept]


def _word(text: str, original: str, script: str, *, family: bool = False) -> Word:
    single = script in _CJK and len(original) == 1
    if single or len(text) < _SHORT:
        return Word(
            text=text, original=original, script=script, weight=Weight.BESIDE, family=single and family
        )
    short = len(text) <= _SHORT and script not in UNSPACED
    common = (
        text in everyday() or text in plain() or text in context("particles") or text in context("months")
    )
    weight = Weight.PERHAPS if short or common else Weight.SURE
    return Word(text=text, original=original, script=script, weight=weight)


def _without_article(text: str, script: str) -> str:
    return text[2:] if script == "ARABIC" and text.startswith("ال") and len(text) > 4 else text


def _of_unspaced(text: str, script: str) -> Iterator[Word]:
    """Family and given name of one that is written together; where nothing tells them apart, both ways."""
    cuts: set[int] = set()
    if script == "HANGUL":
        double = flat(text[:2]) in context("korean families of two syllables")
        cuts = {1 + double} if 2 <= len(text) <= 4 else set()
    elif text[:2] in context("chinese families of two characters") and len(text) > 2:
        cuts = {2}
    elif 2 <= len(text) <= 3:
        cuts = {1} if text[0] in context("chinese families of one character") or len(text) == 2 else {1, 2}
    elif len(text) == 4:
        cuts = {2}
    elif len(text) > 4:
        cuts = {2, 3}
    yield _word(flat(text), text, script)
    for cut in sorted(cuts):
        yield _word(flat(text[:cut]), text[:cut], script, family=True)
        yield _word(flat(text[cut:]), text[cut:], script)
