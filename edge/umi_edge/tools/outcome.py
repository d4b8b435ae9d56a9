"""How a tool call ended.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from umi_edge.tools.json_type import JSON
from umi_edge.tools.record import Record


class FailureKind(StrEnum):
    """Why a call failed: the only part of a failure that may ever leave the device."""

    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    NOT_JSON = "not-json"
    INVALID_ARGUMENTS = "invalid-arguments"
    NOT_FOUND = "not-found"
    ERROR = "error"
    DECLINED = "declined"


class ToolFailure(Exception):  # noqa: N818 -- it is an outcome that a tool chooses, not a fault of umi
    """Raised by a tool to fail on purpose, with a kind and a private detail.

    Neither `repr()` nor `str()` shows the detail (I8): it may quote what the tool read.

    >>> ToolFailure(FailureKind.NOT_FOUND, "no contact named Ann")
    ToolFailure(not-found)
    """

    def __init__(self, kind: FailureKind, detail: str = "") -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.detail = detail

    def __repr__(self) -> str:
        return f"ToolFailure({self.kind.value})"


@dataclass(frozen=True, slots=True)
class Lost:
    """A part of its data that a tool could not read: what must never pass for data that is not there (I2)."""

    where: str = field(repr=False)
    """For the user's eyes: a file, with the line where that helps."""
    why: str = field(repr=False)
    """Value-free: `it is no vCard`."""
    fix: str = field(default="", repr=False)
    """What to do about it."""

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(frozen=True, slots=True)
class Partial:
    """What a tool returns in place of its result when it could not read all: the rest, and what is missing.

    A detector that takes its names from the tool then stops the session, unless the policy says otherwise.

    >>> Partial(["Ann"], (Lost("people.csv, line 7", "it has no name"),)).value
    ['Ann']
    """

    value: object = field(repr=False)
    lost: tuple[Lost, ...] = field(repr=False)

    @classmethod
    def counted(cls, value: Mapping[str, JSON], lost: tuple[Lost, ...]) -> Self:
        """A result that also tells, as `skipped`, how much is missing from it.

        >>> Partial.counted({"notes": []}, (Lost("a.md", "the file is binary"),)).value
        {'notes': [], 'skipped': 1}
        """
        return cls({**value, **({"skipped": len(lost)} if lost else {})}, lost)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The call returned `value`, plain JSON within the limits, after `seconds`."""

    value: JSON = field(repr=False)
    seconds: float
    lost: tuple[Lost, ...] = field(default=(), repr=False)
    """What the tool says that it could not read."""
    records: tuple[Record, ...] | None = field(default=None, repr=False)
    """Which records the value tells of; None where the tool does not say."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The call failed; `detail` is private and stays on the device."""

    kind: FailureKind
    detail: str = field(repr=False)
    seconds: float


Outcome = Succeeded | Failed
