"""Item evidence: what in the user's words speaks for each of several things that a search found.

Covered: names, also bent ("nishas"), and any other word of a thing, such as a company, a role or a title; its day and
its time; which is the newest, the first or the next. Not covered: what a word means, as "the seal guy" for a plumber.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple

from umi_edge.policy.projection import projected
from umi_edge.reading.question import Question, alike, words_of
from umi_edge.values.json_walk import walk
from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.spoken import spoken_days, spoken_past, spoken_spans, spoken_times

__all__ = [
    "FIRST",
    "MOMENTS",
    "NEWEST",
    "NEXT",
    "Evidence",
    "Said",
    "has_term",
    "name_words",
    "picked",
    "short_words",
    "strength",
    "told",
]

MOMENTS = ("date", "start", "due")
"""The members that say when a thing is, of which one counts."""
_NAMES = frozenset({"name", "nicknames", "other_names", "from"})
_INSIDE = frozenset({"text", "snippet", "body", "note", "related", "addresses"})
"""Members that speak of others, too: they count only where nothing else tells."""
_FEW = frozenset({"nicknames", "other_names", "categories", "role", "company", "department"})
_MOST_FEW = 8
"""Members that hold a few words, or a list of as few: one with more may be stuffed by a stranger, and is as a note."""
_KIND, _REACHED = "kind", frozenset({"addresses", "emails", "phones"})
"""A work number says nothing of somebody who works on Saturdays."""
_LONG = 120
_ADDRESS = re.compile(r"<?[^\s<>]{1,254}@[^\s<>]{1,254}>?")
_DIGITS = re.compile(r"\D")
_FEWEST_DIGITS = 5
_BENT = 2
"""Letters that a language puts behind a name: `nishas`, `Lenas`."""
_LEAST_BENT = 3

NEWEST = re.compile(
    r"\b(?:newest|latest|last|most recent|letzte\w*|neue?ste\w*|derni[eè]re?s?|[uú]ltim[ao]s?)\b",
    re.IGNORECASE,
)
FIRST = re.compile(
    r"\b(?:first|earliest|oldest|erste\w*|[aä]lteste\w*|premi[eè]re?s?|primer[ao]?s?)\b", re.IGNORECASE
)
NEXT = re.compile(r"\b(?:next|upcoming|n[aä]chste\w*|prochaine?s?|pr[oó]xim[ao]s?)\b", re.IGNORECASE)


def _each(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NO = _each(
    "no not don't dont neither none never stop cancel forget wait nein nicht kein keine keinen keiner non pas ni "
    "ninguno ninguna"
)
_FILLING = _each(
    "one ones guy man woman lady person mr mrs ms dr mister mean meant please yes yeah yep ok okay thanks want from "
    "works work working with who which den dem ich meine bitte ja vom von beim bei celui celle de du chez oui el la "
    "los las del se le les plait por favor si"
)
"""Words that a reply may have beside those of what it picks."""
_PLACES = (
    _each("first 1 1st erste ersten erster premier premiere primero primera former"),
    _each("second 2 2nd zweite zweiten zweiter deuxieme seconde segundo segunda"),
    _each("third 3 3rd dritte dritten dritter troisieme tercero tercera"),
    _each("fourth 4 4th vierte vierten vierter quatrieme cuarto cuarta"),
)
_LAST = _each("last latter letzte letzten letzter dernier derniere ultimo ultima")


class Evidence(NamedTuple):
    """What speaks for one thing; the first that differs decides."""

    whole: int
    """Whether its whole name, its address or its number was said."""
    name: int
    """How much of its name was said in one go."""
    words: int
    """How many of its words were said."""
    inside: int
    """How many were said of what it holds, or of what is told beside it."""
    moment: int
    """Whether its day and its time were said."""


@dataclass(frozen=True)
class Said:
    """What the user said, and when; `beside` is what of it names another day, such as the one that a call moves to."""

    text: str = field(repr=False)
    phrases: TimePhrases = field(repr=False)
    beside: tuple[str, ...] = field(default=(), repr=False)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Every word, in order."""
        return tuple(word.removesuffix("'s") for word in words_of(self.text))

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """The words that tell something."""
        return tuple(one for one in Question.of(self.without_moments).terms if len(one) > 1)

    def begins_in(self, text: str) -> bool:
        """Whether a text has the beginning of a word of it; what has none has no form of one."""
        return any(one in text for one in self._beginnings)

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(word[:_LEAST_BENT] for word in self.words)

    def names_day(self, day: date) -> bool:
        """Whether it names the day, or days of which it is one, such as next week."""
        named = (readings for phrase, readings in self._spans.items() if phrase not in self.beside)
        spans = (span for readings in named for span in readings)
        return any(first <= day <= last for first, last in spans)

    @cached_property
    def _spans(self) -> Mapping[str, tuple[tuple[date, date], ...]]:
        return spoken_spans(self.text, self.phrases)

    @cached_property
    def clocks(self) -> frozenset[str]:
        """The times that it names, as 17:00."""
        found = spoken_times(self.text, self.phrases)
        return frozenset(
            f"{one:%H:%M}" for phrase, times in found.items() if phrase not in self.beside for one in times
        )

    @cached_property
    def order(self) -> "re.Pattern[str] | None":
        """Which by time it asks for: a next Friday asks for none, nor does a last week."""
        found = (one for one in (NEXT, NEWEST, FIRST) if one.search(self.without_moments))
        return next(found, None)

    @cached_property
    def without_moments(self) -> str:
        """It without its words for days and times."""
        text, words = self.text, self.phrases
        spoken = (
            *self._spans,
            *spoken_past(text, words),
            *spoken_days(text, words),
            *spoken_times(text, words),
        )
        for phrase in sorted(spoken, key=len, reverse=True):
            text = text.replace(phrase, " ")
        return text


