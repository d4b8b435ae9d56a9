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
    SOFT = "the same after a consonant that the name has soft"
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
            for stem in _latin(word, original.lower()):
                yield stem, Ending.SLAVIC
            for stem in _finnic(word):
                yield stem, Ending.FINNIC
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
            if word.endswith("ه"):  # فاطمة, فاطمتنا
                yield f"{word[:-1]}ت", Ending.ARABIC


def _latin(word: str, original: str) -> Iterator[str]:
    """The Slavic stems."""
    bare = word.rstrip(_VOWELS)
    if bare != word and len(word[:-1]) >= _SHORTEST - 1:
        yield word[:-1]
        if word.endswith(("ski", "ska", "cki", "cka")):  # Kowalski, Kowalscy
            yield f"{word[:-2]}c"
        if len(bare) >= 2 and bare[-1] in _SOFTENED and word.endswith("a"):
            yield bare[:-1] + _SOFTENED[bare[-1]]
    elif len(word) > _SHORTEST:
        if word[-2] == "e":
            yield word[:-2] + word[-1]  # Marek, Marka; Paweł, Pawła
            yield _before_soft(word[:-2]) + word[-1]  # Kwiecień, Kwietnia
            if word[-3] == "i":  # Grabiec, Grabca; Stępień, Stępnia
                yield word[:-3] + word[-1]
                yield _before_soft(word[:-3]) + word[-1]
        if original.endswith(("oł", "ół", "ór")):  # Kozioł, Kozła
            yield word[:-2].removesuffix("i") + word[-1]
        if "ó" in original[-3:]:  # Mróz, Mroza is the same in projection; Gołąb, Gołębia
            yield word
        if original[-2:-1] == "ą":
            yield f"{word[:-2]}e{word[-1]}"
        if word[-1] in _SOFTENED and word[-1] != "k":  # Robert, Robercie; Piotr, Piotrze
            yield word[:-1] + _SOFTENED[word[-1]]


def _before_soft(stem: str) -> str:
    """A stem whose last consonant was softened before an e that is gone."""
    return f"{stem[:-2]}t" if stem.endswith("ci") else f"{stem[:-1]}t" if stem.endswith("c") else stem


_WEAK = (
    *("nk:ng", "nt:nn", "lt:ll", "rt:rr", "mp:mm", "ht:hd", "kk:k", "pp:p", "tt:t", "lk:l", "rk:r"),
    *("t:d", "p:v", "k:"),
)
"""How Finnish consonants soften before the last vowel where an ending closes the syllable: `Lahti`, `Lahden`."""
_STRONG = ("ng:nk", "nn:nt", "ll:lt", "rr:rt", "mm:mp", "d:t", "v:p")
"""And the other way: `Rinne`, `Rinteen`; `Kangas`, `Kankaan`."""


def _finnic(word: str) -> Iterator[str]:
    vowel = word[-1]
    if vowel in _VOWELS:
        bare = word[:-1]
        weak = _changed(bare, _WEAK)
        if weak:
            yield weak + vowel
        if vowel == "i":  # Niemi, Niemen
            yield f"{bare}e"
            if weak:
                yield f"{weak}e"
        if vowel == "e":
            yield f"{_changed(bare, _STRONG) or bare}ee"
    elif word.endswith("s"):
        yield f"{word[:-1]}kse"  # Markus, Markuksen
        if word.endswith("as"):
            yield f"{_changed(word[:-2], _STRONG) or word[:-2]}aa"


def _changed(stem: str, table: tuple[str, ...]) -> str:
    """A stem with its last consonants as the first fitting entry has them; empty where none fits."""
    for entry in table:
        old, new = entry.split(":")
        if stem.endswith(old) and len(stem) > len(old):
            return stem.removesuffix(old) + new
    return ""


def _cyrillic(word: str) -> Iterator[str]:
    """The stems of a word as it is written, projected."""
    if word[-1] in _CYRILLIC_VOWELS:  # Оля, Оле
        yield projected(word[:-1])
        if word.endswith(("ия", "ій", "ий")):  # Мария, Марье
            yield projected(f"{word[:-2]}ь")
        if word.endswith("ей"):  # Воробей, Воробья
            yield projected(f"{word[:-2]}ь")
        if word[-2] in _CYRILLIC_VOWELS and len(word) > _SHORTEST + 1:
            yield projected(word[:-2])
        elif word[-2] in _CYRILLIC_SOFTENED and len(word) > _SHORTEST:
            yield projected(word[:-2] + _CYRILLIC_SOFTENED[word[-2]])  # Ольга, Ользі
    elif word == "лев":
        yield projected("льв")
    elif word.endswith("яц"):  # Заяц, Зайца
        yield projected(f"{word[:-2]}йц")
    elif len(word) > _SHORTEST and word[-2] in "еоё":
        yield projected(word[:-2] + word[-1])  # Павел, Павла


def _of_others(word: str) -> Iterator[tuple[str, Ending]]:
    if word.endswith("nen"):  # Virtanen, Virtasen, Virtaselle
        yield word[:-3] + "s", Ending.FINNIC
        yield word[:-3] + "se", Ending.FINNIC
    if word.endswith("ia") and len(word) > _SHORTEST:  # Kasia, Kasi
        yield word[:-2], Ending.SOFT
    if word[-1] == "s":  # Jonas, Jono; Bērziņš, Bērziņam
        yield word[:-2] if word[-2] in "aieuy" else word[:-1], Ending.BALTIC
    if word[-1] in _VOICED:  # Zeynep, Zeynebin
        yield word[:-1] + _VOICED[word[-1]], Ending.TURKIC
    if word.endswith(_DIGRAPHS):  # Kovács, Kováccsal
        yield f"{word[:-1]}{word[-2:]}", Ending.HUNGARIAN
    if word.endswith("a"):
        yield word[:-1], Ending.ROMANIAN


_VOICED = {"p": "b", "t": "d", "k": "g"}
_DIGRAPHS = ("cs", "sz", "zs", "gy", "ly", "ny", "ty")
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


_LETTERS = {
    Ending.SLAVIC: frozenset("ąćęłńśźżčďěňřšťůžđ"),
    Ending.HUNGARIAN: frozenset("őű"),
    Ending.TURKIC: frozenset("ğışçə"),
    Ending.ROMANIAN: frozenset("ățșâ"),
    Ending.BALTIC: frozenset("āēīūģķļņėįų"),
    Ending.FINNIC: frozenset("äõ"),
}


def languages_of(words: set[str], letters: str = "") -> frozenset[Ending]:
    """The families in whose languages a text of these projected words may be written: all, where nothing tells.

    Where no word tells, letters (small, as they are written) do.

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
        of_letters = {family for family, those in _LETTERS.items() if not those.isdisjoint(letters)}
        if of_letters:
            return ALWAYS | _with_soft(of_letters)
        return frozenset(ENDINGS)
    likely = {family for family, count in told.items() if count and count >= most - 1}
    return ALWAYS | _with_soft({family for family in likely if family is not None})


def _with_soft(families: set[Ending]) -> set[Ending]:
    return families | {Ending.SOFT} if Ending.SLAVIC in families else families
