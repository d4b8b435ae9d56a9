"""The reading of what the user typed: their words, the mistyped ones mended, beside what is private in them.

1. Detectors find what is private in the words as they were typed.
2. What is left is mended as the planner would see it: with the same sign in the place of every private span.
3. Detectors read the mended words, too. What was found in the first place stays, also where they no longer find it.

So what is mended depends on word lists that ship with umi and on what the planner sees, on nothing that stays; and a
mend takes nothing out of a private span, and may only show that more is one ("my passwrod is …").

I1: docs/design.md#i1-release-only
I3: docs/design.md#i3-noninterference
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.private_spans import PrivateSpan, private_spans
from umi_edge.policy import Scanner
from umi_edge.spelling import Mend, mended, mends

__all__ = ["ReadAs", "Reading", "reading_of"]

_PRIVATE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""In the place of a private span, whatever is in it."""


@dataclass(frozen=True, slots=True)
class ReadAs:
    """A word that was read in the place of one that was typed."""

    typed: str = field(repr=False)
    read: str = field(repr=False)

    def __str__(self) -> str:
        """For the user's eyes."""
        return f'I read "{self.typed}" as "{self.read}".'


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user typed, as it is read."""

    text: str = field(repr=False)
    stays: tuple[PrivateSpan, ...] = field(default=(), repr=False)
    """What is private in it as it was typed, where something was mended."""
    read_as: tuple[ReadAs, ...] = field(default=(), repr=False)


def reading_of(typed: str, scanner: Scanner, known: KnownValues) -> Reading:
    """What the user typed, with what was meant where that is sure."""
    private = list(private_spans(typed, scanner, known, typed=True))
    changes = list(_placed(mends(_seen(typed, private)), private))
    if not changes:
        return Reading(typed)
    return Reading(
        text=mended(typed, changes),
        stays=tuple(_shifted(private, changes)),
        read_as=tuple(ReadAs(typed[one.start : one.end], one.word) for one in changes),
    )


def _seen(text: str, private: Iterable[PrivateSpan]) -> str:
    parts, at = [], 0
    for one in private:
        parts += [text[at : one.start], _PRIVATE]
        at = one.end
    return "".join([*parts, text[at:]])


def _placed(changes: Iterable[Mend], private: Sequence[PrivateSpan]) -> Iterator[Mend]:
    """The mends of what is seen, where they stand in what was typed."""
    for change in changes:
        further = 0
        for one in private:
            if one.start + further > change.start:
                break
            further += len(_PRIVATE) - (one.end - one.start)
        yield replace(change, start=change.start - further, end=change.end - further)


def _shifted(private: Iterable[PrivateSpan], changes: Sequence[Mend]) -> Iterator[PrivateSpan]:
    """The private spans, where they stand in the mended text."""
    for one in private:
        further = sum(
            len(change.word) - (change.end - change.start) for change in changes if change.end <= one.start
        )
        yield replace(one, start=one.start + further, end=one.end + further)
