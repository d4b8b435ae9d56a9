"""Listed things: what a result shows of each, in handles as the planner saw them, and what is known of it here.

What is written for the user refers to a value by its handle, where it has one: the same function that puts values into
any answer puts them into this one (I4). A moment that stays is a handle, too, and is put in as the user writes days.

I4: docs/design.md#i4-handles-resolve-in-one-place
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_edge.session.device_answer.style import Moment, Style, moment_of
from umi_edge.session.item_line import described
from umi_edge.session.listed_items import Item, handle_of
from umi_shared.handles import Handle

__all__ = ["Listed", "Written", "told_of"]

_MOST_TOLD = 8
"""Things that the models are told again."""
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Written:
    """What the device answers."""

    text: str = field(repr=False)
    """For the user, with handles."""
    told: str = field(repr=False)
    """The same for the models: what the planner was shown, in its order, whatever the user's words pick of it."""
    shown_as: Mapping[Handle, str] = field(default_factory=dict, repr=False)
    """Moments that stay, as the user writes them."""


@dataclass(frozen=True)
class Listed:
    """One kind of things that a call gave, in order."""

    items: tuple[Item, ...] = field(repr=False)
    style: Style = field(repr=False)
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The arguments of the call, as the planner sees them."""

    def text(self, item: Item, name: str) -> str:
        """A text of a thing, in one line; empty where it has none."""
        value = item.seen.get(name)
        if not isinstance(value, str) or not isinstance(item.known, Mapping) or item.known.get(name) is None:
            return ""
        line = " ".join(value.split())
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"

    def texts(self, item: Item, name: str) -> list[str]:
        """The same of a list of texts."""
        value = item.seen.get(name)
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

    def moment(self, item: Item, name: str) -> Moment | None:
        """A day or time of a thing; None where the planner sees none, or there is none."""
        if not isinstance(item.seen.get(name), str) or not isinstance(item.known, Mapping):
            return None
        return moment_of(item.known.get(name), self.style.now.tzinfo)

    def stays(self, *names: str) -> bool:
        """Whether moments of these names are handles: then each is written for itself."""
        return any(handle_of(str(item.seen.get(name, ""))) for item in self.items for name in names)

    def shown_as(self, *names: str) -> dict[Handle, str]:
        """The moments that stay, in words."""
        found: dict[Handle, str] = {}
        for item in self.items:
            for name in names:
                handle, moment = handle_of(str(item.seen.get(name, ""))), self.moment(item, name)
                if handle is not None and moment is not None:
                    found[handle] = self.style.moment(moment)
        return found


def told_of(kind: str, items: Sequence[Item], names: Iterable[str]) -> str:
    """What the models are told was listed: things as the planner saw them."""
    if not items:
        return f"I found no {kind}."
    lines = [described(Item(one.seen, one.seen), tuple(names)) for one in items[:_MOST_TOLD]]
    rest = len(items) - len(lines)
    return f"I listed the {kind}: {'; '.join(lines)}{f'; and {rest} more' if rest else ''}."
