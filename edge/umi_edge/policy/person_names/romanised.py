"""Sounds: how a name of one script is recognised in the letters of another.

Covered: romanisations of Cyrillic, Greek, Arabic, Hebrew, Indic, Korean, Chinese and, where the reading is known,
Japanese names, in the spellings of passports and of habit. Not covered: translations (`Ivan` for `John`), readings of
Japanese names that no card gives.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from anyascii import anyascii

from umi_edge.policy.person_names.flat import script_of

__all__ = ["SKELETAL", "ascii_of", "skeleton", "sound", "sounds_of"]

SKELETAL = frozenset(("ARABIC", "HEBREW", "DEVANAGARI", "INDIC", "THAI"))
"""Scripts that leave vowels out, or whose romanisation does: their words are compared by consonants."""
_RULES = (
     ("shch", "s"), ("sch", "s"), ("sh", "s"), ("tch", "c"), ("ch", "c"), ("kh", "h"), ("zh", "z"), ("dj", "j"),
    ("dzh", "j"), ("ph", "f"), ("th", "t"), ("gh", "g"), ("bh", "b"), ("dh", "d"), ("tz", "c"), ("ts", "c"),
    ("cz", "c"), ("x", "ks"), ("ck", "k"), ("q", "k"), ("w", "v"), ("oo", "u"), ("ou", "u"), ("oy", "u"), ("ee",
    "i"), ("eo", "o"), ("eu", "u"), ("ae", "e"), ("yeo", "o"), ("you", "o"), ("iya", "a"), ("ya", "a"), ("ja",
    "a"), ("ia", "a"), ("yu", "u"), ("iu", "u"), ("ju", "u"), ("yo", "o"), ("io", "o"), ("jo", "o"), ("ye",
    "e"), ("je", "e"), ("ie", "e"), ("iy", "i"), ("ij", "i"), ("yi", "i"), ("y", "i"),
)  # fmt: skip
_PATTERN = re.compile("|".join(found for found, _ in sorted(_RULES, key=lambda rule: -len(rule[0]))))
_BECOMES = dict(_RULES)
_DOUBLE = re.compile(r"(.)\1+")
_NOT_LETTERS = re.compile(r"[^a-z]+")
_SKELETAL_BECOMES = {
     "sch": "s", "sh": "s", "ch": "s", "kh": "h", "gh": "g", "th": "t", "dh": "d", "ph": "f", "tz": "s", "ts":
    "s", "st": "st", "bh": "b", "x": "ks", "ck": "k", "q": "k", "c": "k", "z": "s",
}  # fmt: skip
_SKELETAL_PATTERN = re.compile("|".join(sorted(_SKELETAL_BECOMES, key=len, reverse=True)))
_SKELETON = str.maketrans({"b": "v", "p": "f", "j": "g", **dict.fromkeys("aeiouwy")})
_NOT_CONSONANTS = dict.fromkeys(map(ord, "ויאעاويىءعآأإؤئ"))
"""Letters of Hebrew and Arabic that mostly stand for vowels."""
_OLDER_INITIALS = (
     ("zh", "ch"), ("q", "ch"), ("x", "hs"), ("j", "ch"), ("z", "ts"), ("c", "ts"), ("b", "p"), ("d", "t"),
    ("g", "k"), ("r", "j"),
)  # fmt: skip
_KOREAN_FAMILIES = dict(
    pair.split(":")
    for pair in """
