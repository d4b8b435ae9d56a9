"""`value.pick`: one item of a list that stays, by what it is about."""

import json
from collections.abc import Mapping
from typing import Any

from umi_edge.reading import Reading
from umi_edge.tools.json_type import JSON
from umi_edge.tools.operators.items import items_of
from umi_edge.tools.operators.operator import AS, operator
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Tool
from umi_edge.values.json_walk import scalars

__all__ = ["pick_tool"]

MAX_ITEMS = 2000


def pick_tool(reading: Reading) -> Tool:
    """The tool; the session has put the values in before it runs."""

    async def pick(arguments: Mapping[str, JSON]) -> JSON:
        listed = items_of(arguments["list"])
        items: list[Any] = list(listed.values()) if isinstance(listed, dict) else listed
        if len(items) > MAX_ITEMS:
            raise ToolFailure(FailureKind.TOO_LARGE, f"a list of more than {MAX_ITEMS} items")
        number = await reading.pick([_line(item) for item in items], arguments["what"])
        if number is None:
            raise ToolFailure(FailureKind.NOT_FOUND, "no item, or several alike")
        found, take = items[number], arguments.get("take", "")
        if not take:
            return found
        if not isinstance(found, dict) or take not in found:
            raise ToolFailure(FailureKind.NOT_FOUND, "the item has no such field")
        return found[take]

    return operator(
        "value.pick",
        "Choose the item of a list that you cannot see by what it is about; gives a handle for it.",
        {
            "list": {"type": ["array", "object", "string"], "description": "A list, as a handle."},
            "what": {
                "type": "string",
                "minLength": 1,
                "maxLength": 300,
                "description": "Such as: the plumber.",
            },
            "take": {"type": "string", "maxLength": 64, "description": "Only this field of the item."},
            "as": AS,
        },
        ["list", "what"],
        pick,
        reads="list",
    )


def _line(item: Any) -> str:
    """An item in one line."""
    if isinstance(item, dict):
        return ", ".join(f"{key}: {_line(value)}" for key, value in item.items())
    words = " ".join(str(one) for one in scalars(item)) if isinstance(item, list) else item
    return " ".join((words if isinstance(words, str) else json.dumps(words)).split())
