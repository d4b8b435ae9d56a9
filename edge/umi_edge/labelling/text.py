"""Labelled text: what an entry of the transcript says, with the label of each piece.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from umi_shared.bars import NO_BARS
from umi_shared.handles import Handle, Text
from umi_shared.labels import PUBLIC, Label, Sink, join_all
from umi_shared.transcript import Entry

__all__ = ["DEVICE", "LabelledEntry", "LabelledText", "Span", "constant", "handles_in"]

DEVICE: Sink = "device"
"""A caller that may see values; it runs here, so it is not a sink of the wire."""

_PROGRAM = "constant of the program"
_SHORT = 64
"""Characters of a constant that is kept for the next time: the same few come between the values of all records."""


class Span(NamedTuple):
    """One piece of text: as those see it who may read it, and as the others do.

    A tuple, because a large result has thousands, and a frozen dataclass takes three times as long to make.
    """

    clear: str
    masked: Text
    """Handles, constants and the declassified `fact`; never made from the value in any other way."""
    label: Label
    rule: str
    """The rule that labelled it."""
    explicit: bool = False
    """Whether a rule of the policy names this very leaf as clear, so that its text is known to be public."""
    fact: str = ""
    """What the masked form tells of the value, by the `show` of its rule: counted and charged already."""

    def __repr__(self) -> str:
        """Without the value, and what is shown of it (I8)."""
        return f"Span(masked={self.masked!r}, label={self.label!r}, rule={self.rule!r})"

    def seen_by(self, sink: Sink) -> Text:
        """The span as one sink may see it; `DEVICE` sees everything, and no message goes there."""
        return (self.clear,) if sink == DEVICE or self.label.may_read(sink) else self.masked


LabelledText = tuple[Span, ...]


@lru_cache(maxsize=4096)
def _known(text: str) -> Span:
    return Span(clear=text, masked=(text,), label=PUBLIC, rule=_PROGRAM)


def constant(text: str, rule: str = _PROGRAM) -> Span:
    """A piece that the program itself wrote: punctuation, field names of a schema."""
    if rule == _PROGRAM and len(text) <= _SHORT:
        return _known(text)
    return Span(clear=text, masked=(text,), label=PUBLIC, rule=rule)


@dataclass(frozen=True, slots=True)
class LabelledEntry:
    """An entry whose text is labelled; `template` is the entry without its text."""

    template: Entry
    text: LabelledText

    def shown_to(self, sink: Sink) -> Label:
        """The join of all that one sink reads here in clear: the label of what it writes next.

        A fact that is told of a value is barred where the value is.
        """
        read = (span.label for span in self.text if sink == DEVICE or span.label.may_read(sink))
        facts = (span.label.bars for span in self.text if span.fact)
        return join_all(read).with_bars(NO_BARS.union(*facts))


def handles_in(spans: Iterable[Span]) -> frozenset[Handle]:
    """Every handle that stands for a span here."""
    return frozenset(part for span in spans for part in span.masked if isinstance(part, Handle))
