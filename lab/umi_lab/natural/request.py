"""A request of the natural set, and what is right for it: said, not said, changed, and how it ends."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

__all__ = ["KINDS", "STYLES", "Group", "Request", "Split", "Wanted"]

Split = Literal["development", "held-out"]

KINDS = (
    "contact question",
    "contact errand",
    "mail question",
    "mail errand",
    "calendar question",
    "calendar errand",
    "note question",
    "note errand",
    "reading",
    "picking",
    "two things",
    "correction",
    "follow-up",
    "to-do",
    "file",
    "no tool",
    "ambiguous",
)
"""`reading`: the answer is inside a letter. `picking`: somebody is meant by what they are. `no tool`: giving up is
right. `ambiguous`: asking back is right."""

STYLES = ("terse", "chatty", "mistyped", "dictated", "formal", "non-native")

Group = tuple[str, ...]
"""Facts of which one is enough; how a fact is written is said in `facts`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A change that the request asks for; what is empty here does not matter."""

    act: Literal["new", "gone", "changed"]
    kind: Literal["event", "todo", "letter", "note", "contact"]
    key: str = ""
    """For a note, its path without `.md`."""
    title: Group = ()
    """Words of which one is in the title: of an event, a to-do, a note."""
    start: str = ""
    """For an event, its local date and time, as 2026-11-27T17:30."""
    day: str = ""
    """For an all-day event, its first day."""
    minutes: int = 0
    guests: Group = ()
    repeats: bool = False
    to: Group = ()
    """All recipients: of one letter, or of one letter each."""
    holds: tuple[Group, ...] = ()
    name: str = ""
    email: str = ""
    phone: str = ""
    due: str = ""
    done: bool = False
    """A to-do that is to be ticked off."""

    @property
    def date(self) -> str:
        """The day of an event."""
        return self.day or self.start[:10]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody types, once or in turns of one conversation, and the checks of what comes of it."""

    id: str
    home: str
    split: Split
    kind: str
    style: str
    turns: tuple[str, ...] = field(repr=False)
    outcomes: tuple[str, ...] = ("answered",)
    """How the last turn may end; each of `answered`, `asked`, `gave up` that is listed is right."""
    says: tuple[Group, ...] = field(default=(), repr=False)
    """The last answer holds one of each group."""
    says_not: Group = field(default=(), repr=False)
    changes: tuple[Wanted, ...] = field(default=(), repr=False)
    may: tuple[Wanted, ...] = field(default=(), repr=False)
    """Changes that are as good as none."""
    days: tuple[date, ...] = field(default=(), repr=False)
    """The only days that it is about; empty where any day may be looked at."""
