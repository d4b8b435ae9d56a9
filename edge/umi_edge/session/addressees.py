"""Addressees: whom the user's words say is to be told something, read from a request as the planner sees it.

"Write please to <person:1> that she must not sit beside <person:2>": the first is written to, the second is in the
message. Covered: one or several, by name or by what they are ("our landlady"), in the languages of
`words/addressees.yaml`. Not covered, since the words do not settle it: a pronoun, a copy for somebody else, several
verbs that tell different people different things, a verb that is misspelt, a name without one ("Anna: yes").

I3: docs/design.md#i3-noninterference
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from umi_edge.session.look_up_words import look_up_words
from umi_edge.values.word_lists import WordLists, word_lists
from umi_shared.handles import HANDLE_PATTERN

__all__ = ["Addressees", "addressees_of", "only_in_message", "tells_detail"]

_PEOPLE = frozenset({"person", "email", "contact", "company", "name"})
_TOKEN = re.compile(rf"{HANDLE_PATTERN}|[\w@][\w'’.@+-]*[\w]|\w|['’]s\b|[^\w\s]")
_HANDLE = re.compile(HANDLE_PATTERN)
_SENTENCE = frozenset(".!?;:\n")
_QUOTES = frozenset('"“”„«»')
_LONGEST_NAME = 3
_LONGEST_DESCRIPTION = 5
_MOST_BETWEEN = 16
"""Words between `forward` and `to`: what is forwarded."""
_MOST_BESIDE = 4
_PLAIN = (
    "behind", "between", "to", "titles", "owners", "beside", "ands", "message", "told", "nobody", "pronouns", "copies",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressees:
    """Who is to be told by one errand of a request."""

    whom: tuple[str, ...] = field(repr=False)
    """By what each is looked up: a handle, or the words of a description."""
    start: int
    """Where the errand begins in the request."""
    end: int
    """Where the last of them ends; what stands behind is the message."""
    forwards: bool
    """Whether a letter goes on to them."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    start: int
    end: int

    @property
    def word(self) -> str:
        return _folded(self.text)

    @property
    def first(self) -> str:
        """What of it stands before an apostrophe: `i` of `i'm`."""
        return re.split("['’]", self.word)[0]

    @property
    def is_person(self) -> bool:
        found = _HANDLE.fullmatch(self.text)
        return found is not None and found[1] in _PEOPLE

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum() and _HANDLE.fullmatch(self.text) is None


def addressees_of(request: str) -> Addressees | None:
    """Whom a request says is to be told, as the planner sees it; None where it says nobody, or this cannot tell.

    >>> addressees_of("Write please to <person:1> that <person:2> is ill").whom
    ('<person:1>',)
    >>> addressees_of("let josie and will know i'm bringing my amp").whom
    ('josie', 'will')
    >>> addressees_of("Please forward <person:1>'s letter about the roof to our landlady").whom
    ('landlady',)
    >>> addressees_of("ask <person:1>'s fencing coach whether she is ill").whom
    ("<person:1>'s fencing coach",)
    >>> addressees_of("send the report to <person:1>").whom, addressees_of("send the report to bea")
    (('<person:1>',), None)
    >>> addressees_of("write him that <person:1> is in") is None
    True
    >>> addressees_of("tell me what <person:1> wrote") is None
    True
    """
    tokens = _tokens(request)
    found = [one for at, length, kind in _verbs(tokens) if (one := _group(tokens, at, length, kind))]
    if not found:
        return None
    first = found[0]
    told = [one for one in found[1:] if not _is_in_message(tokens, first, one)]
    if told:
        return None
    unsettled = any(token.word in _words().words("copies") for token in tokens)
    return None if unsettled or _words().words("pronouns").intersection(first.whom) else first


