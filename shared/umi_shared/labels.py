"""Labels: who may read a value in clear, and whether its origin is trusted.

Labels form a lattice. `join` is the label of what is made of parts: only those who may read every part may read
the whole, and the whole is trusted only if every part is (CaMeL and FIDES call these readers and integrity). What is
barred from a tool in a part is barred from it in the whole.

>>> released, kept = Label.at(Locality.PLANNER), Label.at(Locality.HANDLE)
>>> released.join(kept) == kept
True
>>> Label.at(Locality.PLANNER).join(Label.at(Locality.SUMMARIZER)).locality
<Locality.HANDLE: 'handle'>

I2: docs/design.md#i2-fail-closed
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce

from umi_shared.bars import NO_BARS, Bar

__all__ = [
    "PLANNER",
    "SUMMARIZER",
    "ClientSink",
    "Integrity",
    "Label",
    "Locality",
    "Sink",
    "join_all",
    "tool_sink",
]

Sink = str
"""A place a value can go: `planner`, `summarizer`, `tool:<name>`, or `client:<name>` (a `ClientSink`)."""

PLANNER: Sink = "planner"
SUMMARIZER: Sink = "summarizer"


def tool_sink(name: str) -> Sink:
    """The sink of a tool that sends its arguments off the device."""
    return f"tool:{name}"


class Locality(StrEnum):
    """The policy's word for who may read a value in clear."""

    CLOUD = "cloud"
    PLANNER = "planner"
    SUMMARIZER = "summarizer"
    HANDLE = "handle"
    HIDDEN = "hidden"


class Integrity(StrEnum):
    """Whether a value's origin is trusted: the user and their own data, or strangers and models."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


_READERS: dict[Locality, frozenset[Sink] | None] = {
    Locality.CLOUD: None,
    Locality.PLANNER: frozenset({PLANNER}),
    Locality.SUMMARIZER: frozenset({SUMMARIZER}),
    Locality.HANDLE: frozenset(),
    Locality.HIDDEN: frozenset(),
}


class ClientSink(str):
    """`client:<name>`: a program that calls the tools itself, and what the policy lets it read beside `cloud`.

    >>> editor = ClientSink("zed", Locality.PLANNER)
    >>> editor, Label.at(Locality.PLANNER).may_read(editor), Label.at(Locality.HANDLE).may_read(editor)
    ('client:zed', True, False)
    """

    __slots__ = ("accepts",)
    accepts: Locality
    """`cloud`, or `planner` or `summarizer`: then it may read what that one may."""

    def __new__(cls, name: str, accepts: Locality = Locality.CLOUD) -> "ClientSink":
        """Raises `ValueError` for a word that names no reader."""
        if accepts not in (Locality.CLOUD, Locality.PLANNER, Locality.SUMMARIZER):
            raise ValueError("a client reads what everyone, the planner or the summarizer may read")
        sink = super().__new__(cls, f"client:{name}")
        sink.accepts = accepts
        return sink

    def is_among(self, readers: frozenset[Sink]) -> bool:
        """Whether a label with these readers lets it read."""
        stands_for = _READERS[self.accepts]
        return self in readers or (stands_for is not None and stands_for <= readers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Who may read a value in clear, whether its existence may be seen, whether its origin is trusted, what bars it.

    `readers` is None for everyone. The strictest label is the default: a missing rule means *stay* (I2).
    """

    readers: frozenset[Sink] | None = frozenset()
    visible: bool = True
    """Whether the cloud may see a handle for it; False for `hidden`."""
    integrity: Integrity = Integrity.UNTRUSTED
    bars: frozenset[Bar] = NO_BARS
    """Which tools may not be given it, by the rules that say so of what it was made of."""

    @classmethod
    def at(cls, locality: Locality, integrity: Integrity = Integrity.UNTRUSTED) -> "Label":
        """The label that a policy's word stands for."""
        return _AT[locality, integrity]

    @property
    def locality(self) -> Locality:
        """The policy's word for this label; `handle` for readers that no word describes."""
        if not self.visible:
            return Locality.HIDDEN
        for locality, readers in _READERS.items():
            if readers == self.readers and locality is not Locality.HIDDEN:
                return locality
        return Locality.HANDLE

    @property
    def trusted(self) -> bool:
        """Whether the value comes from the user or their own data, untouched by strangers or models."""
        return self.integrity is Integrity.TRUSTED

    @property
    def public(self) -> bool:
        """Whether every sink may see the value in clear."""
        return self.visible and self.readers is None

    def may_read(self, sink: Sink) -> bool:
        """Whether a sink may see the value in clear."""
        if not self.visible or self.readers is None:
            return self.visible
        return sink.is_among(self.readers) if isinstance(sink, ClientSink) else sink in self.readers

    def join(self, other: "Label") -> "Label":
        """The label of what is made of both: readers of both, trusted if both are."""
        if self.readers is None:
            readers = other.readers
        elif other.readers is None:
            readers = self.readers
        else:
            readers = self.readers & other.readers
        both = self.trusted and other.trusted
        return Label(
            readers=readers,
            visible=self.visible and other.visible,
            integrity=Integrity.TRUSTED if both else Integrity.UNTRUSTED,
            bars=self.bars | other.bars if other.bars else self.bars,
        )

    def with_integrity(self, integrity: Integrity) -> "Label":
        """The same label with another integrity."""
        return replace(self, integrity=integrity)

    def with_bars(self, bars: frozenset[Bar]) -> "Label":
        """The same label with more bars."""
        return self if bars <= self.bars else replace(self, bars=self.bars | bars)


_AT = {
    (locality, integrity): Label(
        readers=readers, visible=locality is not Locality.HIDDEN, integrity=integrity
    )
    for locality, readers in _READERS.items()
    for integrity in Integrity
}
"""One shared object for each word: a result with thousands of leaves needs only a few labels."""

PUBLIC = Label(readers=None, integrity=Integrity.TRUSTED)
"""The label of the program's own constants; joining it to a label changes nothing."""


def join_all(labels: Iterable[Label]) -> Label:
    """The join of any number of labels; `PUBLIC` when there are none."""
    return reduce(Label.join, labels, PUBLIC)
