"""Style: how the device writes days, times and words around them, in the language of the user's dates.

Times are those of a clock of 24 hours, as in consent. A day has its year where that is not this one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from ruamel.yaml import YAML

__all__ = ["Style", "moment_of"]

_DEFAULT = "en_GB"
_YEAR = re.compile(r"(?:,? *(?:'de' *)?)\by+\b\.?$")
_ISO_SPAN = re.compile(
    r"(?:[A-Z][a-z]+day )?(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?:[+-]\d\d:\d\d|Z)?)?)"
    r"(?: to (\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?:[+-]\d\d:\d\d|Z)?)?))?"
)
"""A moment in figures, or a span of two, as the calendar's tools write them."""

Moment = date | datetime
"""A whole day, or a time as the user's clock shows it."""


def moment_of(text: Any, zone: Any = None) -> Moment | None:
    """The day or time that a result has in figures, without its zone; None for what is neither.

    >>> moment_of("2026-11-27T15:15+01:00"), moment_of("2026-11-27"), moment_of("soon")
    (datetime.datetime(2026, 11, 27, 15, 15), datetime.date(2026, 11, 27), None)
    """
    if not isinstance(text, str):
        return None
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            found: Moment = read(text)
            if not isinstance(found, datetime):
                return found
            local = found.astimezone(zone) if zone is not None and found.tzinfo is not None else found
        except (ValueError, OverflowError):  # the latter at the ends of time, in another zone
            continue
        return local.replace(tzinfo=None)
    return None


@dataclass(frozen=True)
class Style:
    """That of one user, now."""

    now: datetime
    locale: str = field(default="", repr=False)
    """Such as `en_GB`; empty where it is not known."""

    @property
    def here(self) -> datetime:
        """Now, as the user's clock shows it."""
        return self.now.replace(tzinfo=None)

    def day(self, day: date) -> str:
        """A day of the week with its date.

        >>> style = Style(datetime(2026, 11, 24, 9), "en_GB")
        >>> style.day(date(2026, 11, 27)), style.day(date(2027, 1, 1))
        ('Friday 27 November', 'Friday 1 January 2027')
        >>> Style(datetime(2026, 11, 24, 9), "de_DE").day(date(2026, 11, 27))
        'Freitag, 27. November'
        """
        locale, pattern = _full(self.locale)
        if day.year == self.now.year:
            pattern = _YEAR.sub("", pattern)
        return format_date(day, pattern, locale=locale)

    def moment(self, moment: Moment) -> str:
        """A day, or a day and a time."""
        return f"{self.day(moment)}, {moment:%H:%M}" if isinstance(moment, datetime) else self.day(moment)

    def days(self, first: date, last: date) -> str:
        """A span of days."""
        return self.day(first) if first == last else f"{self.day(first)} – {self.day(last)}"

    def spelled(self, text: str) -> str:
        """A text with its moments in figures written out.

        >>> style = Style(datetime(2026, 11, 24, 9), "en_GB")
        >>> style.spelled("Friday 2026-11-27T15:15+01:00 to 2026-11-27T16:00+01:00, Elbe")
        'Friday 27 November, 15:15–16:00, Elbe'
        """
        return _ISO_SPAN.sub(self._spelled, text)

    def _spelled(self, found: re.Match[str]) -> str:
        first, last = moment_of(found[1]), moment_of(found[2])
        if first is None:
            return found[0]
        return self.span(first, last) if last is not None else self.moment(first)

    def span(self, first: Moment, last: Moment) -> str:
        """From a moment to another one, both included where they are days."""
        if isinstance(first, datetime) and isinstance(last, datetime) and first.date() == last.date():
            return f"{self.moment(first)}–{last:%H:%M}" if last > first else self.moment(first)
        return f"{self.moment(first)} – {self.moment(last)}" if last != first else self.moment(first)

    def clock(self, first: datetime, last: datetime | None) -> str:
        """From when to when on a day."""
        ends = last is not None and last > first and last - first < timedelta(days=1)
        return f"{first:%H:%M}–{last:%H:%M}" if ends else f"{first:%H:%M}"

    def say(self, name: str, /, **given: Any) -> str:
        """The words of a name, with what is given in its places."""
        words: str = _words(self.locale)[name]
        return words.format(**given)

    def count(self, kind: str, number: int, *, at_least: bool = False) -> str:
        """So many of a kind."""
        one, several = _words(self.locale)[kind]
        if number == 1 and not at_least:
            return str(one)
        n = self.say("at_least", n=number) if at_least else number
        return str(several).format(n=n)

    def kind(self, name: str) -> str:
        """What a thing of a kind is called."""
        kinds: Mapping[str, str] = _words(self.locale)["kinds"]
        return kinds.get(name, name)

    def often(self, name: str) -> str:
        """How often an event repeats."""
        words: Mapping[str, str] = _words(self.locale)["often"]
        return words.get(name, name)

    def joined(self, parts: Sequence[str]) -> str:
        """Several, with a word before the last."""
        return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {self.say('and')} {parts[-1]}"


@cache
def _full(locale: str) -> tuple[Locale, str]:
    """A locale, and how it writes a day in full."""
    try:
        known = Locale.parse(locale if "_" in locale or locale[:2] not in ("", "en") else _DEFAULT)
    except (UnknownLocaleError, ValueError):
        known = Locale.parse(_DEFAULT)
    pattern: str = known.date_formats["full"].pattern
    return known, pattern.replace("EEEE, d MMMM", "EEEE d MMMM")


@cache
def _words(locale: str) -> Mapping[str, Any]:
    data = YAML(typ="safe").load(
        (files("umi_edge.session.device_answer") / "answer_words.yaml").read_text("utf-8")
    )
    words: Mapping[str, Any] = data.get(locale[:2], data["en"])
    return words