def strength(said: Said, items: Sequence[Any]) -> list[Evidence]:
    """What speaks for each of these items, to be compared."""
    return [_evidence(said, item) for item in items]


def told(said: Said, items: Sequence[Any], worth: Sequence[Evidence] | None = None) -> int | None:
    """The one of these items that the words mean more than any other; None where they mean two as much.

    `worth` is their strength, where it is known already.
    """
    found = strength(said, items) if worth is None else worth
    best = max(found)
    tied = [number for number, one in enumerate(found) if one == best]
    if len(tied) == 1:
        return tied[0]
    return _by_time(said, {number: items[number] for number in tied})


def picked(
    said: Said, items: Sequence[Any], worth: Sequence[Evidence] | None = None, *, by_place: bool = True
) -> int | None:
    """The item that a reply picks and says nothing else: by its place, or by words all of which are its own.

    By its place only where the user was shown these very items, in this order.
    """
    words = [word for word in said.words if word not in _FILLING]
    if _NO & set(words):
        return None
    places = [number for number, names in enumerate(_PLACES) if names & set(words)]
    places += [len(items) - 1] if _LAST & set(words) else []
    rest = [word for word in words if word in said.terms and not _is_place(word)]
    if len(places) == 1 and not rest:
        return places[0] if by_place and places[0] < len(items) else None
    number = told(said, items, worth) if rest else None
    if number is None:
        return None
    known = _words_in(_texts(items[number], everything=True))
    return number if all(_says(word, known) for word in rest) else None


def name_words(item: Any) -> frozenset[str]:
    """The words of an item's names."""
    return _words_in(_ADDRESS.sub(" ", text) for text in _texts(item, only=_NAMES))


def short_words(item: Any) -> frozenset[str]:
    """The words of an item but for those of long texts, and of what speaks of others."""
    return _words_in(_texts(item))


def has_term(term: str, item: Any) -> bool:
    """Whether a word, or a form of it, is one of an item's."""
    return _says(term, short_words(item)) > 0


def _is_place(word: str) -> bool:
    return word in _LAST or any(word in names for names in _PLACES)


