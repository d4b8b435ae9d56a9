"""Named items: which of several things the user's words call by its title, mistyped too.

A call takes it in place of another, so little that speaks for a thing is not enough: the whole of its title was said,
or most of the words that may name anything are of its title.

Covered: events and to-dos. Not covered: words of places, guests and descriptions, which speak of others, too.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from umi_edge.reading.question import QUESTION_WORDS, alike, words_of
from umi_edge.reading.spelling import spelt_as_there
from umi_edge.session.item_evidence import Said
from umi_edge.values.word_lists import word_lists
from umi_shared.handles import HANDLE_PATTERN

__all__ = ["named_items", "naming_words"]

_TOKEN = re.compile(rf"{HANDLE_PATTERN}|[^\W_]+(?:['’-][^\W_]+)*")
_SHORTEST = 3
"""Letters of a word that may be another form of one in a title."""


def naming_words(said: Said) -> str:
    """The words and handles of a request that may name a thing: not those for days, times and changes.

    >>> from datetime import UTC, datetime
    >>> from umi_edge.values.time_words import TimePhrases
    >>> phrases = TimePhrases(datetime(2026, 11, 25, 12, 0, tzinfo=UTC), "en_GB")
    >>> naming_words(Said("Please move the dinner with <person:1> to eight o'clock", phrases))
    'dinner <person:1>'
    >>> naming_words(Said("cancel it", phrases))
    ''
    """
    return " ".join(_naming(said.without_moments))


def named_items(words: str, items: Sequence[Any], taken: Collection[int] = ()) -> tuple[int, ...]:
    """The things, by number, of whose titles the most was said; `words` are those that may name a thing.

    None where anything was said of those that were `taken`.

    >>> items = [{"title": "Pottery with Lea"}, {"title": "Lunch with Lea"}, {"title": "Lunch, canteen"}]
    >>> named_items("potery lea", items), named_items("lea", items), named_items("cant", items)
    ((0,), (0, 1), ())
    >>> named_items("potery lea", items, [1]), named_items("potery lea", items, [2])
    ((), (0,))
    """
    titles = [_title(one) for one in items]
    terms = [word for word in words_of(spelt_as_there(titles, words)) if word not in QUESTION_WORDS]
    owned = [_telling(title) for title in titles]
    said = [sum(any(_is_same(term, word) for term in terms) for word in own) for own in owned]
    most = max(said, default=0)
    if not most or any(said[number] for number in taken):
        return ()
    enough = 2 * most > len(terms)
    return tuple(
        number
        for number, (own, count) in enumerate(zip(owned, said, strict=True))
        if count == most and (enough or count == len(own))
    )


def _naming(text: str) -> Iterator[str]:
    for found in _TOKEN.finditer(text):
        token, words = found[0], words_of(found[0])
        says_nothing = len(token) == 1 or not words or QUESTION_WORDS.issuperset(words)
        if token.startswith("<") or not (says_nothing or _asks().fullmatch(token)):
            yield token


@cache
def _asks() -> "re.Pattern[str]":
    lists = word_lists("umi_edge.session.words", "item_look_ups.yaml")
    return re.compile(lists.any_of("asks"), re.IGNORECASE)


def _title(item: Any) -> str:
    title = item.get("title") if isinstance(item, Mapping) else None
    return title if isinstance(title, str) else ""


def _telling(title: str) -> list[str]:
    return [word for word in dict.fromkeys(words_of(title)) if word not in QUESTION_WORDS and len(word) > 1]


def _is_same(term: str, word: str) -> bool:
    """Whether a word is one of a title: `races` is `race`, `cant` is no `canteen`."""
    short = min(len(term), len(word)) < _SHORTEST
    return term == word or (not short and abs(len(term) - len(word)) < _SHORTEST and alike(term, word))
