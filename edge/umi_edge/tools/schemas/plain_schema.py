"""A plain schema: one that a grammar can be made of, and that admits all that the tool's own schema admits.

What is left out is checked afterwards (`ArgumentCheck`).
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.tools.schemas.grammar import pattern_compiles
from umi_edge.tools.schemas.sound_schema import TYPES, SoundSchema, children, resolver_within

__all__ = ["plain_schema"]

Node = dict[str, Any]

_MAX_DEPTH = 64
_MAX_NODES = 20_000
_MAX_ALTERNATIVES = 32
"""Alternatives that come of combining some with others; more of them are left out."""
_MAX_SAFE = 10**17 - 1
"""Bounds of numbers beyond it are left out: a grammar counts in 64 bits."""
_MOST = {"minItems": 256, "minLength": 4096}
_MAX_PATTERN = 500
_NAME = re.compile(r"[^/~%#\x00-\x1f]{1,64}")
_NOTES = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"})
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"}
)
_LOWER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems"})
_UPPER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems"})
_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_TYPE_OF: Mapping[type, str] = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number",
    type(None): "null",
}  # fmt: skip


def plain_schema(sound: SoundSchema) -> Node:
    """The plain schema of a tool's arguments or result: an object whose members are named at its top.

    Covered: `$ref`s of all kinds become `#/$defs/NAME`; `allOf` is merged; `oneOf` becomes `anyOf`; at the top, so do
    the members of all alternatives become members of one object. Keywords without a grammar are left out. A schema
    that is plain already stays as it is, its order included. Raises `ValueError` where it admits no object.
    """
    return _Plainer(sound).root()


@dataclass(slots=True)
class _Plainer:
    """Rewrites one schema."""

    sound: SoundSchema
    _definitions: dict[str, Node] = field(default_factory=dict, repr=False)
    _names: dict[int, str] = field(default_factory=dict, repr=False)
    """The name of each schema that is referred to, by its identity."""
    _begun: set[str] = field(default_factory=set, repr=False)
    """Definitions that are being written."""
    _nodes: int = 0

    def root(self) -> Node:
        """The whole schema."""
        top = self._followed(self.node(self.sound.schema, self.sound.resolver(), 0))
        if "anyOf" in top:
            choices = [self._followed(one) for one in top["anyOf"]]
            rest = {word: value for word, value in top.items() if word != "anyOf"}
            top = _united([one for one in choices if _admits_object(one)]) | rest
        if not _admits_object(top):
            raise ValueError("it admits no object, and arguments are one")
        top = {word: value for word, value in top.items() if word not in ("enum", "const")}
        drawn = {word: top[word] for word in self.sound.schema if word in top}
        for name, definition in self._definitions.items():
            self._definitions[name] = self._followed(definition)  # a circle of references says nothing
        drawn = ({} if "type" in drawn else {"type": "object"}) | drawn | top | {"type": "object"}
        used = self._used(drawn)
        return drawn | ({"$defs": used} if used else {})

    def node(self, schema: Any, resolver: Any, depth: int) -> Any:
        """One schema: a plain one, or False where nothing is admitted."""
        self._nodes += 1
        if schema is False:
            return False
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            return {}
        resolver = resolver_within(resolver, schema)
        plain: Any = self._own(schema, resolver, depth + 1)
        others = [
            self._reference(schema[word], resolver, depth + 1)
            for word in ("$ref", "$dynamicRef")
            if word in schema
        ]
        others += [self.node(part, resolver, depth + 1) for part in schema.get("allOf", ())]
        for word in ("anyOf", "oneOf"):
            if word in schema:
                others.append(_either([self.node(part, resolver, depth + 1) for part in schema[word]]))
        for other in others:
            plain = self._both(plain, other)
        return _in_order(plain, schema) if others and plain is not False else plain

    def _own(self, schema: Mapping[str, Any], resolver: Any, depth: int) -> Any:
        """What a schema says by itself, in its order, without its combinations."""
        plain: Node = {}
        for word, value in schema.items():
            match word:
                case "type" | "enum" | "const":
                    plain[word] = value
                case "properties":
                    named = {name: self.node(part, resolver, depth) for name, part in value.items()}
                    plain[word] = {name: part for name, part in named.items() if part is not False}
                case "required":
                    plain[word] = list(value)
                case "additionalProperties" | "patternProperties":
                    plain["additionalProperties"] = self._others(schema, resolver, depth)
                case "items":
                    plain[word] = self.node(value, resolver, depth)
                case "prefixItems":
                    plain[word] = [self.node(part, resolver, depth) for part in value]
                case "pattern" if len(value) <= _MAX_PATTERN and pattern_compiles(value):
                    plain[word] = value
                case "format" if value in _FORMATS:
                    plain[word] = value
                case "multipleOf" if _is_short(value):
                    plain[word] = value
                case _ if word in _NOTES:
                    plain[word] = value
                case _ if word in _LOWER | _UPPER:
                    plain |= _bound(word, value)
        return _settled(plain)

    def _others(self, schema: Mapping[str, Any], resolver: Any, depth: int) -> Any:
        """What members may be that are not declared; those of a pattern may be what it says, or what the rest may."""
        rest = self.node(schema.get("additionalProperties", True), resolver, depth)
        patterns = [self.node(part, resolver, depth) for part in schema.get("patternProperties", {}).values()]
        return _either([*patterns, rest]) if patterns else rest

    def _reference(self, target: str, resolver: Any, depth: int) -> Node:
        """A reference to a definition of the plain schema, which is written when it is first referred to."""
        found = resolver.lookup(target)
        if isinstance(found.contents, bool):
            return {} if found.contents else {"enum": []}
        key = id(found.contents)
        if key not in self._names:
            name = self._names[key] = self._free_name(target)
            self._begun.add(name)
            self._definitions[name] = {}
            written = self.node(found.contents, found.resolver, depth)
            self._definitions[name] = written if written is not False else {"enum": []}
            self._begun.discard(name)
        return {"$ref": f"#/$defs/{self._names[key]}"}

    def _free_name(self, target: str) -> str:
        said = target.rpartition("/")[2].lstrip("#")
        name = said if _NAME.fullmatch(said) else "part"
        taken = self._definitions
        return (
            name
            if name not in taken
            else next(
                made for made in (f"{name}-{number}" for number in range(len(taken) + 1)) if made not in taken
            )
        )

    def _followed(self, node: Any) -> Any:
        """A node with what it refers to in its place."""
        seen: set[str] = set()
        while isinstance(node, dict) and "$ref" in node:
            name = node["$ref"].removeprefix("#/$defs/")
            if name in seen or name in self._begun:
                return {word: value for word, value in node.items() if word != "$ref"}
            seen.add(name)
            notes = {word: value for word, value in node.items() if word != "$ref"}
            node = self._definitions[name] | notes
        return node

    def _both(self, one: Any, other: Any) -> Any:
        """What admits all that both admit."""
        if one is False or other is False:
            return False
        if not set(one) - _NOTES:
            return {**other, **one} if "$ref" in other else {**one, **other, **one}
        if not set(other) - _NOTES:
            return {**other, **one}
        one, other = self._followed(one), self._followed(other)
        if one is False or other is False:
            return False
        self._nodes += 1
        if "anyOf" in one or "anyOf" in other:
            return self._all_ways(one, other)
        return _settled(self._merged(one, other))

    def _all_ways(self, one: Node, other: Node) -> Any:
        """Every alternative of the one with every alternative of the other."""
        if "anyOf" not in one:
            one, other = other, one
        rest = {word: value for word, value in one.items() if word != "anyOf"}
        if len(one["anyOf"]) * len(other.get("anyOf", "-")) > _MAX_ALTERNATIVES or self._nodes > _MAX_NODES:
            return self._both(rest, other)
        ways = _either([self._both(choice, other) for choice in one["anyOf"]])
        return (
            self._both({w: v for w, v in rest.items() if w in _NOTES}, ways)
            if not set(rest) - _NOTES
            else (self._both(rest, ways))
        )

    def _merged(self, one: Node, other: Node) -> Node:
        """Two nodes without references and alternatives as one."""
        merged = {**other, **one}
        for word in one.keys() & other.keys():
            here, there = one[word], other[word]
            match word:
                case "type":
                    merged[word] = _common_types(here, there)
                case "enum":
                    merged[word] = [value for value in here if _key(value) in set(map(_key, there))]
                case "properties":
                    merged[word] = here | {
                        name: self._both(here[name], part) if name in here else part
                        for name, part in there.items()
                    }
                    merged[word] = {name: part for name, part in merged[word].items() if part is not False}
                case "required":
                    merged[word] = list(dict.fromkeys([*here, *there]))
                case "additionalProperties" | "items":
                    merged[word] = self._both(here, there)
                case "prefixItems":
                    merged[word] = here if len(here) >= len(there) else there
                case _ if word in _LOWER:
                    merged[word] = max(here, there)
                case _ if word in _UPPER:
                    merged[word] = min(here, there)
        if "prefixItems" in merged and ("prefixItems" in one) != ("prefixItems" in other):
            merged.pop("items", None)
            source = one if "prefixItems" in one else other
            merged |= {"items": source["items"]} if "items" in source else {}
        return merged

    def _used(self, node: Any) -> dict[str, Node]:
        """The definitions that something refers to, in the order in which they are met."""
        used: dict[str, Node] = {}
        todo = [node]
        while todo:
            part = todo.pop()
            if not isinstance(part, dict):
                continue
            name = part.get("$ref", "").removeprefix("#/$defs/")
            if name and name not in used:
                used[name] = self._definitions[name]
                todo.append(used[name])
            todo += children(part)
        return used


def _in_order(node: Node, like: Mapping[str, Any]) -> Node:
    """The node with its keywords in the order of another."""
    words = ["anyOf" if word == "oneOf" else word for word in like]
    return {word: node[word] for word in dict.fromkeys(words) if word in node} | node


def _settled(node: Node) -> Any:
    """A node without what contradicts itself or names what it does not declare; False where nothing is admitted."""
    if node.get("type") == []:
        return False
    for word in ("enum", "const"):
        if word in node:
            values = [
                value for value in ([node[word]] if word == "const" else node[word]) if _fits(node, value)
            ]
            notes = {key: value for key, value in node.items() if key in (*_NOTES, "type", word)}
            return (notes if word == "const" else notes | {"enum": values}) if values else False
    for empty, words in (
        (_no_number(node), ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")),
        (node.get("minLength", 0) > node.get("maxLength", math.inf), ("minLength", "maxLength")),
        (node.get("minItems", 0) > node.get("maxItems", math.inf), ("minItems", "maxItems")),
    ):
        if empty:  # a grammar would refuse the whole tool for it
            node = {word: value for word, value in node.items() if word not in words}
    missing = [name for name in node.get("required", ()) if name not in node.get("properties", {})]
    if missing:
        node = node | {"properties": node.get("properties", {}) | {name: {} for name in missing}}
    return node


def _no_number(node: Node) -> bool:
    """Whether no number, or no whole one where it must be whole, lies between the bounds."""
    low: float = max(node.get("minimum", -math.inf), node.get("exclusiveMinimum", -math.inf))
    high: float = min(node.get("maximum", math.inf), node.get("exclusiveMaximum", math.inf))
    strict = node.get("exclusiveMinimum") == low or node.get("exclusiveMaximum") == high
    if node.get("type") != "integer" or math.isinf(low) or math.isinf(high):
        return low > high or (low == high and strict)
    first, last = math.ceil(low), math.floor(high)
    first += node.get("exclusiveMinimum") == first
    last -= node.get("exclusiveMaximum") == last
    return first > last


def _fits(node: Node, value: Any) -> bool:
    said = node.get("type", TYPES)
    kind = _TYPE_OF[type(value)]
    types = {said} if isinstance(said, str) else set(said)
    return kind in types or (kind in ("integer", "number") and bool(types & {"integer", "number"}))


def _either(choices: Iterable[Any]) -> Any:
    """What admits all that any of the choices admits."""
    found: dict[str, Any] = {}
    for choice in choices:
        if choice is False:
            continue
        parts = choice["anyOf"] if set(choice) == {"anyOf"} else [choice]
        found |= {_key(part): part for part in parts}
    if not found:
        return False
    if any(not set(part) - _NOTES for part in found.values()):
        return {}
    return {"anyOf": list(found.values())} if len(found) > 1 else next(iter(found.values()))


def _united(objects: list[Node]) -> Node:
    """One object for several: the members of all, of which those must be there that each must have."""
    names = dict.fromkeys(name for one in objects for name in one.get("properties", {}))
    united: Node = {
        "type": "object",
        "properties": {
            name: _either([one["properties"][name] for one in objects if name in one.get("properties", {})])
            for name in names
        },
    }
    required = [name for name in names if all(name in one.get("required", ()) for one in objects)]
    united |= {"required": required} if required else {}
    others = _either([one.get("additionalProperties", {}) for one in objects])
    return united | ({"additionalProperties": others} if others != {} else {})


def _admits_object(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    said: Any = node.get("type", "object")
    return said == "object" or "object" in said


def _common_types(one: Any, other: Any) -> Any:
    here, there = ([said] if isinstance(said, str) else said for said in (one, other))
    common = [kind for kind in here if kind in there or (kind == "integer" and "number" in there)]
    common += [kind for kind in there if kind == "integer" and "number" in here and kind not in common]
    return common[0] if len(common) == 1 else common


def _bound(word: str, value: float) -> Node:
    """A bound that a grammar can hold; a lower one may be lowered, an upper one left out."""
    if word in _COUNTS:
        value = int(value)
        if word in _MOST:
            return {word: min(value, _MOST[word])}
        return {word: value} if value <= _MAX_SAFE else {}
    return {word: value} if abs(value) <= _MAX_SAFE else {}


def _is_short(number: float) -> bool:
    """Whether a factor has few digits, so that a grammar can count by it."""
    return number >= 1e-9 and len(repr(number)) <= 9 and number == float(repr(number))


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