def _evidence(said: Said, item: Any) -> Evidence:
    if not said.begins_in(projected(" ".join(_texts(item, everything=True)))):
        return Evidence(int(_is_reached(said, item)), 0, 0, 0, _moments_said(said, item))
    names = [_ADDRESS.sub(" ", text) for text in _texts(item, only=_NAMES)]
    runs = [_run(said.words, words_of(name)) for name in names]
    short, inside = short_words(item), _words_in(_texts(item, everything=True))
    return Evidence(
        whole=int(any(whole for whole, _ in runs) or _is_reached(said, item)),
        name=max((length for _, length in runs), default=0),
        words=sum(_says(term, short) for term in said.terms),
        inside=sum(_says(term, inside) for term in said.terms),
        moment=_moments_said(said, item),
    )


def _run(said: Sequence[str], name: Sequence[str]) -> tuple[bool, int]:
    """Whether a name was said whole, and how much of it in one go: two for each word, one for a bent one."""
    best, most, at = 0, 0, 0
    while at < len(said):
        left, length, count = list(name), 0, 0
        while at < len(said) and (found := max(left, key=lambda one: _called(said[at], one), default="")):
            if not (worth := _called(said[at], found)):
                break
            left.remove(found)
            length, count, at = length + worth, count + 1, at + 1
        best, most = max(best, length), max(most, count)
        at += not count
    return bool(name) and most == len(name), best


def _called(said: str, name: str) -> int:
    if said == name:
        return 2
    bent = said.startswith(name) and len(said) - len(name) <= _BENT and len(name) >= _LEAST_BENT
    return int(bent)


def _is_reached(said: Said, item: Any) -> bool:
    """Whether an address or a number of it was said."""
    text, digits = said.text.casefold(), _DIGITS.sub("", said.text)
    for value in _texts(item):
        if "@" in value and _ADDRESS.fullmatch(value) and value.strip("<>").casefold() in text:
            return True
        number = _DIGITS.sub("", value)
        if re.search(r"[^\W\d_]", value) or min(len(number), len(digits)) < _FEWEST_DIGITS:
            continue
        if number in digits or digits in number:
            return True
    return False


def _says(term: str, words: frozenset[str]) -> int:
    if term in words:
        return 2
    return int(any(alike(term, word) or _called(term, word) for word in words))


def _words_in(texts: Iterator[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in words_of(text))


def _texts(item: Any, *, only: frozenset[str] | None = None, everything: bool = False) -> Iterator[str]:
    """The texts of an item: those of some members, all, or all but long ones and those that speak of others."""
    stuffed = _stuffed(item)
    for step in walk(item):
        if not isinstance(step.value, str) or step.punctuation:
            continue
        members = {part for part in step.location if isinstance(part, str)}
        if _KIND in members and members & _REACHED:
            continue
        if only is not None:
            if members & only and not members & stuffed:
                yield step.value
        elif everything or not (members & (_INSIDE | stuffed) or len(step.value) > _LONG):
            yield step.value


def _stuffed(item: Any) -> frozenset[str]:
    """The members that hold more than people write there."""
    held = {name: item[name] for name in _FEW & item.keys()} if isinstance(item, Mapping) else {}
    lengths = {name: len(one.split() if isinstance(one, str) else one or ()) for name, one in held.items()}
    return frozenset(name for name, length in lengths.items() if length > _MOST_FEW)


def _moments_said(said: Said, item: Any) -> int:
    moment = _moment(item)
    if moment is None:
        return 0
    return int(said.names_day(moment.date())) + int(f"{moment:%H:%M}" in said.clocks)


def _moment(item: Any) -> datetime | None:
    """When a thing is, as the clock there showed it."""
    if not isinstance(item, Mapping):
        return None
    text = next((item[name] for name in MOMENTS if isinstance(item.get(name), str)), "")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def _by_time(said: Said, items: Mapping[int, Any]) -> int | None:
    moments = {number: moment for number, item in items.items() if (moment := _moment(item)) is not None}
    if said.order is None or len(moments) != len(items):
        return None
    if said.order is NEXT:
        now = said.phrases.now.replace(tzinfo=None)
        moments = {number: moment for number, moment in moments.items() if moment >= now}
    if not moments:
        return None
    end = max(moments.values()) if said.order is NEWEST else min(moments.values())
    there = [number for number, moment in moments.items() if moment == end]
    return there[0] if len(there) == 1 else None
