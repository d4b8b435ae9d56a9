"""The arguments that a caller wrote, read from its text under limits (I6).

I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import json
from typing import Any

from umi_edge.values.json_walk import walk
from umi_shared.errors import MalformedError
from umi_shared.handles import inert, unescape

__all__ = ["read_arguments"]

_MAX_DEPTH = 32


def read_arguments(text: str, *, handles: bool = True) -> dict[str, Any]:
    """The object that the text spells, with the member names as the tool spells them.

    Without `handles` nothing in it is resolved: a caller that is shown values is not given any handles.
    Raises `MalformedError`, which quotes nothing of the text, for the same reason.

    >>> read_arguments('{"to": "<email:1>"}')
    {'to': '<email:1>'}
    """
    try:
        text.encode()
        arguments = json.loads(text, parse_constant=_refused, object_pairs_hook=_members)
        deep = any(len(step.location) > _MAX_DEPTH for step in walk(arguments))
        json.dumps(arguments, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        arguments, deep = None, False
    if not isinstance(arguments, dict):
        raise MalformedError("the caller's arguments are not a JSON object that UTF-8 can carry")
    if deep:
        raise MalformedError(f"the caller's arguments are nested deeper than {_MAX_DEPTH} levels")
    return arguments if handles else {name: _inert(value) for name, value in arguments.items()}


def _inert(node: Any) -> Any:
    if isinstance(node, str):
        return inert(node)
    if isinstance(node, dict):
        return {name: _inert(value) for name, value in node.items()}
    return [_inert(value) for value in node] if isinstance(node, list) else node


def _refused(_: str) -> None:
    raise ValueError


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = {unescape(name): value for name, value in pairs}
    if len(members) < len(pairs):
        raise ValueError
    return members
