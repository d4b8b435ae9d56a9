"""A schema as its author meant it: what no draft of JSON Schema allows is taken out, older words become today's."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT202012, specification_with

__all__ = ["TYPES", "SoundSchema", "children", "resolver_within"]

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_OLD = (DRAFT4, DRAFT6, DRAFT7)
"""Drafts in which nothing beside a `$ref` counts."""
_ONE = frozenset(
    {
        "items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else",
        "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_COUNTS = frozenset(
    {
        "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
        "maxContains",
    }
)  # fmt: skip
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_TEXTS = frozenset(
    {"$ref", "$dynamicRef", "$anchor", "$dynamicAnchor", "pattern", "format", "title", "description"}
)
_DATA = frozenset({"const", "default"})
_MAX_DEPTH = 64
_NO_SCHEMA = object()
_NOT_GIVEN = object()


@dataclass(frozen=True, slots=True)
class SoundSchema:
    """A schema whose keywords have values of the kinds that they must have, in the words of 2020-12.

    Covered: a keyword with a value of another kind is left out; `items: [...]`, `additionalItems`, `dependencies` and
    a boolean `exclusiveMinimum` are written anew; in draft 4 to 7 what stands beside a `$ref` does not count.
    References to what is not in the schema are left out: nothing is ever fetched.
    """

    schema: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> "SoundSchema":
        """Raises `ValueError` where it is no JSON, or nested more than 64 levels deep."""
        try:
            copied = json.loads(json.dumps(schema, allow_nan=False))
        except (RecursionError, TypeError, ValueError):
            raise ValueError("it is no JSON, or is nested too deeply") from None
        said = copied.get("$schema")
        draft = specification_with(said, default=DRAFT202012) if isinstance(said, str) else DRAFT202012
        repair = _Repair(old=draft in _OLD, ids="id" if draft is DRAFT4 else "$id")
        made = cls(repair.schema(copied))
        _References(made, repair).settle(copied)
        return made

    def resolver(self) -> Any:
        """Finds what the `$ref`s of this schema point to, and never looks anywhere else."""
        return _resolver(self.schema)


def resolver_within(resolver: Any, schema: Mapping[str, Any]) -> Any:
    """The resolver for what is inside of a schema, which may have an `$id` of its own."""
    return resolver.in_subresource(DRAFT202012.create_resource(schema)) if "$id" in schema else resolver


def _resolver(schema: Mapping[str, Any]) -> Any:
    resource = DRAFT202012.create_resource(schema)
    base = resource.id() or ""
    return Registry().with_resource(base, resource).crawl().resolver(base)


@dataclass(slots=True)
class _References:
    """The references of one sound schema: those that lead nowhere are taken out."""

    sound: SoundSchema
    repair: "_Repair" = field(repr=False)
    _known: set[int] = field(default_factory=set, repr=False)
    _places: set[int] = field(default_factory=set, repr=False)
    """Each schema in the schema, by its identity."""
    _moved: dict[str, str] = field(default_factory=dict, repr=False)

    def settle(self, written: Mapping[str, Any]) -> None:
        """`written` is the schema as its author wrote it: a reference may point to any place in it."""
        root: Any = self.sound.schema
        original = Resource.opaque(written)
        self._add_places(root)
        stack: list[tuple[Any, Any]] = [(root, self.sound.resolver())]
        while stack:
            node, resolver = stack.pop()
            if not isinstance(node, dict) or id(node) in self._known:
                continue
            self._known.add(id(node))
            resolver = resolver_within(resolver, node)
            for word in ("$ref", "$dynamicRef"):
                if word in node and not self._leads(resolver, node[word]):
                    reference = node.pop(word)
                    name = self._moved.get(reference) or self._move(original, reference)
                    if name:
                        node[word] = f"#/$defs/{name}"
                        stack.append((root["$defs"][name], resolver))
            stack += [(child, resolver) for child in children(node)]

    def _leads(self, resolver: Any, reference: str) -> bool:
        """Whether a reference leads to a schema of this one."""
        try:
            found = resolver.lookup(reference).contents
        except (Unresolvable, ValueError, LookupError, TypeError, AttributeError):
            return False
        return isinstance(found, bool) or id(found) in self._places

    def _add_places(self, schema: Any) -> None:
        todo = [schema]
        while todo:
            node = todo.pop()
            self._places.add(id(node))
            todo += children(node) if isinstance(node, dict) else []

    def _move(self, original: "Resource[Any]", reference: str) -> str:
        """Make a definition of what lies outside of all schemas, as `#/components/schemas/Issue`; its name, if any."""
        try:
            pointer = unquote(urldefrag(reference).fragment)
            target = self.repair.schema(original.pointer(pointer, Registry().resolver()).contents)
        except (Unresolvable, ValueError, LookupError, TypeError):
            return ""
        if not pointer or not isinstance(target, dict):
            return ""
        root: Any = self.sound.schema
        name = self._moved[reference] = f"ref-{len(root.setdefault('$defs', {}))}"
        root["$defs"][name] = target
        self._add_places(target)
        return name


def children(schema: Mapping[str, Any]) -> list[Any]:
    """Each schema right inside of a sound schema."""
    found = [schema[word] for word in _ONE if word in schema]
    found += [part for word in _MANY for part in schema.get(word, ())]
    return found + [part for word in _NAMED for part in schema.get(word, {}).values()]


@dataclass(frozen=True, slots=True)
class _Repair:
    """Rewrites schemas of one draft."""

    old: bool
    ids: str = field(repr=False)
    """The keyword of a schema's id."""

    def schema(self, node: Any, depth: int = 0) -> Any:
        """The schema, or `_NO_SCHEMA`."""
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            return _NO_SCHEMA
        if depth > _MAX_DEPTH:
            raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
        repaired: dict[str, Any] = {}
        for word, value in self._modern(node).items():
            kept = self._keyword(word, value, depth + 1)
            if kept is not _NOT_GIVEN:
                repaired[word] = kept
        return repaired

    def _keyword(self, word: str, value: Any, depth: int) -> Any:
        """The keyword's value, or `_NOT_GIVEN` for one that does not count."""
        if word in _ONE:
            part = self.schema(value, depth)
            return _NOT_GIVEN if part is _NO_SCHEMA else part
        if word in _MANY:
            parts = [self.schema(part, depth) for part in value] if isinstance(value, list) else []
            return [part for part in parts if part is not _NO_SCHEMA] or _NOT_GIVEN
        if word in _NAMED:
            named = {name: self.schema(part, depth) for name, part in _mapping(value).items()}
            kept = {name: part for name, part in named.items() if part is not _NO_SCHEMA}
            return kept if isinstance(value, dict) else _NOT_GIVEN
        check = _CHECKS.get(word)
        if check is None and word not in _DATA and isinstance(value, dict | list):
            return _NOT_GIVEN  # no word of JSON Schema
        return value if check is None or check(value) else _NOT_GIVEN

    def _modern(self, node: dict[str, Any]) -> dict[str, Any]:
        """The keywords of a node in the words of 2020-12; in their order."""
        if self.old and isinstance(node.get("$ref"), str):
            return {word: node[word] for word in ("$ref", "definitions", "$defs") if word in node}
        node = {
            _NEWER.get(word, word): value for word, value in node.items() if word not in ("$schema", "id")
        } | ({"$id": node["id"]} if self.ids == "id" and "id" in node else {})
        if isinstance(node.get("items"), list):
            rest = node.get("additionalItems", _NOT_GIVEN)
            node = {"prefixItems" if word == "items" else word: value for word, value in node.items()}
            node |= {"items": rest} if rest is not _NOT_GIVEN else {}
        node.pop("additionalItems", None)
        for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if node.get(exclusive) is True and bound in node:
                node[exclusive] = node.pop(bound)
        if isinstance(node.get("type"), list):
            node["type"] = [one for one in node["type"] if one in TYPES]
        if isinstance(node.get("required"), list):
            node["required"] = [name for name in node["required"] if isinstance(name, str)]
        if isinstance(node.get("$id"), str) and node["$id"].startswith("#"):
            node["$anchor"] = node.pop("$id")[1:]
        for name, value in _mapping(node.pop("dependencies", None)).items():
            word = "dependentRequired" if isinstance(value, list) else "dependentSchemas"
            node.setdefault(word, {})[name] = value
        return node


_NEWER = {"$recursiveRef": "$ref"}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_type(value: Any) -> bool:
    return value in TYPES if isinstance(value, str) else isinstance(value, list) and bool(value)


def _is_uri(value: Any) -> bool:
    try:
        return isinstance(value, str) and urlsplit(value) is not None
    except ValueError:
        return False


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_COUNTS, _is_count),
    **dict.fromkeys(_NUMBERS, _is_number),
    **dict.fromkeys(_TEXTS, _is_text),
    "$id": _is_uri,
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "type": _is_type,
    "required": _is_names,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "examples": lambda value: isinstance(value, list),
    "uniqueItems": lambda value: isinstance(value, bool),
    "dependentRequired": lambda value: isinstance(value, dict) and all(map(_is_names, value.values())),
}
"""Keywords whose values have a kind, but for those that hold schemas."""