김:kim,gim 이:lee,yi,rhee 박:park,pak,bak 최:choi,choe 정:jung,jeong,chung 강:kang,gang 조:cho,jo
윤:yoon,yun 장:jang,chang 임:lim,im 한:han 오:oh 서:seo,suh 신:shin,sin 권:kwon,gwon 황:hwang 안:ahn,an 송:song
류:ryu,yoo 유:yoo,yu 전:jeon,jun 홍:hong 고:ko,go 문:moon,mun 양:yang 손:son,sohn 배:bae 백:baek,paik
허:heo,hur 남:nam 심:shim,sim 노:noh,roh 하:ha 곽:kwak 성:sung,seong 차:cha 주:joo,ju 우:woo,wu 구:koo,gu
""".split()  # noqa: SIM905  # a list of pairs would be a screen long
)


_NASALS = str.maketrans({"ं": "न", "ँ": "न"})
"""Signs of Hindi that stand for the nasal before a consonant."""


_HABITS = {
    "jun": "joon", "yeong": "young", "hyeon": "hyun", "seong": "sung", "jeong": "jung",
    "gyeong": "kyung", "hui": "hee", "hun": "hoon", "su": "soo", "gi": "ki",
    "geun": "keun", "gyu": "kyu", "gwang": "kwang", "u": "woo", "beom": "bum",
    "yeon": "youn", "seon": "sun",
}  # fmt: skip
"""Korean syllables as people spell them who do not follow the rules of the state."""
_KOREAN_HABIT = re.compile(
    r"jun|yeong|hyeon|seong|jeong|gyeong|hui|hun|su\b|su(?=[^n])|geun|gi(?![a-z])|gyu|gwang|(?<![a-z])u|beom|yeon|seon"
)


@lru_cache(maxsize=65536)
def ascii_of(text: str) -> str:
    """A word in small Latin letters."""
    if text.isascii():
        return text.lower()
    converted: str = anyascii(text.translate(_NASALS))
    return converted.lower()


def sound(text: str) -> str:
    """What is left of a romanised word when spellings that sound alike are made one.

    >>> sound("Vishnevskiy") == sound("Vishnevsky"), sound("Yekaterina") == sound("Ekaterina")
    (True, True)
    """
    letters = _NOT_LETTERS.sub("", ascii_of(text))
    return _DOUBLE.sub(r"\1", _PATTERN.sub(lambda match: _BECOMES[match[0]], letters))


def skeleton(text: str) -> str:
    """The consonants of a word, those that are written for vowels left out.

    >>> skeleton("Mohammed") == skeleton("محمد"), skeleton("Goldstein") == skeleton("גולדשטיין")
    (True, True)
    """
    letters = _NOT_LETTERS.sub("", ascii_of(text.translate(_NOT_CONSONANTS)))
    letters = _DOUBLE.sub(r"\1", _SKELETAL_PATTERN.sub(lambda match: _SKELETAL_BECOMES[match[0]], letters))
    return letters.rstrip("h").translate(_SKELETON)


def sounds_of(word: str, script: str) -> Iterator[str]:
    """How a word of another script may be written in Latin letters."""
    match script:
        case "KANA":
            yield _of_kana(word)
        case "HANGUL" if word in _KOREAN_FAMILIES:
            yield from map(sound, _KOREAN_FAMILIES[word].split(","))
        case "HANGUL":
            yield sound(word)
            yield sound(_KOREAN_HABIT.sub(lambda match: _HABITS[match[0]], ascii_of(word)))
        case "HAN":
            yield sound(word)
            yield sound("".join(map(_older, word)))
        case "CYRILLIC":
            yield sound(word)
            if "ё" in word:
                yield sound(word.replace("ё", "о"))
                yield sound(word.replace("ё", "йо"))
        case _:
            yield sound(word)


@cache
def _older(character: str) -> str:
    """A Chinese syllable as passports of Taiwan have it (Wade-Giles): `chih` for `zhi`."""
    syllable = ascii_of(character)
    for initial, older in _OLDER_INITIALS:
        if syllable.startswith(initial):
            syllable = older + syllable[len(initial) :]
            break
    return syllable.replace("ong", "ung").replace("ian", "ien")


def _of_kana(word: str) -> str:
    """With contracted sounds contracted (`しょ` is `sho`), and long vowels short, as passports have them."""
    letters = ""
    for character in word:
        piece = ascii_of(character)
        if character in "ゃゅょャュョ" and letters.endswith("i"):
            piece = piece[-1] if letters.endswith(("shi", "chi", "ji")) else piece
            letters = letters[:-1]
        elif character in "っッー":
            piece = ""
        letters += piece
    return sound(re.sub(r"([ou])u|oo", r"\1", letters))


def latin(word: str) -> bool:
    """Whether a word is in Latin letters."""
    return bool(word) and script_of(word[0]) == "LATIN"
