"""The readings of a message: the texts that its bytes may stand for in the usual encodings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from umi_edge.egress.encodings import Decoded, decoded_bytes, decoded_texts
from umi_edge.policy.projection import projected
from umi_shared.wire import strings_of

__all__ = ["Readings", "bare", "squeezed"]

_PUNCTUATION = re.compile(r"[\W_]+")
_ASCII_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum())
_SMALL = bytes(ord(chr(code).lower()) for code in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """One message, read in every way that a kept value is looked for."""

    texts: tuple[str, ...] = field(repr=False)
    """Its strings in a row, projected: as they are, and without the escapes that they have."""
    decoded: tuple[Decoded, ...] = field(repr=False)
    """Its bytes: as they are, and as what they may be a code of."""

    @classmethod
    def of(cls, message: bytes) -> Self:
        """The readings of a serialized request. Bytes that do not parse as a request are read as one string."""
        joined = " ".join(strings_of(message) or [message.decode(errors="replace")])
        texts = (projected(joined), *map(projected, decoded_texts(joined)))
        return cls(texts=texts, decoded=tuple(decoded_bytes(message)))

    def bare(self) -> Iterator[bytes]:
        """Each reading without punctuation, to look for texts whose own punctuation was taken out."""
        text = squeezed(self.texts[0])
        yield text.encode()
        yield text[::-1].encode()
        yield from (squeezed(other).encode() for other in self.texts[1:])
        yield from (bare(decoded.raw) for decoded in self.decoded)


def squeezed(text: str) -> str:
    """Letters and digits only."""
    if text.isascii():
        return text.encode().translate(None, _ASCII_PUNCTUATION).decode()
    return _PUNCTUATION.sub("", text)


def bare(raw: bytes) -> bytes:
    r"""Bytes as small Latin-1 letters, without ASCII's punctuation and controls.

    >>> bare(b"Kept-4711\n")
    b'kept4711'
    """
    return raw.translate(_SMALL, _ASCII_PUNCTUATION)