def only_in_message(request: str, told: Addressees, name: str) -> bool:
    """Whether somebody's name stands in a request only where it cannot be whom something else is done for.

    That is in the first clause of the message, with no other errand behind it that a pronoun could be for, and as the
    owner of what is sent on.

    >>> bea = addressees_of("tell <person:1> that <person:2> is ill")
    >>> only_in_message("tell <person:1> that <person:2> is ill", bea, "<person:2>")
    True
    >>> only_in_message("tell <person:1> i'm late and thank <person:2>", bea, "<person:2>")
    False
    """
    places = [one.span() for one in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", request, re.IGNORECASE)]
    message, end = _message(request, told)
    if _someone_again([token for token in _tokens(request) if token.start >= end]):
        return False
    return bool(places) and all(
        message <= start < end or (told.forwards and told.start < start and _owns(request, start, stop, told))
        for start, stop in places
    )


def _owns(request: str, start: int, stop: int, told: Addressees) -> bool:
    return start < told.end and request[stop : stop + 2] in ("'s", "’s")


def _message(request: str, told: Addressees) -> tuple[int, int]:
    """From where to where the first clause of the message is."""
    words = _words()
    tokens = [token for token in _tokens(request) if token.start >= told.end]
    begins = next((at for at, token in enumerate(tokens) if token.is_word or token.is_person), len(tokens))
    for at in range(begins, len(tokens)):
        token, behind = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else None
        goes_on = behind is not None and behind.word in words.words("told")
        if token.word in words.words("ands") or token.text in _SENTENCE | {"-", "–", "&", "+"}:
            return told.end, token.start
        if token.text == "," and not goes_on:
            return told.end, token.start
    return told.end, len(request)


def _someone_again(tokens: Sequence[_Token]) -> bool:
    return any(token.word in _words().words("pronouns") for token in tokens)


def _is_in_message(tokens: Sequence[_Token], first: Addressees, other: Addressees) -> bool:
    """Whether one errand is spoken of in the message of another: `ask <person:1> whether he can tell <person:2>`."""
    between = [token for token in tokens if first.end <= token.start < other.start]
    told = any(token.word in _words().words("told") for token in between)
    joined = between[-1:] and (between[-1].word in _words().words("ands") or between[-1].text in _SENTENCE)
    return told and not joined


def _verbs(tokens: Sequence[_Token]) -> Iterator[tuple[int, int, str]]:
    """Where an errand's verb stands as one says what is to be done, how many words it has, and of which list it is."""
    behind = _words().words("behind")
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        if before is not None and before.word not in behind and before.text not in _SENTENCE | {","}:
            continue
        if not token.is_word:
            continue
        for kind, pattern in _patterns():
            said = " ".join(one.word for one in tokens[at : at + 3])
            if (found := pattern.match(said)) is not None:
                yield at, len(found[0].split()), kind
                break


def _group(tokens: Sequence[_Token], at: int, length: int, kind: str) -> Addressees | None:
    words, behind = _words(), at + length
    if kind != "forwards" and (found := _direct(tokens, behind, kind)):
        if kind == "tells" or not _is_thing(tokens, found):
            return _made(tokens, at, found, kind)
        behind = found[1]
        if not tokens[behind + 1 :] or not tokens[behind + 1].is_person:
            return None
    for place in range(behind, min(len(tokens), behind + _MOST_BETWEEN)):
        token = tokens[place]
        if token.word in words.words("told") or token.text in _SENTENCE | _QUOTES:
            break
        if token.word in words.words("to") and (found := _several(tokens, place + 1)):
            if kind == "tells" and not found[0][0].startswith("<"):
                continue  # "remind me to buy bread"
            return _made(tokens, at, found, kind)
    return None if kind != "forwards" else _made(tokens, at, _direct(tokens, behind, kind), kind)


def _made(
    tokens: Sequence[_Token], at: int, found: tuple[list[str], int] | None, kind: str
) -> Addressees | None:
    if found is None:
        return None
    whom, end = found
    return Addressees(
        whom=tuple(dict.fromkeys(whom)),
        start=tokens[at].start,
        end=tokens[end - 1].end,
        forwards=kind == "forwards",
    )


def _direct(tokens: Sequence[_Token], place: int, kind: str) -> tuple[list[str], int] | None:
    """Those who stand behind a verb, with a `to` or without."""
    words, skipped = _words(), 0
    while place < len(tokens) and tokens[place].word in words.words("between") and skipped < _MOST_BESIDE:
        if tokens[place].word in words.words("owners"):
            break
        place, skipped = place + 1, skipped + 1
    if place < len(tokens) and tokens[place].word in words.words("to"):
        return _several(tokens, place + 1)
    found = _several(tokens, place)
    if found is None or kind == "tells":
        return found
    # "Write the report": whoever is written to stands before a letter or a message.
    behind = tokens[found[1]] if found[1] < len(tokens) else None
    named = found[0][0].startswith("<") or found[0][0] in words.words("pronouns")
    return found if (behind is None and named) or (behind is not None and _ends(behind)) else None


def _several(tokens: Sequence[_Token], place: int) -> tuple[list[str], int] | None:
    """One, or several joined by `and`, and where the last of them ends."""
    first = _one(tokens, place)
    if first is None:
        return None
    whom, end = [first[0]], first[1]
    while (next_ := _joined(tokens, end)) is not None:
        whom.append(next_[0])
        end = next_[1]
    return whom, end


def _joined(tokens: Sequence[_Token], end: int) -> tuple[str, int] | None:
    words, place = _words(), end
    after_comma = place < len(tokens) and tokens[place].text == ","
    place += after_comma
    joins = place < len(tokens) and (tokens[place].word in words.words("ands") or tokens[place].text in "&+")
    place += joins
    if not joins and not after_comma:
        return None
    if joins and place < len(tokens) and tokens[place].word in words.words("to"):
        place += 1
    found = _one(tokens, place)
    if found is None or any(pattern.match(tokens[place].word) for _, pattern in _patterns()):
        return None
    behind = tokens[found[1]] if found[1] < len(tokens) else None
    if found[0].startswith("<"):
        listed = behind is not None and (behind.text in ",&+" or behind.word in words.words("ands"))
        return found if joins or listed else None
    # "And request a day off" is another errand; "and Will know" is not.
    told = behind is not None and (behind.word in words.words("told") or behind.text == ":")
    return found if joins and told else None


def _one(tokens: Sequence[_Token], place: int) -> tuple[str, int] | None:
    """One person, and where their name or description ends."""
    words = _words()
    if place >= len(tokens):
        return None
    if tokens[place].word in words.words("pronouns"):
        behind = tokens[place + 1] if place + 1 < len(tokens) else None
        return (tokens[place].word, place + 1) if behind is None or _ends(behind) else None
    described = tokens[place].word in words.words("owners")
    start = place + 1 if described else place
    while start < len(tokens) and (tokens[start].word in words.words("titles") or tokens[start].text == "."):
        start += 1
    end = start
    while end < len(tokens) and tokens[end].is_person:
        end += 1
    if end > start:
        if end < len(tokens) and tokens[end].text.startswith(("'", "’")):
            return _owned(tokens, start, end)
        return " ".join(one.text for one in tokens[start:end]), _behind_name(tokens, end)
    return _in_words(tokens, start, described=described)


def _is_thing(tokens: Sequence[_Token], found: tuple[list[str], int]) -> bool:
    """Whether words may be what is sent, and not to whom: `send the report to Bea`."""
    (first, *_), end = found
    behind, next_ = (*(one.word for one in tokens[end : end + 2]), "", "")[:2]
    to = behind in _words().words("to") and next_ not in _words().words("between")
    return to and not first.startswith("<")


def _owned(tokens: Sequence[_Token], start: int, end: int) -> tuple[str, int] | None:
    """Somebody of somebody's, before a message: `<person:1>'s coach that`; a letter of theirs is nobody."""
    found = _in_words(tokens, end + 1, described=True)
    behind = tokens[found[1]] if found is not None and found[1] < len(tokens) else None
    if found is None or behind is None or (behind.word not in _words().words("told") and behind.text != ":"):
        return None
    things = _words().words("between")
    if any(token.word in things for token in tokens[end + 1 : found[1]]):
        return None
    owner = " ".join(one.text for one in tokens[start:end])
    return f"{owner}{tokens[end].text} {found[0]}", found[1]


def _in_words(tokens: Sequence[_Token], start: int, *, described: bool) -> tuple[str, int] | None:
    """Somebody by words: `landlady`, `adviser at the bank`, or a name that the device does not know."""
    words, end = _words(), start
    most = _LONGEST_DESCRIPTION if described else _LONGEST_NAME
    inner = words.words("beside") | words.words("owners") if described else frozenset[str]()
    while end < len(tokens) and (
        not _ends(tokens[end]) or (described and (end == start or tokens[end].word in inner))
    ):
        if tokens[end].text.startswith(("'", "’")) or not (
            tokens[end].is_word or (described and end > start)
        ):
            return None
        if tokens[end].word in words.words("ands"):
            break
        end += 1
        if end - start > most:
            return None
    while end > start and tokens[end - 1].word in inner:
        end -= 1
    if end == start or (not described and tokens[start].word in words.words("nobody")):
        return None
    return " ".join(one.text for one in tokens[start:end]), end


def _behind_name(tokens: Sequence[_Token], end: int) -> int:
    """Where a name ends with what is said beside it: `<person:1> from the test bench`."""
    words, place = _words(), end
    if place >= len(tokens) or tokens[place].word not in words.words("beside"):
        return end
    while place < len(tokens) and place - end <= _MOST_BESIDE:
        if tokens[place].is_person:
            return end  # "tell <person:1> the number of <person:2>"
        place += 1
        if place == len(tokens) or tokens[place].text in _SENTENCE | {","}:
            return place
        stops = tokens[place].word in words.words("message") - words.words("beside")
        if stops or tokens[place].word in words.words("ands"):
            return place
    return end


def _ends(token: _Token) -> bool:
    """Whether a name ends before a word: with it the message begins."""
    words = _words()
    return (
        token.text in _SENTENCE | _QUOTES | {",", "("}
        or token.word in words.words("message")
        or token.first in words.words("message")
    )


def tells_detail(request: str, told: Addressees) -> bool:
    """Whether the message tells how somebody is reached, or where they are: they are looked up for that.

    >>> request = "write to <person:1> how to reach <person:2>"
    >>> tells_detail(request, addressees_of(request))
    True
    """
    details = re.compile(rf"\b{_words().any_of('details')}\b", re.IGNORECASE)
    return any(one.search(request, told.end) for one in (details, look_up_words().detail))


@cache
def _words() -> WordLists:
    return word_lists("umi_edge.session.words", "addressees.yaml", plain=_PLAIN)


@cache
def _patterns() -> tuple[tuple[str, "re.Pattern[str]"], ...]:
    one = _words().any_of
    return tuple(
        (name, re.compile(rf"{one(name)}(?![\w-])", re.IGNORECASE))
        for name in ("forwards", "tells", "writes")
    )


def _tokens(text: str) -> list[_Token]:
    return [_Token(one[0], one.start(), one.end()) for one in _TOKEN.finditer(text)]


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))
