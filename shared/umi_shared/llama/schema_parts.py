"""JSON Schemas whose repeated parts stand once: a grammar is compiled part by part, and tools have parts alike."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["with_shared_parts"]

_ONE = frozenset({"items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames"})
_MANY = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_LEAST = 48
"""Characters of a part that is worth a reference."""


def with_shared_parts(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema; parts that came up more than once are definitions.

    >>> text = {"type": "string", "pattern": "^([^<]|<(email:1|email:2)>){0,480}$"}
    >>> with_shared_parts({"type": "object", "properties": {"to": text, "cc": text}})["properties"]
    {'to': {'$ref': '#/$defs/part-0'}, 'cc': {'$ref': '#/$defs/part-0'}}
    """
    counts = Counter(_key(part) for part in _parts(schema))
    parts: dict[str, tuple[str, dict[str, Any]]] = {}

    def share(part: Any) -> Any:
        if not isinstance(part, Mapping):
            return part
        key = _key(part)
        if counts[key] == 1 or len(key) < _LEAST:
            return _mapped(part, share)
        if key not in parts:
            parts[key] = (f"part-{len(parts)}", {})
            parts[key][1].update(_mapped(part, share))
        return {"$ref": f"#/$defs/{parts[key][0]}"}

    shared = _mapped(schema, share)
    if parts:
        shared["$defs"] = {**shared.get("$defs", {}), **dict(parts.values())}
    return shared


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Each schema inside of a schema; what came up before is not entered again."""
    seen, todo = set(), [schema]
    while todo:
        found: list[Any] = []
        _mapped(todo.pop(), found.append)
        for part in found:
            if isinstance(part, Mapping):
                yield part
                if (key := _key(part)) not in seen:
                    seen.add(key)
                    todo.append(part)


def _mapped(schema: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """The schema with each schema right inside of it changed."""
    mapped = dict(schema)
    for word, value in schema.items():
        if word in _ONE:
            mapped[word] = change(value)
        elif word in _MANY and isinstance(value, list):
            mapped[word] = [change(part) for part in value]
        elif word in _NAMED and isinstance(value, Mapping):
            mapped[word] = {name: change(part) for name, part in value.items()}
    return mapped


def _key(part: Mapping[str, Any]) -> str:
    return json.dumps(part, sort_keys=True)
