"""Text from elsewhere, fit for a terminal: what steers it, or shows as nothing, is a visible sign.

Covered: control characters (C0 and C1, so every escape sequence: CSI, OSC, DCS), bidi controls, characters of no width,
tags, variation selectors, lone surrogates, private and unassigned characters, separators of lines and paragraphs.
Not covered: letters that look like others (`umi_edge.terminal.values` marks those), and the order in which a terminal
shows right-to-left letters beside left-to-right ones.
"""

from functools import cache
from typing import Any

__all__ = ["escaped", "one_line", "unseen", "visible"]


@cache
def unseen() -> Any:
    """The pattern of what a terminal would obey, or not show; ends of lines and tabs are in it, too.

    Joiners and selectors stay where words are spelt with them: Persian and the scripts of India (RFC 5892, A.1 and
    A.2), and pictures that are made of several.
    """
    import regex  # noqa: PLC0415  # a command that prints plain words alone starts without it

    spelling = (
        r"(?<=[\p{L}&&\p{Arabic}])\u200C(?=[\p{L}&&\p{Arabic}])",
        r"(?<=\p{L}\p{M}?\p{ccc=9})[\u200C\u200D]",
        r"(?<=\p{Extended_Pictographic})\uFE0F",
        r"(?<=\p{Extended_Pictographic}\p{Emoji_Modifier}?\uFE0F?)\u200D(?=\p{Extended_Pictographic})",
    )
    hidden = r"[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]"
    return regex.compile(rf"(?:{'|'.join(spelling)})(*SKIP)(*FAIL)|{hidden}", regex.VERSION1)


def visible(text: str) -> str:
    r"""The text with signs for all that can't be seen; its lines and tabs stay.

    >>> visible("a\x1b]8;;x\x07b\u202ec\ud800\u200b")
    'a\\x1b]8;;x\\x07b<U+202E>c<U+D800><U+200B>'
    >>> visible("one\r\ntwo"), visible("می\u200cخواهم")
    ('one\ntwo', 'می\u200cخواهم')
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return unseen().sub(lambda match: _sign(match.group(), kept="\n\t"), text)  # type: ignore[no-any-return]


def one_line(text: str) -> str:
    r"""The text with signs for all that can't be seen, and for the ends of its lines: it can't begin one of its own.

    >>> one_line("a\nSent to: you")
    'a␊Sent to: you'
    """
    if text.isascii() and text.isprintable():
        return text
    return unseen().sub(lambda match: _sign(match.group()), text)  # type: ignore[no-any-return]


def escaped(text: str) -> str:
    r"""JSON text with what can't be seen in JSON's own escapes; to a program it says the same.

    >>> escaped('"\u202e\x7f\U000e0041"')
    '"\\u202e\\u007f\\udb40\\udc41"'
    """
    if text.isascii() and text.isprintable():
        return text
    return unseen().sub(lambda match: _json_escape(match.group()), text)  # type: ignore[no-any-return]


def _sign(character: str, kept: str = "") -> str:
    if character in kept:
        return character
    if character == "\n":
        return "\u240a"
    code = ord(character)
    return f"\\x{code:02x}" if code < 0xA0 else f"<U+{code:04X}>"


def _json_escape(character: str) -> str:
    if character in "\n\t":  # between the values; inside one, JSON has escaped it
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
