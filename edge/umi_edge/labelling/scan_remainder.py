"""What a scan leaves of a call's arguments: the label of all in them that the detectors do not find.

A text that a tool stores, and that a later session reads back under `scan`, shows no more than that. The detectors
look at the text as it will be stored, since the words around a value decide whether it is found: a PIN after its word
is, and the same digits alone are not. What this session keeps is no help tomorrow, so only the detectors count.

I2: docs/design.md#i2-fail-closed
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.json_text import compact_json
from umi_edge.labelling.vault import Vault
from umi_edge.policy import LabelledLeaf, Location, Scanner
from umi_shared.handles import Handle, parts_of, unescape
from umi_shared.labels import Label, join_all

__all__ = ["ScanRemainder"]


@dataclass(slots=True, kw_only=True)
class ScanRemainder:
    """Gives the label of what the detectors leave of one argument, and notes that it was asked for."""

    arguments: Mapping[str, Any] = field(repr=False)
    """As the caller wrote them, handles unresolved."""
    leaves: Mapping[Location, LabelledLeaf] = field(repr=False)
    vault: Vault
    scanner: Scanner
    looked: bool = False
    """Whether a value has been looked at: what is decided by it then tells something of that value."""

    def __call__(self, location: Location) -> Label:
        """The label of what is left of the argument at a location."""
        leaf, text, starts = self.leaves[location], "", []
        node = self._at(location)
        if not isinstance(node, str) or not leaf.handles:
            return leaf.label
        self.looked = True
        for part in parts_of(node):
            starts.append((len(text), part))
            text += self._resolved(part)
        found = _covered(self.scanner, text)
        ends = [start for start, _ in starts[1:]] + [len(text)]
        left = [
            self.vault[part].label
            for (start, part), end in zip(starts, ends, strict=True)
            if isinstance(part, Handle) and not self._is_found(part, text, start, end, found)
        ]
        return join_all([leaf.written, *left])

    def holds_never(self, location: Location) -> bool:
        """Whether the argument at a location, as it is sent, holds what leaves under no rule."""
        never = self.scanner.never
        if never is None:
            return False
        self.looked = True
        node = self._at(location)
        text = "".join(map(self._resolved, parts_of(node))) if isinstance(node, str) else compact_json(node)
        names = (key for key in location if isinstance(key, str))
        return any(never.scan(one) for one in (text, *names))

    def _at(self, location: Location) -> Any:
        node: Any = self.arguments
        for key in location:
            node = node[key]
        return node

    def _resolved(self, part: str | Handle) -> str:
        if not isinstance(part, Handle):
            return unescape(part)
        value = self.vault[part].value
        return value if isinstance(value, str) else compact_json(value)

    def _is_found(self, handle: Handle, text: str, start: int, end: int, found: set[int]) -> bool:
        """Whether all of a value is found; a list or an object may be read back in parts, which nobody has scanned."""
        if isinstance(self.vault[handle].value, dict | list):
            return False
        return all(at in found for at in range(start, end) if not text[at].isspace())


def _covered(scanner: Scanner, text: str) -> set[int]:
    """Every character that the detectors take out of a text."""
    return {at for one in scanner.scan(text) for at in range(one.start, one.end)}
