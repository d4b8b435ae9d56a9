"""The arguments that a caller wrote, read from its text under limits (I6)."""

import json
from typing import Any

from umi_edge.json_walk import walk
from umi_shared.errors import MalformedError
from umi_shared.handles import unescape

__all__ = ["read_arguments"]

_MAX_DEPTH = 32


def read_arguments(text: str) -> dict[str, Any]:
    """The object that the text is; its member names as the tool spells them.

    Raises `MalformedError`, which quotes nothing of the text: the caller may have been shown values.

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
    return arguments


def _refused(_: str) -> None:
    raise ValueError


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = {unescape(name): value for name, value in pairs}
    if len(members) < len(pairs):
        raise ValueError
    return members
