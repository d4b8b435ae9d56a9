"""Words: how the search tools compare what is asked with what is there."""

import unicodedata


def folded(text: str) -> str:
    """`text` without case and accents.

    >>> folded("Élodie STRASSE"), folded("Straße")
    ('elodie strasse', 'strasse')
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def has_words(text: str, query: str) -> bool:
    """Whether every word of `query` is somewhere in `text`; a query without words matches nothing.

    >>> has_words("Élodie Martin", "martin elo"), has_words("Élodie Martin", "anne martin")
    (True, False)
    """
    words = folded(query).split()
    haystack = folded(text)
    return bool(words) and all(word in haystack for word in words)


def snippet(text: str, query: str, limit: int) -> str:
    """At most `limit` characters of `text` around the first word of `query` in it.

    >>> snippet("The boiler is in the cellar, behind the door.", "cellar", 20)
    '…in the cellar, behin…'
    """
    if len(text) <= limit:
        return text
    haystack = folded(text)
    found = [haystack.find(word) for word in folded(query).split()]
    first = min((position for position in found if position >= 0), default=0)
    # Folding can change the length by a few characters: the window is wide enough not to care.
    start = max(0, min(first - limit // 3 - 1, len(text) - limit))
    end = start + limit
    return ("…" if start else "") + text[start:end].strip() + ("…" if end < len(text) else "")


def single_line(text: str) -> bool:
    """Whether `text` is free of control characters, line breaks above all."""
    return not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)
