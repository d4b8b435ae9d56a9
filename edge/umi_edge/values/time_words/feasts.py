"""Feasts, as the end of a span: `before Christmas`. As a day alone they are none: a Christmas party is in November."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from dateutil.easter import easter

__all__ = ["feasts_in"]

_ON: tuple[tuple[str, Callable[[int], date]], ...] = (
    (r"christmas eve|heiligabend|nochebuena", lambda year: date(year, 12, 24)),
    (r"christmas|xmas|weihnachten|no[eë]l|navidad", lambda year: date(year, 12, 25)),
    (r"new year['’]?s eve|silvester|la saint-sylvestre|nochevieja", lambda year: date(year, 12, 31)),
    (r"(?:the )?new year|neujahr|(?:le )?nouvel an|año nuevo", lambda year: date(year, 1, 1)),
    (r"easter|ostern|p[aâ]ques|(?:la )?pascua", easter),
)
_NOT_AFTER = r"(?![\w-])(?! (?!and\b|or\b|und\b|et\b|y\b|at\b|in\b|please\b)[a-zà-ÿ]+)"
"""A word behind it makes it the name of something else: `before Christmas dinner`."""
_BEFORE = r"\b(?:(?P<before>before|vor|avant|antes de)|until|till|bis|jusqu['’]?[àa]|hasta) "
_PATTERNS = tuple((re.compile(f"{_BEFORE}(?:{names}){_NOT_AFTER}", re.IGNORECASE), day) for names, day in _ON)


def feasts_in(text: str, today: date) -> Iterator[tuple[str, tuple[tuple[date, date], ...]]]:
    """The spans from today on that end with a feast, or before it, each with the words that say so.

    >>> [*feasts_in("what is on before Christmas?", date(2026, 11, 24))]
    [('before Christmas', ((datetime.date(2026, 11, 24), datetime.date(2026, 12, 24)),))]
    >>> [*feasts_in("before Christmas dinner", date(2026, 11, 24))]
    []
    """
    for pattern, on in _PATTERNS:
        for found in pattern.finditer(text):
            day = next(one for one in (on(today.year), on(today.year + 1)) if one > today)
            yield found[0], ((today, day - timedelta(days=1) if found["before"] else day),)
