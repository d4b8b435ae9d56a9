"""Flat text: a projection as names are compared in it, with nothing but letters, digits and blanks."""

import unicodedata

from umi_edge.policy.projection import projected

__all__ = ["flat", "flattened", "script_of"]

_SAME = {
    "ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ہ": "ه", "ך": "כ", "ם": "מ", "ן": "נ",
    "ף": "פ", "ץ": "צ", "ヽ": "ゝ", "﨑": "崎", "濱": "浜", "濵": "浜", "齋": "斎", "齊": "斎",
    "斉": "斎", "髙": "高", "邊": "辺", "邉": "辺", "澤": "沢", "櫻": "桜", "廣": "広", "嶋": "島",
    "嶌": "島", "德": "徳", "眞": "真", "惠": "恵", "圓": "円", "瀧": "滝", "曾": "曽", "槇": "槙",
    "桒": "桑", "𠮷": "吉", "冨": "富", "舘": "館", "藪": "薮", "峯": "峰", "嵜": "崎",
}  # fmt: skip
"""Letters that are written for each other, and final forms."""
_KATAKANA = range(0x30A1, 0x30F7)
_TO_HIRAGANA = 0x60


class _Table(dict[int, str]):
    """What each character becomes, made when first met; always one character, so that offsets stay."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if code in _KATAKANA:
            known = chr(code - _TO_HIRAGANA)
        elif unicodedata.category(character)[0] in "LMN":
            known = _SAME.get(character, character)
        else:
            known = " "
        self[code] = known
        return known


_TABLE = _Table()


def flattened(projection: str) -> str:
    """A projected text, flat: as long as it is."""
    return projection.translate(_TABLE)


def flat(text: str) -> str:
    """Any text, projected and flat.

    >>> flat("d’Angelo_2"), flat("スズキ")
    ('d angelo 2', 'すすき')
    """
    return flattened(projected(text))


_BLOCKS = (
    (0x0041, 0x024F, "LATIN"), (0x0370, 0x03FF, "GREEK"), (0x0400, 0x052F, "CYRILLIC"), (0x0531, 0x058F, "ARMENIAN"),
    (0x0590, 0x05FF, "HEBREW"), (0x0600, 0x06FF, "ARABIC"), (0x0750, 0x077F, "ARABIC"), (0x0900, 0x097F, "DEVANAGARI"),
    (0x0980, 0x0DFF, "INDIC"), (0x0E00, 0x0EFF, "THAI"), (0x1000, 0x109F, "THAI"), (0x10A0, 0x10FF, "GEORGIAN"),
    (0x1100, 0x11FF, "HANGUL"), (0x1780, 0x17FF, "THAI"), (0x1E00, 0x1EFF, "LATIN"), (0x1F00, 0x1FFF, "GREEK"),
    (0x3005, 0x3007, "HAN"), (0x3040, 0x30FF, "KANA"), (0x3400, 0x9FFF, "HAN"), (0xAC00, 0xD7AF, "HANGUL"),
    (0xF900, 0xFAFF, "HAN"), (0xFB1D, 0xFB4F, "HEBREW"), (0xFB50, 0xFEFF, "ARABIC"), (0xFF21, 0xFF5A, "LATIN"),
    (0xFF66, 0xFF9F, "KANA"), (0x20000, 0x3FFFF, "HAN"),
)  # fmt: skip


def script_of(character: str) -> str:
    """The script of a letter; empty where it is not a letter, and for scripts that this module does not know."""
    code = ord(character)
    return next((name for first, last, name in _BLOCKS if first <= code <= last), "")
