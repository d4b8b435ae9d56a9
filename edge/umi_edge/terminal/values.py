"""A value on a terminal, so that what is read is what is meant: nothing in it can imitate the screen around it.

Shown between quotes and on one line, with a sign for each control character and the name of each that shows as nothing;
words of more than one script, letters that pass for others, and addresses that look like the user's own are marked.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import regex
from rich.text import Text

from umi_edge.terminal.colours import BAD
from umi_edge.terminal.lookalikes import (
    NOTHING_KNOWN,
    KnownAddresses,
    hosts_both_ways,
    mixed_scripts,
    passes_for,
)

__all__ = ["FOLDED", "ShownPiece", "Way", "doubts", "is_destination", "ordered", "quoted", "shown_value"]

FOLDED = 240
"""Characters of a value that are shown at once."""
_UNSEEN = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{C}\p{Zl}\p{Zp}\u2800]|[^\S ]")
_BLANKS = regex.compile(r" {3,}")
_MARKED = regex.compile(rf"(?:{_BLANKS.pattern})|{_UNSEEN.pattern}")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_ADDRESS = regex.compile(
    r"^\S*(@|://)\S*$|^www\.\S*$|^\s*[A-Z]{2}[0-9]{2}[ 0-9A-Z]{10,}$|^\+?[0-9][0-9 ()/-]{6,}$"
)
_DESTINATIONS = regex.compile(
    r"^(to|cc|bcc|url|uri|link|href|host|iban|bic|phone|user|username|channel|path|folder|room|attendees?|participants?"
    r"|guests?|members?|invitees?|accounts?|destinations?|targets?|receivers?|payees?|address(es)?|recipients?"
    r"|emails?|server|domain)$"
)


def is_destination(name: str, value: Any) -> bool:
    """Whether an argument says where something goes: by its name, or because its value is an address."""
    words = regex.split(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])", name)
    if any(_DESTINATIONS.match(word.lower()) for word in words):
        return True
    return _ADDRESS.search(value) is not None and len(value) <= FOLDED if isinstance(value, str) else False


def ordered(arguments: Mapping[str, Any]) -> list[str]:
    """The names of arguments, those that say where something goes last: nearest to the question."""
    return sorted(arguments, key=lambda name: is_destination(name, arguments[name]))


def quoted(value: Any, *, whole: bool = False, style: str = "") -> Text:
    """A value between quotes, on one line; a long one as its two ends, unless the `whole` is wanted."""
    styles = {Way.PLAIN: style, Way.QUOTE: "dim", Way.CUT: "reverse", Way.SIGN: f"reverse {BAD}"}
    shown = Text()
    for piece in shown_value(value, whole=whole):
        shown.append(piece.text, style=styles[piece.way])
    return shown


class Way(StrEnum):
    """How a piece of a value is meant."""

    PLAIN = "plain"
    """As it is."""
    QUOTE = "quote"
    """Where it begins and ends."""
    CUT = "cut"
    """Said in place of what is left out."""
    SIGN = "sign"
    """Stands for what shows as nothing."""


@dataclass(frozen=True, slots=True)
class ShownPiece:
    """A piece of a value as a person is shown it."""

    text: str = field(repr=False)
    way: Way = Way.PLAIN


def shown_value(value: Any, *, whole: bool = False) -> list[ShownPiece]:
    r"""A value between quotes, on one line; a long one as its two ends, unless the `whole` is wanted.

    >>> "".join(piece.text for piece in shown_value("a\nb"))
    '"a␊b"'
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    end = [ShownPiece('"', Way.QUOTE)] if isinstance(value, str) else []
    if whole or len(text) <= FOLDED:
        return [*end, *_signed(text), *end]
    half = FOLDED // 2
    cut = ShownPiece(f" [… {len(text) - 2 * half:,} more characters …] ", Way.CUT)
    return [*end, *_signed(text[:half]), cut, *_signed(text[-half:]), *end]


def _signed(text: str) -> Iterator[ShownPiece]:
    done = 0
    for match in _MARKED.finditer(text):
        if match.start() > done:
            yield ShownPiece(text[done : match.start()])
        yield ShownPiece(_sign(match.group()), Way.SIGN)
        done = match.end()
    if done < len(text):
        yield ShownPiece(text[done:])


def _sign(unseen: str) -> str:
    r"""What stands for characters that show as nothing.

    >>> _sign("\n"), _sign("     "), _sign("\u200b")
    ('␊', '[5 blanks]', '[U+200B ZERO WIDTH SPACE]')
    """
    if unseen.isspace() and set(unseen) == {" "}:
        return f"[{len(unseen)} blanks]"
    code = ord(unseen)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"[U+{code:04X} {unicodedata.name(unseen, '')}".rstrip() + "]"


def doubts(name: str, value: Any, known: KnownAddresses = NOTHING_KNOWN) -> list[str]:
    r"""What a reader would not see in a value: mixed scripts, letters that pass for others, blanks of no width.

    `known` are the addresses that the user has: one that looks like one of them, and is not, is told first.

    >>> doubts("to", "\u0430lice@example.org")
    ['“аlice” mixes scripts: Cyrillic, Latin']
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    goes = is_destination(name, value)
    found = known.doubts(text, whole=isinstance(value, str) and len(text) <= FOLDED)
    for word in _WORD.findall(text):
        shown = f"“{word[:40]}”"
        if scripts := mixed_scripts(word):
            found.append(f"{shown} mixes scripts: {', '.join(scripts)}")
        elif goes and (plain := passes_for(word)):
            found.append(f"{shown} looks like “{plain[:40]}”, and is not")
        elif (plainer := unicodedata.normalize("NFKC", word)) != unicodedata.normalize("NFC", word):
            found.append(f"{shown} looks like “{plainer[:40]}”, and is not")
    found += hosts_both_ways(text, whole=goes and isinstance(value, str))
    if any(not character.isspace() for character in _UNSEEN.findall(text)):
        found.append("has characters that do not show")
    return list(dict.fromkeys(found))
