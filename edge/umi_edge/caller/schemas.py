"""The schemas of the calls a caller may write: each tool's own, with handles as alternatives where they fit.

A string may hold clear text and any handle that this session knows, or handles of the type that the policy says;
where the tool says more of a string (a format, a pattern), it is that, or one whole handle. A number may be a handle.
An `enum` or a `const` is chosen, not referred to.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from umi_shared.handles import Handle

__all__ = ["HandleRule", "call_schemas"]

MAX_STRING = 480
"""Characters of a string whose schema sets no lower bound, so that a small model cannot write for ever."""
MAX_ITEMS = 16
MAX_NUMBER = 10**17 - 1
"""17 digits; and a number has up to 9 after its point."""
_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class HandleRule:
    """What the policy says of the handles in one argument."""

    type: str = ""
    """The only type of handle that fits; empty where every type does."""
    only: bool = False
    """Text of the caller's own would be refused, so it is not offered where a handle fits."""


RuleOf = Callable[[str, str], HandleRule]
"""The rule of a tool's argument, by the tool's name and the argument's."""


def call_schemas(
    tools: Iterable[tuple[str, Mapping[str, Any]]],
    handles: Collection[Handle],
    rule_of: RuleOf,
    *,
    longest: float = MAX_STRING,
) -> dict[str, dict[str, Any]]:
    """The schema of each tool's arguments, by the tool's name; `$defs` are renamed so that none clash.

    `longest` is how many characters a string has at most whose schema admits more: `math.inf` is for what is written
    already.
    """
    return {name: _Writer(name, sorted(handles), rule_of, longest).object(schema) for name, schema in tools}


