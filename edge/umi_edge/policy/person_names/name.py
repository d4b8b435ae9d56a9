"""A name taken apart: the words by which somebody may be meant, and how much each of them says on its own."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise

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
    HINTED = 1
    """Where something beside it says that it is somebody: what is written nearly, or sounds, like a name."""
    PERHAPS = 2
    """Where it stands as a name does: an everyday word, or a very short one."""
    SURE = 3


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

    >>> [(word.text, word.weight.name) for word in words_of("Pearl van der Berg")]
    [('pearl', 'PERHAPS'), ('berg', 'PERHAPS'), ('vanderberg', 'SURE')]
    >>> [word.text for word in words_of("Ottokar")], [word.text for word in words_of("Tomasz")]
    (['ottokar'], ['tomasz', 'tomeczek', 'tomek', 'tomus'])
    >>> [word.text for word in words_of("Jean-Pierre Roux") if word.weight is Weight.HINTED]
    ['jp', 'j p']
    >>> [word.text for word in words_of("王建国")]
    ['王建国', '王', '建国', '阿国', '小国', '国国', '建ちゃん', '建くん']
    """
    parts = [part for part in _parts(name) if part]
    telling = [part for part in parts if flat(part).strip() not in context("particles")]
    for place, written in enumerate(telling or parts):
        part = unicodedata.normalize("NFKC", written)  # Hangul syllables are one character each
        script, text = script_of(part[0]), flat(part).strip()
        if script in _CJK and (len(parts) == 1 or len(part) > 3):
            yield from _of_unspaced(part, script)
        elif text and not text.isdigit():
            yield _word(text, part, script, family=place == 0 or len(parts) > 1)
            yield from _short_forms(text)
            if script == "HAN" and place:
                yield from _familiar(part)
            bare = _without_article(text, script)
            if bare != text:
                yield _word(bare, bare, script)
    for chunk in name.split():
        if not chunk.isalnum():
            yield from _as_one(chunk)
    for first, second in pairwise(map(flat, telling)):
        yield from _short_forms(f"{first.strip()} {second.strip()}")
    if len(telling) < len(parts):
        yield from _with_particles(parts)
    yield from _servants(parts)
    yield from _double_initials(name, telling)


def _short_forms(text: str) -> Iterator[Word]:
    for other in sorted(short_forms().get(text, ())):
        form = flat(other).strip()
        if form not in context("particles"):
            yield _word(form, other, script_of(other[0]))


def _familiar(given: str) -> Iterator[Word]:
    """What friends make of a Chinese or Japanese given name: `阿豪`, `小莉`, `倩倩`, `健ちゃん`."""
    first, last = given[0], given[-1]
    for form, weight in (
        (f"阿{last}", Weight.SURE),
        (f"小{last}", Weight.PERHAPS),
        (last * 2, Weight.PERHAPS),
        (f"{first}ちゃん", Weight.SURE),
        (f"{first}くん", Weight.SURE),
    ):
        yield Word(text=flat(form), original=form, script="HAN", weight=weight)


def _double_initials(name: str, telling: list[str]) -> Iterator[Word]:
    """How those are called who have two given names: `JP`, `J.-P.`."""
    double = next((chunk.split("-") for chunk in name.split()[:-1] if chunk.count("-") == 1), telling[:2])
    if len(double) < 2 or (len(telling) < 3 and "-" not in name) or "," in name:
        return
    first, second = (flat(part).strip()[:1] for part in double[:2])
    if first and second and script_of(first) == script_of(second) == "LATIN":
        for text in (first + second, f"{first} {second}"):
            yield Word(text=text, original=text, script="LATIN", weight=Weight.HINTED)


def _servants(parts: list[str]) -> Iterator[Word]:
    """Arabic names of two words that are written as one by some, and as two by others: `عبد الرحمن`."""
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part in _SERVANT and following:
            yield _word(flat(part + following).strip(), part + following, "ARABIC")
        elif part.startswith(_SERVANT) and len(part) > len(_SERVANT[0]) + 1:
            yield _word(flat(f"{part[:3]} {part[3:]}").strip(), part, "ARABIC")


_FAMILIAR = "小阿老"
"""What stands before a nickname, and is no family name."""
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
    short = len(text) <= _SHORT and script not in UNSPACED - {"KANA"}
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
    if text[0] in _FAMILIAR:
        return
    for cut in sorted(cuts):
        yield _word(flat(text[:cut]), text[:cut], script, family=True)
        yield from _short_forms(flat(text[:cut]))
        yield _word(flat(text[cut:]), text[cut:], script)
        yield from _short_forms(flat(text[cut:]))
        if script == "HAN":
            yield from _familiar(text[cut:])
