"""Where the value of an argument is to be read: what a caller finds easy and what it finds hard."""

import json
from collections.abc import Iterator
from typing import Any

from umi_shared.handles import Handle, parts_of, render
from umi_shared.transcript import Instruction, Observation, View

__all__ = ["source_of"]

_LONG = 400
"""From how many characters on a text that holds a value counts as long."""


def source_of(value: Any, view: View) -> str:
    """`handle`, `text with handles`, `request`, `result`, `long request`, `long result`, or else `worked out`.

    Case does not matter, because titles and messages begin with a capital letter where the request had none.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    parts = parts_of(text)
    if any(isinstance(part, Handle) for part in parts):
        return "handle" if len(parts) == 1 or not isinstance(value, str) else "text with handles"
    found = text.strip(".").lower()
    for kind, shown in _texts(view):
        if found and found in shown.lower():
            return f"long {kind}" if len(shown) >= _LONG else kind
    return "worked out"


def _texts(view: View) -> Iterator[tuple[str, str]]:
    """The texts that a value may be copied from."""
    for entry in view.entries:
        if isinstance(entry, Instruction):
            yield "request", render(entry.text)
        elif isinstance(entry, Observation):
            yield "result", render(entry.content)
