"""The text of a vCard: which letters its bytes are, where it says so and where it does not."""

import base64
import binascii
import codecs
import quopri
import re
from collections.abc import Iterator

__all__ = ["AS_WRITTEN", "decoded", "has_utf8", "split_value", "transfer_decoded", "unescaped"]

_UTF8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ELSEWHERE = ("cp1250", "cp1254", "cp1257")
"""What bytes that are no UTF-8 may be in Europe, besides Windows-1252."""
AS_WRITTEN = {"iso8859-1": "cp1252", "ascii": "utf-8"}
"""What writers mean who name these (as https://encoding.spec.whatwg.org has it)."""
_DAMAGED = "a damaged letter"


def has_utf8(data: bytes | bytearray) -> bool:
    """Whether any of it is UTF-8 beyond ASCII.

    >>> has_utf8("Müller".encode()), has_utf8("Müller".encode("cp1252"))
    (True, False)
    """
    return _UTF8.search(data) is not None


def transfer_decoded(data: bytes, encoding: str) -> bytes:
    """The bytes behind a transfer encoding. Raises `ValueError`, value-free.

    >>> transfer_decoded(b"M=C3=BCller", "QUOTED-PRINTABLE").decode()
    'Müller'
    """
    if encoding == "QUOTED-PRINTABLE":
        return quopri.decodestring(data)
    if encoding in ("B", "BASE64"):
        try:
            return base64.b64decode(data, validate=False)
        except binascii.Error:
            raise ValueError("text that is no base64") from None
    return data


def decoded(data: bytes, charset: str, *, beside_utf8: bool) -> tuple[str, tuple[str, ...]]:
    r"""The text that bytes are, and what they may be besides, where nothing tells.

    `beside_utf8` says that the rest of the card is UTF-8, so that any other bytes are damaged. Raises `ValueError`,
    value-free, for what must not be guessed at.

    >>> decoded(b"Dvo\xf8\xe1k", "", beside_utf8=False)
    ('Dvoøák', ('Dvořák', 'Dvoųįk'))
    """
    named = _named(data, charset)
    text, others = (named, ()) if named is not None else _guessed(data, beside_utf8=beside_utf8)
    if "\ufffd" in text:
        raise ValueError(_DAMAGED)
    return text, tuple(dict.fromkeys(other for other in (*others, *_undone(text)) if other != text))


def _named(data: bytes, charset: str) -> str | None:
    """The text in the encoding that the card names, or in UTF-8."""
    for name in filter(None, (charset, "utf-8")):
        try:
            codec = codecs.lookup(name).name
            return data.decode(AS_WRITTEN.get(codec, codec))
        except (LookupError, UnicodeError):
            continue
    return None


def _guessed(data: bytes, *, beside_utf8: bool) -> tuple[str, tuple[str, ...]]:
    """The text as Windows-1252, unless it cannot be that."""
    if beside_utf8 or has_utf8(data):
        raise ValueError(_DAMAGED)
    beyond = sum(byte > 0x7F for byte in data)
    if beyond > sum(65 <= byte & 0xDF <= 90 for byte in data if byte < 0x80):
        raise ValueError("letters in an encoding that it does not name")
    try:
        return data.decode("cp1252"), tuple(_readings(data))
    except UnicodeDecodeError:
        raise ValueError(_DAMAGED) from None


def _readings(data: bytes) -> Iterator[str]:
    for name in _ELSEWHERE:
        try:
            yield data.decode(name)
        except UnicodeDecodeError:
            continue


def _undone(text: str) -> Iterator[str]:
    """The text before somebody took its UTF-8 for Windows-1252.

    >>> list(_undone("MÃ¼ller")), list(_undone("Müller"))
    (['Müller'], [])
    """
    if not text.isascii():
        try:
            yield text.encode("cp1252").decode("utf-8")
        except UnicodeError:
            return


def split_value(text: str, separator: str) -> list[str]:
    r"""The parts of a value between unescaped separators, still escaped.

    >>> split_value(r"Muster\;mann;Max", ";")
    ['Muster\\;mann', 'Max']
    """
    parts = [""]
    for piece in re.findall(r"\\.|[^\\]|\\$", text, re.DOTALL):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def unescaped(text: str) -> str:
    r"""The text behind the escapes.

    >>> unescaped(r"A\, B\; C\nD")
    'A, B; C\nD'
    """
    return re.sub(r"\\([nN,;:\\])", lambda found: "\n" if found[1] in "nN" else found[1], text)
