"""Errand times: what the user's words say of the day, the time and the length of one errand, and its call has not.

A small model leaves a length out, takes the day of another errand, or writes an address where a day belongs. What the
words of this errand say stands then in its place; where they say nothing, the user is asked.

Covered: tools that change something. Not covered: an errand whose words the call has in none of its texts: of it the
whole request is read.

I3: docs/design.md#i3-noninterference
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from umi_edge.session.addressees import addressees_of
from umi_edge.session.listed_items import handle_of
from umi_edge.session.time_wording import MISSING, TimeKind, UnclearTimeError, figures
from umi_edge.values.clauses import Request
from umi_edge.values.time_words import TimePhrases
from umi_edge.values.time_words.hours import spoken_hours
from umi_edge.values.time_words.lasting import all_day, lasting
from umi_edge.values.time_words.spoken import spoken_days, spoken_times

__all__ = ["ALL_DAY", "NO_DAY", "SAID_LENGTH", "ErrandTimes", "Given", "is_no_moment"]

ALL_DAY = "all day"
"""What tools of umi's own take in the place of a time of day."""
NO_DAY = "x-may-have-no-day"
"""A word of umi's own schemas, which no card has: what is to be done is due on no day where none is said."""
SAID_LENGTH = "x-length-may-be-said"
"""Another: how long something new takes, which a call may leave out and the user's words say."""


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of a call, with what the errand's words say of time."""

    arguments: dict[str, Any] = field(repr=False)
    said: dict[str, str] = field(default_factory=dict, repr=False)
    """The words of those that need no more working out, by their names."""


@dataclass(frozen=True, slots=True)
class ErrandTimes:
    """Of one call."""

    words: TimePhrases = field(repr=False)
    newest: str = field(repr=False)
    """The newest request."""
    said: Sequence[str] = field(repr=False)
    """What the user said of the errand since they asked for it, the newest last."""

    @classmethod
    def of(cls, words: TimePhrases, turn: Sequence[str], arguments: Mapping[str, Any]) -> Self:
        """Of what the user said in one turn: of each utterance the part that a text of the call stands in."""
        texts = [one for one in arguments.values() if isinstance(one, str) and "<" not in one]
        return cls(words, turn[-1] if turn else "", [_part(one, texts) for one in turn])

    def given(
        self, arguments: Mapping[str, Any], kinds: Mapping[str, TimeKind], properties: Mapping[str, Any]
    ) -> Given:
        """The arguments with what the words say in the place of what is no day or time, or is another errand's.

        Raises `UnclearTimeError` where a handle is no day or time, and the words say none.
        """
        rest, said = dict(arguments), dict[str, str]()
        for name, kind in kinds.items():
            value, may_be_none = rest.get(name), properties[name].get(NO_DAY) is True
            wrong = isinstance(value, str) and is_no_moment(value, kind)
            if wrong or (isinstance(value, str) and self._is_elsewhere(kind, value)):
                own = list(self._finders[kind](self.said[-1])) if kind in self._finders and self.said else []
                if len(own) == 1:
                    rest[name] = own[0]
                elif may_be_none:
                    del rest[name]
                elif wrong:
                    raise UnclearTimeError(MISSING[kind])
            if name not in rest and may_be_none and kind is TimeKind.DATE and (day := self._day()):
                rest[name] = day
            admits_all_day = re.search(str(properties[name].get("pattern", "$^")), ALL_DAY)
            if kind is TimeKind.TIME and admits_all_day and (phrase := self._all_day()):
                rest[name], said[name] = ALL_DAY, phrase
        if said:
            rest = {name: value for name, value in rest.items() if kinds.get(name) is not TimeKind.MINUTES}
        return Given(rest, said)

    def length(self, start: str) -> tuple[int, str] | None:
        """How many minutes something is to take that begins at `start`, and the words for it; None where none tell."""
        for text in reversed(self.said):
            hours = [one for one in spoken_hours(text, self.words) if figures(one.first) == start]
            said = {minutes: phrase for phrase, minutes in lasting(text, self.words).items()}
            said |= {one.minutes: one.phrase for one in hours}
            if said:
                return next(iter(said.items())) if len(said) == 1 else None
        return None

    def _all_day(self) -> str:
        """The words that say that it takes all day, where none say a time of day."""
        for text in reversed(self.said):
            if spoken_times(text, self.words):
                return ""
            if phrase := all_day(text):
                return phrase
        return ""

    def _day(self) -> str | None:
        """The words for the one day of what is to be done; of a letter in the same request none are taken."""
        if not self.said:
            return None
        own = self.said[-1]
        said = spoken_days(own, self.words)
        if not said and own != self.newest and addressees_of(self.newest) is None:
            said = spoken_days(self.newest, self.words)
        return next(iter(said)) if [len(found) for found in said.values()] == [1] else None

    def _is_elsewhere(self, kind: TimeKind, value: str) -> bool:
        """Whether the words of another errand say a day or a time, and this errand's do not."""
        if kind not in self._finders or not self.said or self.said[-1] == self.newest:
            return False
        return self._says(kind, value, self.newest) and not self._says(kind, value, self.said[-1])

    def _says(self, kind: TimeKind, value: str, text: str) -> bool:
        found = self._finders[kind](text)
        return value in found or any(value in map(figures, readings) for readings in found.values())

    @property
    def _finders(self) -> Mapping[TimeKind, Callable[[str], Mapping[str, tuple[Any, ...]]]]:
        return {
            TimeKind.DATE: lambda text: spoken_days(text, self.words),
            TimeKind.TIME: lambda text: spoken_times(text, self.words),
        }


def is_no_moment(value: str, kind: TimeKind) -> bool:
    """Whether a value is a handle of what is no day or no time: of somebody, or of what they are reached by.

    >>> is_no_moment("<person:1>", TimeKind.DATE), is_no_moment("<date_of_birth:1>", TimeKind.TIME)
    (True, True)
    >>> is_no_moment("<date_of_birth:1>", TimeKind.DATE), is_no_moment("tomorrow", TimeKind.DATE)
    (False, False)
    """
    handle = handle_of(value)
    if handle is None:
        return False
    return handle.type in _NO_MOMENTS or (kind is TimeKind.TIME and handle.type in _DAYS_ONLY)


_NO_MOMENTS = frozenset(
    {"person", "company", "email", "phone", "contact", "place", "iban", "card", "event", "source", "letter"}
)
_DAYS_ONLY = frozenset({"date_of_birth"})


def _part(text: str, texts: Sequence[str]) -> str:
    request = Request(text)
    parts = (request.errand_of(one) for one in texts)
    return next((one for one in parts if one != text), text)
