"""Endings: what languages put at the end of a name, and which of them a text may be written in."""

from collections.abc import Iterator
from enum import Enum

from umi_edge.policy.person_names.words import context
from umi_edge.policy.projection import projected

__all__ = ["ALWAYS", "ENDINGS", "Ending", "languages_of", "stems"]


class Ending(Enum):
    """A family of endings."""

    NONE = "the word as it is"
    GENITIVE = "German, Dutch, Scandinavian and, without its apostrophe, English"
    SLAVIC = "Polish, Czech, Slovak, Croatian and others in Latin letters"
    CYRILLIC = "Russian, Ukrainian, Bulgarian, Serbian"
    GREEK = "Greek"
    FINNIC = "Finnish, Estonian"
    HUNGARIAN = "Hungarian"
    TURKIC = "Turkish, Azerbaijani"
    MALAY = "Indonesian, Malay"
    ROMANIAN = "Romanian"
    BALTIC = "Lithuanian, Latvian"
    BASQUE = "Basque"
    INDIC = "Hindi, Marathi"
    ARABIC = "Arabic"
    KOREAN = "Korean"


def _of(family: Ending) -> frozenset[str]:
    if family in (Ending.NONE, Ending.KOREAN):
        return frozenset()
    endings = context(f"endings {family.name.lower()}")
    if family is Ending.FINNIC:  # names that end in a consonant take an i before them
        return endings | {f"i{ending}" for ending in endings}
    if family is Ending.HUNGARIAN:  # `with` takes the last consonant over
        return endings | {f"{letter}{ending}" for letter in "bcdfghjklmnprstvz" for ending in ("al", "el")}
    return endings


ENDINGS: dict[Ending, frozenset[str]] = {family: _of(family) for family in Ending}
"""Each family's, projected. Korean's are too many to be listed: `unspaced` reads them."""

_LATIN_FAMILIES = (
    Ending.GENITIVE,
    Ending.FINNIC,
    Ending.HUNGARIAN,
    Ending.TURKIC,
    Ending.MALAY,
    Ending.ROMANIAN,
    Ending.BASQUE,
    Ending.SLAVIC,
)
_VOWELS = "aeiouy"
_SOFTENED = {"k": "c", "g": "dz", "h": "sz", "r": "rz", "t": "ci", "d": "dzi"}
_CYRILLIC_VOWELS = "аеиоуыэюяіїєёйь"
_CYRILLIC_SOFTENED = {"г": "з", "к": "ц", "х": "с"}
_SHORTEST = 3


def stems(word: str, script: str, original: str = "") -> Iterator[tuple[str, Ending]]:
    """What of a projected word stays when it is bent, and what then follows it; Cyrillic needs it as written, too.

    >>> sorted({stem for stem, ending in stems("agnieszka", "LATIN") if ending is Ending.SLAVIC})
    ['agnieszc', 'agnieszk', 'agnieszka']
    """
    if len(word) < _SHORTEST or any(map(str.isdigit, word)):
        return
    match script:
        case "LATIN":
            for family in _LATIN_FAMILIES:
                yield word, family
            for stem in _latin(word):
                yield stem, Ending.SLAVIC
            yield from _of_others(word)
        case "CYRILLIC":
            yield word, Ending.CYRILLIC
            for stem in _cyrillic(original.lower()):
                yield stem, Ending.CYRILLIC
        case "GREEK":
            for ending in ("ος", "ης", "ας", "ους", "α", "η", "ω", "ου", "ις"):
                stem = word.removesuffix(projected(ending))
                if stem != word and len(stem) >= _SHORTEST:
                    yield stem, Ending.GREEK
        case "DEVANAGARI":
            yield word, Ending.INDIC
        case "ARABIC":
            yield word, Ending.ARABIC


def _latin(word: str) -> Iterator[str]:
    """The Slavic stems."""
    bare = word.rstrip(_VOWELS)
    if bare != word and len(word[:-1]) >= _SHORTEST - 1:
        yield word[:-1]
        if len(bare) >= 2 and bare[-1] in _SOFTENED and word.endswith("a"):
            yield bare[:-1] + _SOFTENED[bare[-1]]
        if word.endswith("ia") and len(word) > _SHORTEST:
            yield word[:-2]
    elif word[-2] == "e" and word[-1] in "kclrn" and len(word) > _SHORTEST:
        yield word[:-2] + word[-1]  # Marek, Marka; Paweł, Pawła


def _cyrillic(word: str) -> Iterator[str]:
    """The stems of a word as it is written, projected."""
    if len(word) > _SHORTEST and word[-1] in _CYRILLIC_VOWELS:
        yield projected(word[:-1])
        if word[-2] in _CYRILLIC_VOWELS and len(word) > _SHORTEST + 1:
            yield projected(word[:-2])
        elif word[-2] in _CYRILLIC_SOFTENED:
            yield projected(word[:-2] + _CYRILLIC_SOFTENED[word[-2]])  # Ольга, Ользі
    elif len(word) > _SHORTEST and word[-2] in "еоё":
        yield projected(word[:-2] + word[-1])  # Павел, Павла


def _of_others(word: str) -> Iterator[tuple[str, Ending]]:
    if word.endswith("nen"):  # Virtanen, Virtasen, Virtaselle
        yield word[:-3] + "s", Ending.FINNIC
        yield word[:-3] + "se", Ending.FINNIC
    if word[-1] in _VOWELS and word[-2] == word[-3:-2] and word[-2] in "kpt":  # Mikko, Mikolle
        yield word[:-2] + word[-1], Ending.FINNIC
    if word[-1] == "s" and word[-2] in "aieuy":  # Jonas, Jono
        yield word[:-2], Ending.BALTIC
    if word.endswith("a"):
        yield word[:-1], Ending.ROMANIAN


_SPOKEN = (
    Ending.GENITIVE,
    Ending.SLAVIC,
    Ending.FINNIC,
    Ending.HUNGARIAN,
    Ending.TURKIC,
    Ending.MALAY,
    Ending.ROMANIAN,
    Ending.BALTIC,
    Ending.BASQUE,
)
"""Families whose languages are told by small words."""


ALWAYS = frozenset((Ending.NONE, Ending.CYRILLIC, Ending.GREEK, Ending.INDIC, Ending.ARABIC))
"""Families that no other language is mistaken for."""


def languages_of(words: set[str]) -> frozenset[Ending]:
    """The families in whose languages a text of these projected words may be written: all, where nothing tells.

    >>> Ending.TURKIC in languages_of({"this", "is", "the", "end"}), Ending.TURKIC in languages_of({"xy"})
    (False, True)
    """
    words = {word for word in words if len(word) > 1}
    told: dict[Ending | None, int] = {
        family: len(context(f"told of {family.name.lower()}") & words) for family in _SPOKEN
    }
    told[None] = len(context("told of languages that bend no names") & words)
    most = max(told.values())
    if most == 0:
        return frozenset(ENDINGS)
    likely = {family for family, count in told.items() if count and count >= most - 1}
    return ALWAYS | {family for family in likely if family is not None}
