"""What of a request stays as it was typed, whatever it looks like: quotations, and what something is called.

Covered: quotation marks of all kinds, code, and what comes behind `called`, `subject`, `password` and the like, up to
the end of the sentence.
"""

import re
from collections.abc import Iterator
from functools import cache

from umi_edge.spelling.languages import words_before_names

__all__ = ["untouched"]

_QUOTED = re.compile(
    r"\"[^\"\n]*\"|“[^”“\n]*[”“]|„[^“”\n]*[“”]|«[^»\n]*»|»[^«\n]*«|‘[^’\n]*’(?!\w)|`[^`\n]*`|(?<!\w)'[^'\n]*'(?!\w)"
)


def untouched(text: str) -> Iterator[tuple[int, int]]:
    """Where such parts begin and end.

    >>> text = "add 'teh tarte' and an event called Rowign, on mnoday. Then wirte it"
    >>> [text[start:end] for start, end in untouched(text)]
    ["'teh tarte'", 'called Rowign, on mnoday']
    """
    for pattern in (_QUOTED, _named()):
        for found in pattern.finditer(text):
            yield found.span()


@cache
def _named() -> re.Pattern[str]:
    words = "|".join(map(re.escape, sorted(words_before_names())))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)(?:(?![.!?;](?:\s|$))[^\n])*", re.IGNORECASE)
