"""The items of a list that an operator is given, as a list or as its text."""

import json
from typing import Any

from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import FailureKind, ToolFailure

__all__ = ["items_of"]


def items_of(value: JSON) -> Any:
    """The list, or the object with the items as its members. Raises `ToolFailure`."""
    if not isinstance(value, str):
        return value
    try:
        items = json.loads(value)  # a tool may have returned its list as text
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list | dict):
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, "not a list")
    return items
