"""Resolution: handles become values again, in the arguments of a call and in the answer (I4).

I4: docs/design.md#i4-handles-resolve-in-one-place
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from umi_edge.labelling.vault import Kept, Vault
from umi_edge.policy import Location
from umi_edge.session.link_destinations import holds_address, linked
from umi_shared.handles import Handle, parts_of, unescape

__all__ = ["Rehydrator", "resolve", "without"]

_BLANKS = re.compile(r"\s+")
_BLOCK_END = re.compile(r"\n[ \t\r]*\n")
_MAX_HANDLE = 48
_MAYBE_HANDLE = re.compile(rf"<(?:$|[a-z\\\\][a-z0-9_:\\\\]{{0,{_MAX_HANDLE}}}(?:>|$))")
_MAX_ANSWER = 256 * 1024


def resolve(node: Any, vault: Vault) -> Any:
    """Arguments with the real values: a whole handle becomes its JSON value, one within text becomes text.

    Member names are never references. Raises `UnknownHandleError`.
    """
    if isinstance(node, dict):
        return {key: resolve(child, vault) for key, child in node.items()}
    if isinstance(node, list):
        return [resolve(child, vault) for child in node]
    if not isinstance(node, str):
        return node
    parts = parts_of(node)
    if len(parts) == 1 and isinstance(parts[0], Handle):
        return vault[parts[0]].value
    return "".join(
        _as_text(vault[part].value) if isinstance(part, Handle) else unescape(part) for part in parts
    )


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def without(node: Any, locations: Collection[Location], at: Location = ()) -> Any:
    """Arguments with a constant in place of the leaves that a policy redacts.

    >>> without({"q": "x", "n": 1}, {("q",)})
    {'q': '[redacted]', 'n': 1}
    """
    if at in locations:
        return "[redacted]"
    if isinstance(node, dict):
        return {key: without(child, locations, (*at, key)) for key, child in node.items()}
    if isinstance(node, list):
        return [without(child, locations, (*at, index)) for index, child in enumerate(node)]
    return node


@dataclass(slots=True)
class Rehydrator:
    """Puts values into an answer as it streams; a handle that this session never issued stays as it is.

    So does a handle whose value would become part of an address (`link_destinations`), and one of a value with an
    address in it that a model may have made up: it may hold other values. What follows may still make it
    one, so text is held back from the first handle of a block on, until the block ends with an empty line.
    """

    vault: Vault
    shown_as: Mapping[Handle, str] = field(default_factory=dict, repr=False)
    """What stands in place of some values: days and times, as the user writes them."""
    one_line: bool = False
    """Whether each value is put in as one line: in the device's own words, a value that somebody else wrote must not
    begin a line, which would look like one of the device's."""
    _held: str = field(default="", repr=False)
    """What may still become a part of a handle, or of a block that has one."""
    _said: list[str] = field(default_factory=list, repr=False)
    """The answer so far, with the values that were put in and the handles that stay."""
    _size: int = 0
    """Characters of the answer so far; past a length that no answer needs, handles stay."""

    def feed(self, text: str) -> str:
        """Take the next piece of the answer; give what is now certain, with values in place."""
        text = self._held + text
        cut = _certain(text)
        self._held = text[cut:]
        return self._put_back(text[:cut])

    def finish(self) -> str:
        """The rest of the answer."""
        rest, self._held = self._held, ""
        return self._put_back(rest)

    def _put_back(self, text: str) -> str:
        ends = [match.end() for match in _BLOCK_END.finditer(text)]
        return "".join(self._block(text[start:end]) for start, end in pairwise([0, *ends, len(text)]))

    def _block(self, text: str) -> str:
        """A block, or what of it comes before its first handle, with values in place."""
        parts = [unescape(part) if isinstance(part, str) else part for part in parts_of(text)]
        kept = {part: self.vault[part] for part in parts if isinstance(part, Handle) and part in self.vault}
        values = {handle: self.shown_as.get(handle) or _as_text(one.value) for handle, one in kept.items()}
        if self.one_line:
            values = {handle: _BLANKS.sub(" ", value) for handle, value in values.items()}
        values = {handle: value for handle, value in values.items() if not self._is_trap(kept[handle])}
        self._size += len(text) + sum(map(len, values.values()))
        if not values or self._size > _MAX_ANSWER:  # reading all that was said takes ever longer
            return self._say(parts)
        since = len(self._said)
        stay = linked([*self._said, *parts], values, since)
        return self._say(
            values[part] if isinstance(part, Handle) and part in values and since + at not in stay else part
            for at, part in enumerate(parts)
        )

    def _say(self, parts: Iterable[str | Handle]) -> str:
        said = "".join(map(str, parts))
        self._said += [said] if self._size <= _MAX_ANSWER else []
        return said

    def _is_trap(self, kept: Kept) -> bool:
        """Whether a model may have made an address of values, and had it stored or composed to be shown later.

        What stands word for word in a text that no model wrote was only picked from it: it holds no other value.
        """
        value = _as_text(kept.value)
        if not _by_model(kept) or not holds_address(value):
            return False
        return not any(value in _as_text(one.value) for one in self.vault if not _by_model(one))


def _by_model(kept: Kept) -> bool:
    return kept.origin.chosen or kept.origin.doubt is not None


def _certain(text: str) -> int:
    """How much of a text can be decided: all up to the first handle, or what may become one, of its last block."""
    block = max((match.end() for match in _BLOCK_END.finditer(text)), default=0)
    handle = _MAYBE_HANDLE.search(text, block)
    return handle.start() if handle else len(text)
