"""Words: how the search tools compare what is asked with what is there.

Signs inside of a word count for nothing ("wifi" finds "Wi-Fi"). In texts a word also finds what it is bent to:
"allergic" finds "allergy". In names it does not, or Johanna would get what is meant for Johannes. No stemmer is used:
one would have to know the language of each text, and the English ones give "allergic" and "allergy" two stems.
"""

import math
import re
import unicodedata
from collections.abc import Iterable

from umi_edge.reading.question import QUESTION_WORDS

_SIGNED = re.compile(r"(?<!\w)\w+(?:[-'’.·/&+]\w+)+")
"""A word with signs inside; sought where a word begins, or a long one would be read anew from each of its letters."""
_SIGNS = re.compile(r"[^\w\s]+")
_SHARED = 5
"""Letters that two forms of a word have in common at least; one less where one is the other and an ending."""
_ENDING = re.compile(
    # English, German, French and Spanish: what a word is bent with, and what makes one word of another.
    "(?:a|as|ais|ait|al|ance|ant|ants|e|ed|el|eln|em|en|ence|end|ende|enden|ens|ent|ents|er|era|eres|ern|ers|es|est|et"
    "|eur|eurs|euse|ez|ia|ic|ical|ico|ie|ied|ien|ier|iere|ies|ieux|in|ing|ings|inn|innen|ion|ions|ique|iques|isch|ische"
    "|ischen|ist|iste|istes|ists|ity|ive|le|led|lich|ling|ly|ment|ments|n|nd|ne|nen|ner|nis|o|ons|or|ors|os|ous|s|se"
    "|sen|st|t|te|ted|ten|ter|tes|ting|tion|tions|ts|ung|ungen|y)?"
)


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
    >>> has_words("The Wi-Fi: guest-4711", "guest wifi"), has_words("Johannes", "Johanna")
    (True, False)
    """
    haystack = folded(text)
    words = _words(query)
    return bool(words) and all(word in haystack or _without_signs(word, haystack) for word in words)


def tells_of(text: str, query: str) -> bool:
    """The same of a text, in which words are bent.

    >>> tells_of("She is allergic to nuts", "Allergies?"), tells_of("the contract", "contrast")
    (True, False)
    """
    haystack = folded(text)
    words = _words(query)
    return bool(words) and all(_is_in(word, haystack) for word in words)


def most_told(texts: Iterable[str], query: str) -> list[int]:
    """The texts, by their place, that tell of a query the most: those that tell of every word of it where some do.

    Else the words count by how few of the texts have them, and more than half of their weight must be there. Words that
    stand in any question count for nothing, and neither do a `next`, a `last` and an `appointment`.

    >>> letters = ["Mooring fees", "The mooring in winter", "A winter coat", "A winter sale"]
    >>> most_told(letters, "winter mooring"), most_told(letters, "the next mooring"), most_told(letters, "winter tyres")
    ([1], [0, 1], [])
    """
    words = _words(query)
    haystacks = [folded(text) for text in texts]
    whole = [place for place, text in enumerate(haystacks) if all(_is_in(word, text) for word in words)]
    if words and whole:
        return whole
    there = [[_begins_in(word, text) for word in words] for text in haystacks]
    counts = [sum(column) for column in zip(*there, strict=True)]
    weights = [
        0.0 if _says_nothing(_plain(word)) else math.log(1 + len(there) / max(1, count))
        for word, count in zip(words, counts, strict=False)
    ]
    worth = [
        sum(weight for weight, is_there in zip(weights, found, strict=True) if is_there) for found in there
    ]
    most = max(worth, default=0.0)
    return [place for place, one in enumerate(worth) if most and one == most and 2 * most > sum(weights)]


_ANY_THING = re.compile(
    "appointments?|meetings?|events?|termine?|citas?|next|last|latest|newest|upcoming|(?:nachst|letzt|neu(?:e)?st)e[nrs]?|prochaine?|derniere?|(?:proxim|ultim)[ao]"
)


def _begins_in(word: str, haystack: str) -> bool:
    """The same where a word begins: `Grace` runs no race."""
    begins = re.compile(rf"(?<!\w){re.escape(word)}")
    return begins.search(haystack) is not None or _form_at(word, haystack) >= 0


def _says_nothing(word: str) -> bool:
    return word in QUESTION_WORDS or _ANY_THING.fullmatch(word) is not None


def _is_in(word: str, haystack: str) -> bool:
    return word in haystack or _without_signs(word, haystack) or _form_at(word, haystack) >= 0


def _words(query: str) -> list[str]:
    return [word for word in folded(query).split() if _plain(word)]


def _plain(word: str) -> str:
    return _SIGNS.sub("", word)


def _without_signs(word: str, haystack: str) -> bool:
    """Whether a word is in a folded text but for the signs that one of them has inside."""
    plain = _plain(word)
    if plain != word and plain in haystack:
        return True
    return any(plain in _plain(one) for one in _SIGNED.findall(haystack))


def _form_at(word: str, haystack: str) -> int:
    """Where a form of a word begins in a folded text; -1 where there is none."""
    plain = _plain(word)
    begins = plain[: _SHARED - 1]
    if len(plain) < _SHARED - 1 or begins not in haystack:
        return -1
    forms = re.finditer(rf"(?<!\w){re.escape(begins)}\w*", haystack)
    return next((one.start() for one in forms if _is_form(plain, one[0])), -1)


def _is_form(one: str, other: str) -> bool:
    """Whether two words differ in their endings alone.

    >>> _is_form("allergic", "allergies"), _is_form("leaking", "leak"), _is_form("contract", "contrast")
    (True, True, False)
    """
    for shared in range(_SHARED - 1, min(len(one), len(other)) + 1):
        if one[:shared] != other[:shared]:
            return False
        endings = one[shared:], other[shared:]
        if all(map(_ENDING.fullmatch, endings)) and (shared >= _SHARED or "" in endings):
            return True
    return False


def snippet(text: str, query: str, limit: int) -> str:
    """At most `limit` characters of `text` around the first word of `query` in it.

    >>> snippet("The boiler is in the cellar, behind the door.", "cellar", 20)
    '…in the cellar, behin…'
    """
    if len(text) <= limit:
        return text
    haystack = folded(text)
    found = [max(haystack.find(word), _form_at(word, haystack)) for word in _words(query)]
    first = min((position for position in found if position >= 0), default=0)
    # Folding can change the length by a few characters: the window is wide enough not to care.
    start = max(0, min(first - limit // 3 - 1, len(text) - limit))
    end = start + limit
    return ("…" if start else "") + text[start:end].strip() + ("…" if end < len(text) else "")


def single_line(text: str) -> bool:
    """Whether `text` is free of control characters, line breaks above all."""
    return not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)
