"""`value.select`: the items of a list for which something holds."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from umi_edge.policy.paths import Location, PathError, compile_path
from umi_edge.policy.projection import projected
from umi_edge.tools.json_type import JSON
from umi_edge.tools.operators.items import items_of
from umi_edge.tools.operators.operator import AS, operator
from umi_edge.tools.operators.quantity import ExpressionError, quantity
from umi_edge.tools.outcome import FailureKind, ToolFailure
from umi_edge.tools.tool import Tool
from umi_shared.errors import PrivacyError

MAX_STEPS = 200_000
MAX_WHERE = 2000
_SIMPLE = re.compile(r"\s*([A-Za-z_]\w{0,63})\s*(==|!=|<=|>=|<|>|contains\b)\s*(.*)", re.DOTALL | re.ASCII)


def select_tool() -> Tool:
    """The tool; the session has put the values in before it runs."""
    return operator(
        "value.select",
        "Choose from a list; gives a handle for the one item that matches, or for the list of those that do.",
        {
            "list": {"type": ["array", "object", "string"], "description": "A list, as a handle."},
            "where": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_WHERE,
                "description": "`FIELD == VALUE` (also != < <= > >= contains), or a JSONPath filter such as "
                "@.total > 10.",
            },
            "take": {"type": "string", "maxLength": 64, "description": "Only this field of what matches."},
            "as": AS,
        },
        ["list", "where"],
        _select,
    )


async def _select(arguments: Mapping[str, JSON]) -> JSON:
    items = items_of(arguments["list"])
    found = selected(items, arguments["where"])
    take = arguments.get("take", "")
    if take:
        found = [item[take] for item in found if isinstance(item, dict) and take in item]
    if not found:
        raise ToolFailure(FailureKind.NOT_FOUND, "nothing matches")
    return found[0] if len(found) == 1 else found


def selected(items: Any, where: str) -> list[Any]:
    """What of a list or an object matches, in order; raises `ToolFailure`.

    `FIELD OP VALUE` takes the value as text, whatever quotes it holds, so a value cannot become a part of the
    condition. Two numbers or two dates compare as such, other things as text without regard to case or accents.

    >>> selected([{"n": "O'Neil", "t": 3}, {"n": "Ann", "t": 12}], "n == O'Neil")
    [{'n': "O'Neil", 't': 3}]
    >>> selected([{"t": 3}, {"t": 12}], "@.t > 10")
    [{'t': 12}]
    """
    simple = _SIMPLE.fullmatch(where)
    if simple:
        name, operation, value = simple[1], simple[2], _unquoted(simple[3].strip())
        children = items.values() if isinstance(items, dict) else items
        return [
            item
            for item in children
            if isinstance(item, dict) and name in item and _holds(item[name], operation, value)
        ]
    try:
        path = compile_path(where if where.startswith("$") else f"$[?{where}]")
        places = path.locations(items, max_steps=MAX_STEPS)
    except (PathError, PrivacyError) as error:
        raise ToolFailure(FailureKind.INVALID_ARGUMENTS, error.message) from None
    return [_at(items, place) for place in sorted(places, key=_order)]


def _order(place: Location) -> tuple[tuple[bool, str | int], ...]:
    return tuple((isinstance(key, str), key) for key in place)


def _at(items: Any, place: Location) -> Any:
    for key in place:
        items = items[key]
    return items


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _holds(found: Any, operation: str, wanted: str) -> bool:
    if isinstance(found, dict | list):
        return operation == "contains" and any(_holds(item, "==", wanted) for item in found)
    text = found if isinstance(found, str) else json.dumps(found)
    if operation == "contains":
        return projected(wanted) in projected(text)
    one, other = _comparable(text, wanted)
    match operation:
        case "==":
            return bool(one == other)
        case "!=":
            return bool(one != other)
        case "<":
            return bool(one < other)
        case "<=":
            return bool(one <= other)
        case ">":
            return bool(one > other)
    return bool(one >= other)


def _comparable(text: str, other: str) -> tuple[Any, Any]:
    """Both as numbers or both as dates where they are; else both as text."""
    try:
        values = quantity(text), quantity(other)
        both_numbers = all(isinstance(value, Decimal) for value in values)
        if both_numbers or type(values[0]) is type(values[1]) is not Decimal:
            _ = values[0] < values[1]  # type: ignore[operator]  # a time with a zone has no order among those without
            return values
    except (ExpressionError, ValueError, TypeError):
        pass
    return projected(text), projected(other)
