"""A record: one thing of a store that a result tells of, and what makes it another's than the user's own.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from umi_edge.values.json_walk import Location, scalars

__all__ = ["NO_DOUBTS", "WRITTEN_BY_UMI", "Doubt", "Doubts", "Record", "Sourced", "records_of"]


class Doubt(NamedTuple):
    """Why a record is not the user's own, though the tool that gives it is trusted; a tuple, as an `Origin` is one."""

    said: str
    """In words that a person can read; value-free: `added by umi's planner on 2026-11-27, approved by you`."""
    by_stranger: bool
    """Whether somebody else had a say in it, or may have; else a model alone."""
    mend: str
    """What makes it count as the user's own again; value-free."""


WRITTEN_BY_UMI = Doubt("", False, "")
"""Of a record that umi wrote and a tool gives that is trusted in nothing: there is no more to doubt, but an address in
the record may have been put together of values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What of a result is not the user's own."""

    records: Mapping[Location, Doubt] = field(default_factory=dict, repr=False)
    """By where each record is: no value of it is trusted."""
    staying: frozenset[Location] = field(default=frozenset(), repr=False)
    """The records of which nothing is shown under `scan`, whatever their texts are."""
    texts: Mapping[str, bool] = field(default_factory=dict, repr=False)
    """Of each whole text of a record, whether umi wrote it: that alone says whether it is shown under `scan`."""
    compared: tuple[bool, ...] = field(default=(), repr=False)
    """What came of each comparison with what umi wrote, in order; whoever reads the result may learn it."""

    def stays(self, text: object, doubt: Doubt | None) -> bool:
        """Whether a leaf under `scan` stays, of a record with this doubt.

        What is no text, or a part of one, has no mark of its own: it stays where its record is in doubt.
        """
        known = self.texts.get(text) if isinstance(text, str) else None
        return known if known is not None else doubt is not None


NO_DOUBTS = Doubts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A note, a file, a contact, an event: where a result tells of it, and what there is of it."""

    at: Location = field(repr=False)
    """Where it is in the result; `()` where the result is one record."""
    texts: tuple[str, ...] = field(repr=False)
    """Each text that it holds, whole: the result may have an excerpt."""
    id: str = field(default="", repr=False)
    """What it is called as long as it is there; none where the store has no names."""
    path: str = field(default="", repr=False)
    """The file that it is in, from the store's folder on, with slashes; none for a record that is in no file."""
    store: str = field(default="", repr=False)
    """The store that it is of, where the tool reads several; empty for the tool's own."""
    doubt: Doubt | None = None
    """What the tool itself sees in it that makes it somebody else's: the organizer of an invitation."""
    unsure: bool = False
    """Whether the tool is not sure that it is what was asked for: consent says so."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """What a tool returns in place of its result when it knows which records that tells of.

    >>> Sourced({"id": "a"}, (Record(at=(), texts=("milk",), id="a"),)).value
    {'id': 'a'}
    """

    value: object = field(repr=False)
    """The result, or a `Partial` where some of it could not be read."""
    records: tuple[Record, ...] = field(repr=False)


def records_of(value: Any) -> Iterator[Record]:
    """The records of a result of which its tool says nothing: each outermost object of a list, and the rest as one.

    >>> [(one.at, sorted(one.texts)) for one in records_of({"n": [{"t": "milk"}], "by": "Bo"})]
    [(('n', 0), ['milk', 't']), ((), ['Bo', 'by', 'n'])]
    """
    rest: list[str] = []
    stack: list[tuple[Location, Any]] = [((), value)]
    while stack:
        at, node = stack.pop()
        if isinstance(node, Mapping) and at and isinstance(at[-1], int):
            yield Record(at=at, texts=tuple(_texts(node)))
        elif isinstance(node, Mapping):
            rest += node
            stack += (((*at, key), child) for key, child in node.items())
        elif isinstance(node, list):
            stack += (((*at, index), child) for index, child in enumerate(node))
        else:
            rest += _texts(node)
    if rest:
        yield Record(at=(), texts=tuple(rest))


def _texts(value: Any) -> Iterator[str]:
    return (str(one) for one in scalars(value) if isinstance(one, str | int) and not isinstance(one, bool))
