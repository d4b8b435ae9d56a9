"""Asked: what a request wants of a list: all of it, the next or the last, how many, a part of a day, or free time.

Whether the device answers at all depends on what the planner sees of the request; what it then picks may depend on
what stays, since nobody but the user is told.

Covered: questions in English, German, French and Spanish. Not covered: what a list does not say by itself: why, what is
best, how much of it all.

I3: docs/design.md#i3-noninterference
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property

from umi_edge.session.device_answer.words import list_words
from umi_edge.session.item_evidence import FIRST, NEWEST, NEXT, Said
from umi_edge.values.clauses import errand_at
from umi_edge.values.time_words.spoken import spoken_part, spoken_spans, spoken_times

__all__ = ["Asked", "asks_plainly"]

_LOOKS = (
    "show find read search look check list zeig such suche lies montre trouve cherche muestra dame lee busca"
)
"""Errands that only ask."""
_PARTS = {"morning": (0, 12), "afternoon": (12, 18), "evening": (17, 24), "night": (18, 24)}
_DAY_END = time(23, 59, 59)


def asks_plainly(seen: str) -> bool:
    """Whether a request, as the planner sees it, asks for what a list says, and for nothing to be done.

    >>> asks_plainly("whats on thursday afternoon"), asks_plainly("tell me what I have on Friday")
    (True, True)
    >>> asks_plainly("move the dentist to Friday"), asks_plainly("why is Friday so full?")
    (False, False)
    >>> asks_plainly("what's on Friday, and tell <person:1> that I come")
    False
    """
    return list_words().reasons.search(seen) is None and not errand_at(
        seen, besides=frozenset(_LOOKS.split())
    )


@dataclass(frozen=True)
class Asked:
    """What one request wants."""

    said: Said = field(repr=False)
    seen: str = field(repr=False)
    """The request as the planner sees it: whether there is anything to write may depend on this alone."""

    @property
    def now(self) -> datetime:
        """Now, as the user's clock shows it."""
        return self.said.phrases.now.replace(tzinfo=None)

    @property
    def counts(self) -> bool:
        """Whether it asks how many there are."""
        return list_words().counts.search(self.said.text) is not None

    @property
    def who(self) -> bool:
        """Whether it asks who is there."""
        return list_words().who.search(self.said.text) is not None

    @property
    def free(self) -> bool:
        """Whether it asks for time that nothing takes."""
        return list_words().free.search(self.said.text) is not None

    @property
    def next(self) -> bool:
        """Whether it asks for what comes next."""
        return self.said.order is NEXT

    @property
    def last(self) -> bool:
        """Whether it asks for the last one."""
        return self.said.order is NEWEST

    @property
    def first(self) -> bool:
        """Whether it asks for the first one."""
        return self.said.order is FIRST

    @property
    def most(self) -> int:
        """How many of those that come next, last or first it asks for."""
        words = list_words()
        found = words.several.search(self.said.text)
        if found is None:
            return 1
        if found["n"]:
            return max(1, int(found["n"]))
        return next(n for name, n in words.numbers.items() if found[name])

    @cached_property
    def spans(self) -> tuple[tuple[date, date], ...]:
        """The days that it names, in all that they may mean."""
        found = spoken_spans(self.said.text, self.said.phrases)
        return tuple(dict.fromkeys(span for readings in found.values() for span in readings))

    @cached_property
    def hours(self) -> tuple[time, time] | None:
        """From when to when on a day; None where it says nothing of that, or not clearly.

        One time is that minute.
        """
        words = list_words()
        text = words.greeting.sub(" ", self.said.text)
        if (span := words.range_.search(text)) is not None:
            ends = [self.said.phrases.times(f"at {end}") for end in span.groups()]
            if all(len(one) == 1 for one in ends) and ends[0] < ends[1]:
                return ends[0][0], ends[1][0]
        clocks = spoken_times(text, self.said.phrases)
        if clocks:
            return _between(text, {phrase: found[0] for phrase, found in clocks.items() if len(found) == 1})
        if (edge := words.edge.search(text)) is not None:  # a number alone is an hour where a day has an edge
            found = self.said.phrases.times(f"at {edge['clock']}")
            return _between(text, {edge["clock"]: found[0]} if len(found) == 1 else {})
        part = _PARTS.get(spoken_part(text, self.said.phrases))
        return None if part is None else (time(part[0]), time(part[1]) if part[1] < 24 else _DAY_END)


def _between(text: str, clocks: dict[str, time]) -> tuple[time, time] | None:
    places = sorted((text.find(phrase), clock) for phrase, clock in clocks.items())
    match places:
        case [(at, clock)]:
            if list_words().from_.search(text[:at]):
                return clock, _DAY_END
            if list_words().until.search(text[:at]):
                return time(0), clock
            minute = datetime.combine(date.min, clock) + timedelta(minutes=1)
            return clock, max(minute.time(), clock)
        case [(_, one), (_, other)] if one < other:
            return one, other
    return None
