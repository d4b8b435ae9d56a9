"""What the operators have in common: a tool that takes its arguments as they come and makes one value of them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from umi_edge.tools.json_type import JSON
from umi_edge.tools.tool import Hints, Tool

__all__ = ["AS", "operator"]

AS: Mapping[str, Any] = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9_]{0,31}$",
    "description": "What the result is, such as email, person or date.",
}
"""The argument that names the type of the result's handle."""


def operator(
    name: str,
    description: str,
    properties: Mapping[str, Any],
    required: list[str],
    run: Callable[[Mapping[str, JSON]], Awaitable[JSON]],
    *,
    reads: str = "",
) -> Tool:
    """One operator. Not `@tool`: `from` and `as` cannot be the names of Python arguments."""
    return Tool(
        name=name,
        description=description,
        input_schema={
            "type": "object",
            "properties": dict(properties),
            "required": required,
            "additionalProperties": False,
        },
        run=run,
        source="builtin",
        hints=Hints(read_only=True, derived=True),
        reads=reads,
    )
