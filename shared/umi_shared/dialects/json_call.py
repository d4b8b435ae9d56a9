"""A caller's turn as one JSON object, `{"tool": …, "arguments": {…}}`: its schema, its start, and how it is read."""

import json
from collections.abc import Mapping
from typing import Any

from umi_shared.engine import Constraint, JsonSchema
from umi_shared.errors import MalformedError

__all__ = ["JsonCall", "call_start"]


class JsonCall:
    """The part of a dialect that admits and reads such a call."""

    __slots__ = ()

    def call_constraint(self, schemas: Mapping[str, Mapping[str, Any]]) -> Constraint:
        """One JSON object: the tool, then its arguments. The schemas' `$defs` must not clash in their names."""
        definitions: dict[str, Any] = {}
        alternatives = []
        for name, schema in schemas.items():
            definitions |= schema.get("$defs", {})
            arguments = {key: value for key, value in schema.items() if key != "$defs"}
            alternatives.append(
                {
                    "type": "object",
                    "properties": {"tool": {"const": name}, "arguments": arguments},
                    "required": ["tool", "arguments"],
                    "additionalProperties": False,
                }
            )
        return JsonSchema({"anyOf": alternatives, **({"$defs": definitions} if definitions else {})})

    def read_call(self, text: str) -> tuple[str, str]:
        """The tool's name and the arguments' compact JSON text. Raises `MalformedError` for what is not a call."""
        try:
            call = json.loads(text)
            tool, arguments = call["tool"], call["arguments"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MalformedError("the caller's output is not a call") from error
        if not isinstance(tool, str) or not isinstance(arguments, dict):
            raise MalformedError("the caller's output is not a call")
        return tool, json.dumps(arguments, separators=(",", ":"), ensure_ascii=False)


def call_start(tool: str) -> str:
    """How a call of a tool begins, up to its first argument; empty for no tool.

    >>> call_start("notes.read")
    '{"tool":"notes.read","arguments":{"'
    """
    return f'{{"tool":{json.dumps(tool)},"arguments":{{"' if tool else ""
