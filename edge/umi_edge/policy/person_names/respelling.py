"""Respelling: other ways to write a word of a name in its own script."""

from collections.abc import Iterator
from functools import cache

from umi_edge.policy.person_names.flat import flat
from umi_edge.policy.person_names.name import Word
from umi_edge.policy.person_names.romanised import ascii_of
from umi_edge.policy.projection import projected

__all__ = ["is_variant", "respelled", "syllables"]

_EXPANDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "æ": "ae", "å": "aa", "œ": "oe"})
_CONTRACTED = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))
_SPREAD = 4
"""Characters of a name that may be written with blanks between them."""
_LONG = 5
_VOWELS = frozenset("aeiou")


def respelled(word: Word) -> Iterator[str]:
    """The projected word, and as it is written without umlauts, or with them.

    >>> from umi_edge.policy.person_names.name import words_of
    >>> [spelling for word in words_of("Höfler") for spelling in respelled(word)]
    ['hofler', 'hoefler']
    >>> [spelling for word in words_of("Mueller") for spelling in respelled(word)]
    ['mueller', 'muller']
    """
    yield word.text
    if word.script in ("HAN", "HANGUL") and 2 <= len(word.original) <= _SPREAD:
        yield flat(" ".join(word.original))
    if word.script != "LATIN":
        return
    small = word.original.lower()
    expanded = projected(small.translate(_EXPANDED))
    romanised = ascii_of(word.original)  # þ, ð, ə
    if romanised not in (word.text, expanded) and romanised.isalpha():
        yield romanised
    for one, other in (("mac", "mc"), ("mc", "mac")):
        if word.text.startswith(one) and len(word.text) > _LONG:
            yield other + word.text.removeprefix(one)
    if expanded != word.text:
        yield expanded
    elif word.text.isascii():
        for pair, one in _CONTRACTED:
            place = word.text.find(pair)
            if place > 0 and len(word.text) > 4 and word.text[place - 1] not in _VOWELS:
                yield word.text.replace(pair, one)


@cache
def syllables(text: str) -> str:
    """How each Han character sounds, each after a bar.

    >>> syllables("陳美玲")
    '|chen|mei|ling'
    """
    return "".join(f"|{ascii_of(character)}" for character in text)


def is_variant(written: str, known: str) -> bool:
    """Whether two Han words that sound alike are the same in other characters: simplified, traditional, old.

    Two different characters that both are simplified are two words.
    """
    return len(written) == len(known) and all(
        one == other or not (_is_simplified(one) and _is_simplified(other))
        for one, other in zip(written, known, strict=True)
    )


@cache
def _is_simplified(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