@dataclass(frozen=True, slots=True)
class _Writer:
    """Rewrites one tool's schema."""

    tool: str
    handles: list[Handle]
    rule_of: RuleOf
    longest: float

    def object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments object: each property under its own rule; no property that the tool does not name."""
        written: dict[str, Any] = self.node(
            {key: value for key, value in schema.items() if key not in ("$defs", "definitions")}
        )
        written["properties"] = {
            name: self.node(child, self.rule_of(self.tool, name))
            for name, child in schema.get("properties", {}).items()
        }
        written.setdefault("type", "object")
        written.setdefault("additionalProperties", False)
        definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
        if definitions:
            written["$defs"] = {
                self._definition(name): self.node(child) for name, child in definitions.items()
            }
        return written

    def node(self, schema: Any, rule: HandleRule = HandleRule()) -> Any:
        """One schema, with handles where they fit."""
        if not isinstance(schema, Mapping):
            return schema
        if "$ref" in schema:
            return {"$ref": self._reference(str(schema["$ref"]))}
        node = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
        for word in ("anyOf", "allOf"):
            if word in node:
                node[word] = [self.node(child, rule) for child in node[word]]
        if "oneOf" in node:  # handles make alternatives overlap; the tool's own schema has the last word
            node["anyOf"] = [self.node(child, rule) for child in node.pop("oneOf")]
        if "enum" in node or "const" in node:  # alone: a value that is withheld fits no type
            return {word: node[word] for word in ("enum", "const") if word in node}
        match node.get("type", "object" if "properties" in node else None):
            case "string":
                return self._string(node, rule)
            case "number" | "integer":
                return self._or_handle(_bounded(node), rule)
            case "array":
                return self._array(node, rule)
            case "object":
                return self._nested(node, rule)
            case list() as types:
                alternatives = [self.node({**node, "type": one}, rule) for one in types]
                return {"anyOf": alternatives}
        return node

    def _array(self, node: dict[str, Any], rule: HandleRule) -> dict[str, Any]:
        most = max(MAX_ITEMS, node.get("minItems", 0))
        node["maxItems"] = min(node.get("maxItems", most), most)
        if "items" in node:
            node["items"] = self.node(node["items"], rule)
        if "prefixItems" in node:
            node["prefixItems"] = [self.node(child, rule) for child in node["prefixItems"]]
        return node

    def _nested(self, node: dict[str, Any], rule: HandleRule) -> dict[str, Any]:
        if "properties" in node:
            node["properties"] = {name: self.node(child, rule) for name, child in node["properties"].items()}
            node.setdefault("additionalProperties", False)
        if isinstance(node.get("additionalProperties"), Mapping):
            node["additionalProperties"] = self.node(node["additionalProperties"], rule)
        return node | {"type": "object"}

    def _string(self, node: dict[str, Any], rule: HandleRule) -> dict[str, Any]:
        fitting = self._fitting(rule)
        if "pattern" not in node and node.get("format") in _FORMATS:
            node = {"type": "string", "pattern": _FORMATS[node["format"]]}
        if (
            "pattern" in node
        ):  # which says more than a format, and may leave nothing of it: 09:30 is no RFC 3339 time
            node.pop("format", None)
        if "pattern" in node or "format" in node:
            return self._or_handle(node, rule)
        if rule.type:
            return self._or_handle(self._text(fitting, node), rule)
        if rule.only and fitting:
            return {"enum": [str(handle) for handle in fitting]}
        return self._text(fitting, node)

    def _text(self, fitting: list[Handle], bounds: Mapping[str, Any]) -> dict[str, Any]:
        """A string in which whatever looks like a handle is a fitting one; a handle counts as one character.

        So does `<` with the character after it, but not a last `<` of all.
        A small model dodges into `< person:1>` where it means the handle; so what follows `< ` begins no handle's type.
        """
        least = bounds.get("minLength", 0)
        most = min(bounds.get("maxLength", math.inf), max(self.longest, least))
        known = "|".join(f"{handle.type}:{handle.number}" for handle in fitting)
        types = "".join(sorted({handle.type[0] for handle in self.handles}))
        references = (rf"|< [^<{types}\\\x00-\x1f]" if types else r"|< ") + (
            rf"|<({known})>" if known else ""
        )
        unit = rf"[^<\x00-\x1f]|\n|<[^a-z \\\x00-\x1f]{references}"
        last = rf"({unit}|<)?" if most > least else ""
        upto = "" if most == math.inf else most - bool(last)
        return {"type": "string", "pattern": rf"^({unit}){{{least},{upto}}}{last}$"}

    def _or_handle(self, node: dict[str, Any], rule: HandleRule) -> dict[str, Any]:
        fitting = [str(handle) for handle in self._fitting(rule)]
        if not fitting:
            return node
        return {"enum": fitting} if rule.only else {"anyOf": [{"enum": fitting}, node]}

    def _fitting(self, rule: HandleRule) -> list[Handle]:
        return [handle for handle in self.handles if rule.type in ("", handle.type)]

    def _reference(self, target: str) -> str:
        match = re.fullmatch(r"#/(?:\$defs|definitions)/([^/]+)", target)
        return f"#/$defs/{self._definition(match[1])}" if match else target

    def _definition(self, name: str) -> str:
        return f"{re.sub('[^A-Za-z0-9_]', '_', self.tool)}__{name}"


def _bounded(node: dict[str, Any]) -> dict[str, Any]:
    """A number of so many digits at most: a model in doubt writes digits for ever."""
    if not node.keys() & {"minimum", "exclusiveMinimum"}:
        node["minimum"] = -MAX_NUMBER
    if not node.keys() & {"maximum", "exclusiveMaximum"}:
        node["maximum"] = MAX_NUMBER
    if node["type"] == "number":
        node.setdefault("multipleOf", _SMALLEST)
    return node


_FORMATS = {
    "email": r"^[A-Za-z0-9._%+-]{1,40}@[A-Za-z0-9.-]{1,40}\.[A-Za-z]{2,12}$",
    "hostname": r"^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,4}$",
    "uri": r"^[a-z][a-z0-9+.-]{1,15}:[!#-;=?-Z_a-z~]{1,240}$",
}
"""Formats without an end of their own, with one."""

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$schema"}
)
