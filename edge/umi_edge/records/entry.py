"""An entry: what is kept of one call that wrote into a store.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from umi_edge.records.marks import Marks

__all__ = ["Entry", "Marked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """One argument that was not the user's own."""

    by_stranger: bool
    """Whether somebody else's text had a say in it; else a model alone."""
    said: tuple[str, ...] = field(repr=False)
    """Where it came from, value-free, as consent said it."""
    marks: Marks = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call that wrote what is not the user's own: which tool, which record, which of its arguments, when."""

    number: int
    tool: str = field(repr=False)
    store: str = field(repr=False)
    day: str = field(repr=False)
    """As YYYY-MM-DD."""
    approved: bool
    """Whether the user was asked, and said yes."""
    fields: Mapping[str, Marked] = field(repr=False)
    id: str = field(default="", repr=False)
    """What the store calls the record; none before the call has ended, or where it is not known."""
    trusted: bool = False
    """Whether the user has since said that the record counts as their own."""

    @property
    def by_stranger(self) -> bool:
        """Whether somebody else had a say in any of it."""
        return any(one.by_stranger for one in self.fields.values())

    @property
    def marks(self) -> Marks:
        """The marks of all that is not the user's own."""
        return {mark: size for one in self.fields.values() for mark, size in one.marks.items()}

    @property
    def said(self) -> str:
        """Where the record came from, in words that a person can read; value-free."""
        parts = dict.fromkeys(said for one in self.fields.values() if one.by_stranger for said in one.said)
        because = f" ({'; '.join(parts)})" if parts else ""
        return f"added by umi's planner on {self.day}{because}{', approved by you' if self.approved else ''}"

    def as_json(self) -> dict[str, Any]:
        """What its line says. Its number is the line's; its `id`, and that it is `trusted`, have later lines."""
        return {
            "kind": "written",
            "tool": self.tool,
            "store": self.store,
            "day": self.day,
            "approved": self.approved,
            "fields": {
                name: {"by_stranger": one.by_stranger, "said": list(one.said), "marks": one.marks}
                for name, one in self.fields.items()
            },
        }

    @classmethod
    def from_json(cls, number: int, kept: Mapping[str, Any]) -> Self:
        """Of what `as_json` gave. Raises `KeyError`, `TypeError`, `ValueError`, `AttributeError`."""
        return cls(
            number=number,
            tool=str(kept["tool"]),
            store=str(kept["store"]),
            day=str(kept["day"]),
            approved=bool(kept["approved"]),
            fields={
                name: Marked(
                    by_stranger=bool(one["by_stranger"]),
                    said=tuple(map(str, one["said"])),
                    marks={str(mark): int(size) for mark, size in one["marks"].items()},
                )
                for name, one in kept["fields"].items()
            },
        )
