"""Resolution: handles become values again, in the arguments of a call and in the answer (I4).

I4: docs/design.md#i4-handles-resolve-in-one-place
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.vault import Vault
from umi_edge.policy import Location
from umi_shared.handles import Handle, parts_of, unescape

__all__ = ["Rehydrator", "resolve", "without"]

_MAX_HANDLE = 48
_MAYBE_HANDLE = re.compile(r"<[a-z\\]?[a-z0-9_:\\]*$")
_IN_LINK = re.compile(r"""[(<"'=]\s*(?:[a-z][a-z0-9+.-]*:)?//|//\S*$""", re.IGNORECASE)
_MAX_LINE = 64 * 1024


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

    So does one in a link: whoever wrote the answer would have the value as soon as the link is opened, and what shows
    Markdown opens an image by itself. Covered: from `//` to the next space; in brackets or quotes to the line's end.
    Not covered: addresses without `//`, links that go on over a line's end.
    """

    vault: Vault
    _held: str = field(default="", repr=False)
    _line: str = field(default="", repr=False)
    """What stands in the line so far, with values in place."""

    def feed(self, text: str) -> str:
        """Take the next piece of the answer; give what is now certain, with values in place."""
        text = self._held + text
        match = _MAYBE_HANDLE.search(text)
        cut = match.start() if match and len(text) - match.start() <= _MAX_HANDLE else len(text)
        self._held = text[cut:]
        return self._put_back(text[:cut])

    def finish(self) -> str:
        """The rest of the answer."""
        rest, self._held = self._held, ""
        return self._put_back(rest)

    def _put_back(self, text: str) -> str:
        return "".join(map(self._piece, parts_of(text)))

    def _piece(self, part: str | Handle) -> str:
        if isinstance(part, Handle) and part in self.vault and not _IN_LINK.search(self._line):
            piece = _as_text(self.vault[part].value)
        else:
            piece = unescape(str(part))
        line = (self._line + piece).rpartition("\n")[2]
        self._line = (
            line if len(line) <= _MAX_LINE else "<//"
        )  # as in a link, so that no length gets around it
        return piece
