"""Marks: keyed hashes of texts and of their lines, by which what was written is known again, and not read.

Only letters and digits count, in one spelling: what a store makes of quotes, blanks and case changes no mark.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator

__all__ = ["Marks", "marks_of"]

Marks = dict[str, int]
"""By each mark, how many letters and digits it stands for."""

_MOST_LINES = 2000
_SHORT_LINE = 6
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?|\d{2}:\d{2}(:\d{2})?")
"""Dates and times hold no words."""
_NO_LETTER = re.compile(r"[\W_]+")
_BYTES = 12


def marks_of(texts: Iterable[str], key: bytes) -> Marks:
    """The marks of some texts: of each as a whole, and of each line of more than a few letters where it has several.

    >>> one, two = marks_of(["Call Eve Evil!"], b"key"), marks_of(["call  eve-evil"], b"key")
    >>> one == two, list(one.values()), marks_of(["2026-11-27", "15:00"], b"key")
    (True, [11], {})
    """
    return {
        hmac.digest(key, piece.encode("utf-8", "surrogatepass"), "sha256")[:_BYTES].hex(): len(piece)
        for text in texts
        for piece in _pieces(text)
    }


def _pieces(text: str) -> Iterator[str]:
    if _MOMENT.fullmatch(text.strip()):
        return
    lines = [_spelled(line) for line in text.splitlines()]
    whole = "".join(lines)
    if whole:
        yield whole
    if len(lines) > 1:
        yield from (line for line in lines[:_MOST_LINES] if len(line) >= _SHORT_LINE)


def _spelled(line: str) -> str:
    plain = unicodedata.normalize("NFKC", line).casefold()
    return _NO_LETTER.sub("", plain) or "".join(plain.split())
