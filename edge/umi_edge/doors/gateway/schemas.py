"""Schemas as a client is told of them: arguments that may be handles, and results as they are really given."""

from collections.abc import Callable, Mapping
from typing import Any

from umi_edge.policy import Location
from umi_edge.policy.checks import LOOSE_TYPES
from umi_edge.policy.rules import ANY_TYPE, Resolution, Shape
from umi_shared.handles import HANDLE_NUMBER_PATTERN, HANDLE_TYPE_PATTERN

__all__ = ["ResolvedAt", "given_result", "widened"]

ResolvedAt = Callable[[Location], Resolution]
"""What the policy says of a place in a result."""

_LOOSE = frozenset({"type", "title", "description", "default", "examples", "minLength", "maxLength"})
"""What a string may say and still be any handle, if its bounds admit one."""
_HANDLE_LENGTH = 48
_NOTES = frozenset({"title", "description"})
_MAX_DEPTH = 32


def widened(schema: Mapping[str, Any], types: Callable[[str], str]) -> dict[str, Any]:
    """The schema of a tool's arguments in which a handle may stand for any value.

    `types` gives the only type of handle that an argument takes, by its name; empty where any type fits.

    >>> widened({"properties": {"to": {"type": "string", "format": "email"}}}, lambda _: "email")["properties"]["to"]
    {'anyOf': [{'type': 'string', 'format': 'email'}, {'type': 'string', 'pattern': '^<email:[1-9][0-9]{0,8}>$'}]}
    """
    written = dict(schema)
    written["properties"] = {
        name: _or_handle(child, types(name), 0) for name, child in schema.get("properties", {}).items()
    }
    if "$defs" in schema:
        written["$defs"] = {name: _or_handle(child, "", 0) for name, child in schema["$defs"].items()}
    return written


def _or_handle(schema: Any, kind: str, depth: int) -> Any:
    """One schema, and a handle beside what it admits."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return {}
    inner = _within(schema, kind, depth)
    bounds = inner.get("minLength", 0) <= 1 and inner.get("maxLength", _HANDLE_LENGTH) >= _HANDLE_LENGTH
    if inner.get("type") == "string" and not inner.keys() - _LOOSE and bounds:
        return inner  # any text is admitted, so a handle is
    if not inner.keys() - _NOTES:
        return inner
    notes = {word: inner.pop(word) for word in ("title", "description") if word in inner}
    return {**notes, "anyOf": [inner, {"type": "string", "pattern": _pattern(kind)}]}


def _within(schema: Mapping[str, Any], kind: str, depth: int) -> dict[str, Any]:
    node = dict(schema)
    for word in ("properties", "patternProperties"):
        if isinstance(node.get(word), Mapping):
            node[word] = {name: _or_handle(child, kind, depth + 1) for name, child in node[word].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(node.get(word), Mapping):
            node[word] = _or_handle(node[word], kind, depth + 1)
    if isinstance(node.get("prefixItems"), list):
        node["prefixItems"] = [_or_handle(child, kind, depth + 1) for child in node["prefixItems"]]
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(node.get(word), list):
            node[word] = [
                _within(child, kind, depth + 1) if isinstance(child, Mapping) else child
                for child in node[word]
            ]
    return node


def _pattern(kind: str) -> str:
    return rf"^<{kind if kind not in ('', *LOOSE_TYPES) else HANDLE_TYPE_PATTERN}:{HANDLE_NUMBER_PATTERN}>$"


def given_result(
    schema: Any,
    at: ResolvedAt,
    may_read: Callable[[Resolution], bool],
    may_name: Callable[[str], bool],
    location: Location = (),
) -> dict[str, Any]:
    """What a result may look like for a reader: its structure, and handles in the place of what stays.

    Of the tool's own schema it has the JSON types and the names that may be told, and nothing that it says in words.
    """
    if not isinstance(schema, Mapping) or len(location) > _MAX_DEPTH:
        return {}
    rule, kinds = at(location), schema.get("type")
    if rule.shape is Shape.HIDDEN:
        return _handle_of(rule)
    match kinds:
        case "object" if isinstance(schema.get("properties"), Mapping):
            members = {
                name: given_result(child, at, may_read, may_name, (*location, name))
                for name, child in schema["properties"].items()
                if may_name(name)
            }
            return {"type": "object", "properties": members}
        case "array" if isinstance(schema.get("items"), Mapping):
            items = given_result(schema["items"], at, may_read, may_name, (*location, 0))
            return {"type": "array", "items": items}
        case "string" | "number" | "integer" | "boolean" | "null" | list():
            types = [kinds] if isinstance(kinds, str) else kinds
            if {"object", "array"} & set(types):
                return {}
            return {"type": sorted({*types, "string"})} if may_read(rule) else _handle_of(rule)
    return {}


def _handle_of(rule: Resolution) -> dict[str, Any]:
    """A text that stands for what stays: a handle, with what the policy shows of it; or that it is hidden."""
    kind = "text" if rule.type == ANY_TYPE else rule.type
    return {"type": "string", "description": f"stays on the device: a handle such as <{kind}:1>"}
