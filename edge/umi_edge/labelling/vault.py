"""The vault: the device's store of the values that stay, for one session.

Keeps I4: handles resolve here and nowhere else, and only those that this vault issued.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from umi_shared.errors import PrivacyError
from umi_shared.handles import Handle
from umi_shared.labels import Label

__all__ = ["Kept", "UnknownHandleError", "Vault"]

_MAX_VALUES = 200_000
_spelled = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


class UnknownHandleError(PrivacyError):
    """A handle that this session never issued."""

    def __init__(self, handle: Handle) -> None:
        super().__init__(f"this session has no handle {handle}")
        self.handle = handle


class Kept(NamedTuple):
    """One value that stays, and what is known of it; a tuple for the reason that a `Span` is one."""

    handle: Handle
    """What stands for it; of a concealed value only a name for reports."""
    value: Any
    """A JSON value, or a span of text."""
    label: Label
    origin: str
    """Where it came from, in words of the program: `instruction`, or a tool's name. Never the value."""
    linked: bool = True
    """Whether every occurrence of the value has this handle, so that equality shows."""

    def __repr__(self) -> str:
        """Without the value (I8)."""
        return f"Kept(handle={self.handle!r}, label={self.label!r}, origin={self.origin!r})"

    @property
    def chosen(self) -> bool:
        """Whether a model, by what it wrote, had a say in what it is."""
        return self.origin.startswith(("arguments of ", "made by "))


class Vault:
    """Handles to values, for one session; numbers count up by type, so they tell an order and nothing else.

    The same value, type and label gets the same handle, so that a plan can see that two things are one; with
    `link=False` every occurrence gets its own.
    """

    def __init__(self) -> None:
        self._concealed = 0
        self._kept: dict[Handle, Kept] = {}
        self._order: list[Kept] = []
        self._numbers: dict[str, int] = {}
        self._linked: dict[tuple[str, str | tuple[str], Label], Handle] = {}
        """By type, by the text or the spelling of what is no text, and by label."""

    def keep(self, value: Any, *, type: str, label: Label, origin: str, link: bool = True) -> Handle:  # noqa: A002
        """Store a value and give its handle.

        Raises `PrivacyError` when the vault is full: the step stops, and nothing is sent.
        """
        key = (type, value if isinstance(value, str) else (_spelled(value),), label)
        if link and (known := self._linked.get(key)) is not None:
            return known
        self._make_sure_of_room()
        number = self._numbers.get(type, 0) + 1
        handle = Handle(type, number)
        self._numbers[type] = number
        self._kept[handle] = kept = Kept(handle, value, label, origin, link)
        self._order.append(kept)
        if link:
            self._linked[key] = handle
        return handle

    def conceal(self, value: Any, *, label: Label, origin: str) -> None:
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

    def _make_sure_of_room(self) -> None:
        if len(self._order) >= _MAX_VALUES:
            raise PrivacyError(f"the vault holds {_MAX_VALUES} values, its limit", fix="start a new session")

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
