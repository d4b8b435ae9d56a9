"""Words: where one ends, in any script."""

import re

__all__ = ["is_prefixed", "stands_alone"]

# Scripts that don't put spaces between words: Thai, Lao, Khmer, kana, Han, Hangul and its jamo.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a span of a projected text is not part of a longer word.

    >>> stands_alone("ann annoys", 0, 3), stands_alone("ann annoys", 4, 7)
    (True, False)
    """
    before = start > 0 and _continues(text[start - 1], text[start])
    after = end < len(text) and _continues(text[end - 1], text[end])
    return not before and not after


def _continues(left: str, right: str) -> bool:
    word = (left.isalnum() or left == "_") and (right.isalnum() or right == "_")
    return word and not _UNSPACED.match(left) and not _UNSPACED.match(right)


_PREFIXES = re.compile(r"(?<![^\W_])(?:[وف]?(?:[بلكس]|لل)?(?:ال)?|ו?(?:כש|לכש|מש|ש)?[הלבמכש]?ה?)$")
"""Prefixes of Arabic and Hebrew (`and`, `in`, `to`, `the` and others), which are written together with the word."""
_LONGEST_PREFIX = 6


def is_prefixed(text: str, start: int, end: int) -> bool:
    """Whether a span of a projected text has nothing but small words of Arabic or Hebrew joined to its front.

    >>> is_prefixed("לאבי בן", 1, 4), is_prefixed("malice", 1, 6)
    (True, False)
    """
    if end < len(text) and _continues(text[end - 1], text[end]):
        return False
    return _PREFIXES.search(text, max(0, start - _LONGEST_PREFIX), start) is not None
