"""The vault: the device's store of the values that stay, for one session.

Keeps I4: handles resolve here and nowhere else, and only those that this vault issued.

I4: docs/design.md#i4-handles-resolve-in-one-place
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from umi_edge.tools.record import Doubt
from umi_shared.errors import PrivacyError
from umi_shared.handles import Handle
from umi_shared.labels import Label

__all__ = ["INSTRUCTION", "Kept", "Origin", "Source", "UnknownHandleError", "Vault"]

_MAX_VALUES = 200_000
_spelled = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


class UnknownHandleError(PrivacyError):
    """A handle that this session never issued."""

    def __init__(self, handle: Handle) -> None:
        super().__init__(f"this session has no handle {handle}")
        self.handle = handle


class Source(StrEnum):
    """How a value came into a session."""

    INSTRUCTION = "instruction"
    """The user wrote it."""
    RESULT = "result"
    """A tool gave it: in a result, in a failure, or in the text of its card."""
    ARGUMENTS = "arguments"
    """A caller wrote it into the arguments of a call."""
    MADE = "made"
    """An operator made it of values that stay, or a tool did for a caller that had seen values."""


class Origin(NamedTuple):
    """Where a value came from, in words of the program; never the value. A tuple, as a `Span` is one."""

    source: Source
    tool: str = ""
    """The tool concerned; none for the instruction."""
    doubt: Doubt | None = None
    """Why it is not trusted, where the tool is."""

    @property
    def chosen(self) -> bool:
        """Whether a model, by what it wrote, had a say in what the value is."""
        return self.source in (Source.ARGUMENTS, Source.MADE)

    def __str__(self) -> str:
        """As a report names it: `instruction`, `contacts.search`, `arguments of mail.send`."""
        match self.source:
            case Source.INSTRUCTION:
                return "instruction"
            case Source.RESULT:
                return self.tool
            case Source.ARGUMENTS:
                return f"arguments of {self.tool}"
            case Source.MADE:
                return f"made by {self.tool}"


INSTRUCTION = Origin(Source.INSTRUCTION)


class Kept(NamedTuple):
    """One value that stays, and what is known of it; a tuple for the reason that a `Span` is one."""

    handle: Handle
    """What stands for it; of a concealed value only a name for reports."""
    value: Any
    """A JSON value, or a span of text."""
    label: Label
    origin: Origin
    linked: bool = True
    """Whether every occurrence of the value has this handle, so that equality shows."""

    def __repr__(self) -> str:
        """Without the value (I8)."""
        return f"Kept(handle={self.handle!r}, label={self.label!r}, origin={str(self.origin)!r})"


class Vault:
    """Handles to values, for one session; numbers count up by type, so they tell an order and nothing else.

    The same value, type and label gets the same handle, so that a plan can see that two things are one; with
    `link=False` every occurrence gets its own.
    """

    def __init__(self, numbers: range = range(1, _MAX_VALUES + 1)) -> None:
        """`numbers` are those that its handles have, of each type."""
        self._of_handles = numbers
        self._concealed = 0
        self._kept: dict[Handle, Kept] = {}
        self._order: list[Kept] = []
        self._numbers: dict[str, int] = {}
        self._linked: dict[tuple[str, str | tuple[str], Label], Handle] = {}
        """By type, by the text (or the JSON spelling, of a value that is not text), and by label."""

    def keep(
        self,
        value: Any,
        *,
        type: str,  # noqa: A002
        label: Label,
        origin: Origin,
        link: bool = True,
    ) -> Handle:
        """Store a value and give its handle.

        Raises `PrivacyError` when the vault is full: the step stops, and nothing is sent.
        """
        key = (type, value if isinstance(value, str) else (_spelled(value),), label)
        if link and (known := self._linked.get(key)) is not None:
            return known
        self._make_sure_of_room()
        number = self._numbers.get(type, self._of_handles.start - 1) + 1
        if number not in self._of_handles:
            raise _full(f"{len(self._of_handles)} values of type {type}")
        handle = Handle(type, number)
        self._numbers[type] = number
        self._kept[handle] = kept = Kept(handle, value, label, origin, link)
        self._order.append(kept)
        if link:
            self._linked[key] = handle
        return handle

    def conceal(self, value: Any, *, label: Label, origin: Origin) -> None:
        """Store a value that not even a handle may stand for: it is known where it shows up again, and never resolves.

        Its own count, so that no handle's number tells of it. Raises `PrivacyError` as `keep` does.
        """
        key = ("", value if isinstance(value, str) else (_spelled(value),), label)
        if key in self._linked:
            return
        self._make_sure_of_room()
        self._concealed += 1
        self._linked[key] = handle = Handle("hidden", self._concealed)
        self._order.append(Kept(handle, value, label, origin))

    def restore(self, saved: Iterable[Kept]) -> None:
        """Keep what a saved session had kept, under the same handles.

        What a fresh session keeps by itself, of its catalogue, is there already. Raises `ValueError` where a value
        would get another handle than it had, and `PrivacyError` as `keep` does.
        """
        for handle, value, label, origin, linked in saved:
            if not label.visible:
                self.conceal(value, label=label, origin=origin)
            elif not (handle in self and self[handle].value == value) and handle != self.keep(
                value, type=handle.type, label=label, origin=origin, link=linked
            ):
                raise ValueError("a saved value would get another handle")

    def _make_sure_of_room(self) -> None:
        if len(self._order) >= _MAX_VALUES:
            raise _full(f"{_MAX_VALUES} values")

    def __getitem__(self, handle: Handle) -> Kept:
        try:
            return self._kept[handle]
        except KeyError:
            raise UnknownHandleError(handle) from None

    def __contains__(self, handle: Handle) -> bool:
        return handle in self._kept

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._order)

    def since(self, count: int) -> Iterator[Kept]:
        """What was stored after the first `count` values. Raises `PrivacyError` where fewer are left."""
        if count > len(self._order):
            raise PrivacyError("the vault has lost values of this session", fix="start a new session")
        return iter(self._order[count:])

    def __len__(self) -> int:
        return len(self._order)

    def __repr__(self) -> str:
        return f"<Vault of {len(self)} values>"


def _full(of: str) -> PrivacyError:
    return PrivacyError(f"the vault holds {of}, its limit", fix="start a new session")
