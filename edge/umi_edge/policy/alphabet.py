r"""The alphabet of the built-in patterns: some blocks of Unicode, and a stand-in for each kind of other characters.

To RE2, `\pL` is six hundred ranges, 1,200 instructions wherever it stands, and `[\pL]{3,20}` is twenty times that: the
built-in patterns took 60 MB. All they can tell apart is the characters that they name and a few properties. So a text
is written in the alphabet first: another character becomes the stand-in that has its properties, and that no pattern
names. Then `\pL` is two dozen ranges, and a pattern matches the same places, since one character becomes one.

I2: docs/design.md#i2-fail-closed
"""

import re
from functools import cache

import re2  # type: ignore[import-untyped]  # the binding has no types

__all__ = ["ALPHABET", "PROPERTIES", "STAND_INS", "in_alphabet", "reduced"]

PROPERTIES = (r"\pL", r"\pM", r"\pN", r"\p{Han}", r"\p{Hiragana}")
"""What a pattern may ask of a character, beside which one it is."""
STAND_INS = "\u024f\u094f\u00b2\u205e\u9fff\u2e80\u3021\U00016ff0\U0001b001\U0001f200"
"""One for each combination of the properties that a character has; no pattern names them."""
_BLOCKS = (
    (0x00, 0x7F), (0xA1, 0xBF), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x24F), (0x3B1, 0x3C9), (0x430, 0x481),
    (0x5D0, 0x5EA), (0x5F4, 0x5F4), (0x621, 0x64A), (0x904, 0x939), (0x93E, 0x94F), (0xE00, 0xEFF), (0x1100, 0x11FF),
    (0x2010, 0x2027), (0x2030, 0x205E), (0x20A0, 0x20C0), (0x3001, 0x3020), (0x3040, 0x30FF), (0x4E00, 0x9FFF),
    (0xFF1A, 0xFF1A),
)  # fmt: skip
"""Where all that the patterns name lies, and most of what people write."""


ALPHABET = "".join(
    sorted({*STAND_INS, *(chr(code) for first, last in _BLOCKS for code in range(first, last + 1))})
)
_OTHER = re.compile("[^" + "".join(rf"\U{first:08x}-\U{last:08x}" for first, last in _BLOCKS) + "]")
_OTHERS = re.compile(f"{_OTHER.pattern}+")
_TOKEN = re.compile(r"\\x\{\w+\}|\\[pP](?:\{\^?\w+\}|\w)|\\.|.", re.DOTALL)


def reduced(text: str) -> str:
    """A text in the alphabet, as long as it was; most are in it already. A lone surrogate raises `UnicodeError`."""
    if text.isascii() or _OTHER.search(text) is None:  # the usual case, and the quicker search
        return text
    return _OTHERS.sub(lambda others: others[0].translate(_STAND_IN_OF), text)


def in_alphabet(pattern: str) -> str:
    r"""The same pattern for texts that are `reduced`. Raises `KeyError` for a property that is not of `PROPERTIES`.

    Whoever writes a pattern sees to it that each character that it names is in the alphabet, and no stand-in.
    """
    parts, inside = [], False
    for token in _TOKEN.findall(pattern):
        if token == ("]" if inside else "["):
            inside = not inside
        if token[:2] in (r"\p", r"\P"):
            parts.append(_ranges(token) if inside else f"[{_ranges(token)}]")
        else:
            parts.append(token)
    return "".join(parts)


@cache
def _ranges(name: str) -> str:
    """What a property is in the alphabet, inside of a class: a gap in the alphabet does not end a range."""
    if name not in PROPERTIES:
        raise KeyError(name)
    runs = [run[0] for run in re2.compile(f"{name}+").finditer(ALPHABET)]
    return "".join(rf"\x{{{ord(run[0]):x}}}-\x{{{ord(run[-1]):x}}}" for run in runs)


class _StandIns(dict[int, str]):
    """Characters' stand-ins, found when first met."""

    def __missing__(self, code: int) -> str:
        known = self[code] = _stand_ins()[_properties(chr(code))]
        return known


_STAND_IN_OF = _StandIns()


@cache
def _stand_ins() -> dict[tuple[bool, ...], str]:
    return {_properties(one): one for one in STAND_INS}


def _properties(character: str) -> tuple[bool, ...]:
    return tuple(re2.fullmatch(name, character) is not None for name in PROPERTIES)
