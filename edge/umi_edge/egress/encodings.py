"""What bytes say when they are read as an encoding: base64, hex, percent, JSON's escapes.

The egress guard looks for many values in one message. To read the message back is cheaper than to write every value
under every encoding, and it finds a value within a longer text that was encoded as a whole.

Covered: base64, url-safe too, at each of its four offsets; hex at both, in either case. Not covered: encodings
within encodings, line breaks within an encoding.
"""

import binascii
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes

from umi_shared.well_formed import well_formed

__all__ = ["Decoded", "decoded_bytes", "decoded_texts"]

_BASE64 = (string.ascii_letters + string.digits + "+/-_").encode()
_HEX = string.hexdigits.encode()


def _table(alphabet: bytes, other: bytes, aliases: dict[bytes, bytes]) -> bytes:
    """A table that maps an alphabet to itself, each alias to its meaning, and every other byte to one character."""
    codes = ((aliases.get(code, code) if code in alphabet else other) for code in map(_byte, range(256)))
    return b"".join(codes)


def _byte(code: int) -> bytes:
    return bytes([code])


_BASE64_MARKS, _HEX_MARKS = (
    bytes(ord("A") if code in alphabet else ord(" ") for code in range(256)) for alphabet in (_BASE64, _HEX)
)
# Spelled out, since `re` skips to a literal prefix, and tries `A{11,}` at every byte: 15 times as slow.
_BASE64_RUNS, _HEX_RUNS = re.compile(b"A" * 11 + b"A*"), re.compile(b"A" * 8 + b"A*")
_AS_BASE64 = _table(_BASE64, b"A", {b"-": b"+", b"_": b"/"})
_AS_HEX = _table(_HEX, b"0", {})
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Bytes decoded from a message; where nothing could be decoded they are noise."""

    raw: bytes = field(repr=False)
    least: int
    """A finding shorter than this, in characters, is put down to chance."""
    source: bytes = field(repr=False)
    alphabet: bytes = b""
    """The characters that the code is written in; empty where every byte counts."""
    offset: int = 0
    bits: int = 8
    """How many bits one character of the code stands for."""

    @property
    def text(self) -> str:
        """The bytes as small Latin-1 letters, one a byte."""
        return self.raw.decode("latin-1").lower()

    def holds(self, start: int, end: int) -> bool:
        """Whether all of what was decoded here was written in the code's characters."""
        if end - start < self.least:
            return False
        first, last = self.offset + start * 8 // self.bits, self.offset - (-end * 8 // self.bits)
        return not self.alphabet or not self.source[first:last].translate(None, self.alphabet)


def decoded_bytes(message: bytes) -> Iterator[Decoded]:
    r"""The message as it is, without escapes if it has any, and read as base64 and as hex from every offset.

    >>> import base64
    >>> [one.text for one in decoded_bytes(b"a" + base64.b64encode(b"Kept-4711")) if "kept-4711" in one.text]
    ['kept-4711']
    """
    yield Decoded(message, 8, message)
    if b"%" in message:
        yield Decoded(unquote_to_bytes(message), 8, message)
    if b"\\" in message:
        yield Decoded(_unescaped(message.decode(errors="replace")).encode(), 8, message)
    # Only what is long enough to hold something: words are not, so that plain text costs next to nothing.
    runs = _runs(message, _BASE64_MARKS, _BASE64_RUNS)
    coded = runs.translate(_AS_BASE64) + b"AAA"
    for offset in range(4 if runs else 0):
        whole = coded[offset : len(coded) - (len(coded) - offset) % 4]
        yield Decoded(binascii.a2b_base64(whole), 8, runs, _BASE64, offset, 6)
    runs = _runs(message, _HEX_MARKS, _HEX_RUNS)
    coded = runs.translate(_AS_HEX)
    for offset in range(2 if runs else 0):
        whole = coded[offset : len(coded) - (len(coded) - offset) % 2]
        yield Decoded(binascii.unhexlify(whole), 4, runs, _HEX, offset, 4)


def _runs(message: bytes, marks: bytes, pattern: re.Pattern[bytes]) -> bytes:
    """The stretches that are written in a code's alphabet and long enough, one on each line."""
    found = pattern.finditer(message.translate(marks))
    return b"\n".join([message[run.start() : run.end()] for run in found])


def decoded_texts(text: str) -> Iterator[str]:
    r"""The text without percent-encoding, and without JSON's escapes, where it has any.

    >>> list(decoded_texts("a%40b")), list(decoded_texts(r"\u00e9\""))
    (['a@b'], ['é"'])
    """
    if "%" in text:
        yield unquote(text)
    if "\\" in text:
        yield _unescaped(text)


def _unescaped(text: str) -> str:
    plain = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPED.get(m[2], m[2]), text)
    return well_formed(plain)
