"""Names in scripts without blanks between words: where one begins and ends."""

import re

from umi_edge.policy.person_names.flat import flat, script_of
from umi_edge.policy.person_names.words import context, longest_first

__all__ = ["honorific_after", "stands_in_unspaced"]

_KOREAN = re.compile(
    f"(?:{flat('이')})?"
    f"(?:{'|'.join(longest_first('korean titles'))})?"
    f"(?:{'|'.join(longest_first('korean particles'))}){{0,3}}"
)
_KOREAN_STARTS = tuple(title for title in longest_first("korean titles") if title != flat("네"))
_KANA_AFTER = re.compile("|".join(longest_first("kana after a name")))
_KANA_BEFORE = frozenset(flat("はがをにへとものでやねよ"))
_CHINESE_TITLES = longest_first("chinese titles")
_CHINESE_BEFORE = frozenset("老小阿")


def stands_in_unspaced(text: str, start: int, end: int, script: str) -> bool:
    """Whether a word of a name that is found in a flat text stands for itself, and is no part of a longer word."""
    match script:
        case "HANGUL":
            if start and script_of(text[start - 1]) == script:
                return False
            rest = end
            while rest < len(text) and script_of(text[rest]) == script:
                rest += 1
            return _KOREAN.fullmatch(text, end, rest) is not None
        case "KANA":
            before, after = text[start - 1 : start], text[end : end + 1]
            if before and script_of(before) == script and before not in _KANA_BEFORE:
                return False
            return script_of(after or " ") != script or _KANA_AFTER.match(text, end) is not None
    return True


def honorific_after(text: str, start: int, end: int) -> bool:
    """Whether a family name of one character has a title behind it, or a familiar word before it."""
    rest = text[end : end + 16].lstrip(" ")
    if script_of(text[start]) == "HANGUL":
        before = text[start - 1 : start]
        if before and script_of(before) == "HANGUL":
            return False
        return rest.startswith(_KOREAN_STARTS)
    if rest.startswith(_CHINESE_TITLES):
        return True
    alone = start < 2 or not _is_han(text[start - 2]) or text[start - 2] in context("beside unspaced names")
    return text[start - 1 : start] in _CHINESE_BEFORE and start > 0 and alone


def _is_han(character: str) -> bool:
    return script_of(character) == "HAN"
