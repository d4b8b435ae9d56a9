"""Structures: what the values that a JSON Schema admits may look like, never less than it admits.

A structure is schemas that all hold for one value. Its alternatives resolve `$ref`, `allOf`, `anyOf` and `oneOf`; a
keyword that only forbids (`not`, `if`, `pattern`, bounds, `unevaluated*`, `dependent*`) is read as if it were not
there, which admits more. So what is shown for a structure holds for every value that the schema admits.

Covered: JSON Schema 2020-12 within one document. Not covered: `$dynamicRef` and `$anchor`, read as *anything*.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import unquote

__all__ = ["ANYTHING", "KINDS", "Alternative", "Schema", "Structure"]

Schema = Mapping[str, Any] | bool

KINDS = ("object", "array", "string", "number", "boolean", "null")

_MAX_ALTERNATIVES = 64
"""Beyond these a structure counts as anything, which admits more."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Schemas without combinators that all hold for a value."""

    document: Schema = field(repr=False)
    schemas: tuple[Mapping[str, Any], ...] = field(repr=False)

    @property
    def kinds(self) -> frozenset[str]:
        """The JSON types that a value may have; `number` stands for integers, too."""
        kinds = set(KINDS)
        for schema in self.schemas:
            kinds &= _kinds(schema)
        return frozenset(kinds)

    @property
    def names(self) -> tuple[str, ...]:
        """The member names that are declared, in their order, as far as every schema admits them."""
        declared = dict.fromkeys(name for schema in self.schemas for name in schema.get("properties", {}))
        return tuple(name for name in declared if self.member(name) is not None)

    @property
    def is_open(self) -> bool:
        """Whether members may have names that are not declared."""
        return not any(_closed(schema) for schema in self.schemas)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the members that a value must have."""
        return tuple(dict.fromkeys(name for schema in self.schemas for name in schema.get("required", ())))

    @property
    def prefix(self) -> int:
        """How many items at the front have schemas of their own."""
        return max((len(schema.get("prefixItems", ())) for schema in self.schemas), default=0)

    def member(self, name: str) -> "Structure | None":
        """The structure of a member of that name; None where there can be none."""
        found: list[Schema] = []
        for schema in self.schemas:
            declared = schema.get("properties", {})
            if name in declared:
                found.append(declared[name])
            elif _closed(schema):
                return None
            elif "patternProperties" not in schema:
                found.append(schema.get("additionalProperties", True))
        return self._shape(found)

    def item(self, index: int) -> "Structure | None":
        """The structure of the item at an index; None where there can be none."""
        found: list[Schema] = []
        for schema in self.schemas:
            first = schema.get("prefixItems", ())
            found.append(first[index] if index < len(first) else schema.get("items", True))
        return self._shape(found)

    def _shape(self, schemas: "list[Schema]") -> "Structure | None":
        return (
            None if any(schema is False for schema in schemas) else Structure(self.document, tuple(schemas))
        )


def _closed(schema: Mapping[str, Any]) -> bool:
    return schema.get("additionalProperties") is False and not schema.get("patternProperties")


_KIND_OF: Mapping[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    kinds = set(KINDS)
    if "type" in schema:
        said = schema["type"]
        kinds &= {
            "number" if kind == "integer" else kind for kind in ([said] if isinstance(said, str) else said)
        }
    if "const" in schema:
        kinds &= {_KIND_OF[type(schema["const"])]}
    if "enum" in schema:
        kinds &= {_KIND_OF[type(value)] for value in schema["enum"]}
    return kinds


@dataclass(frozen=True, slots=True)
class Structure:
    """Schemas of one document that all hold for one value; none means anything.

    >>> structure = Structure({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
    >>> member = structure.alternatives()[0].member("a")
    >>> [sorted(alternative.kinds) for alternative in member.alternatives()]
    [['null', 'string']]
    """

    document: Schema = field(repr=False)
    schemas: tuple[Schema, ...] | None = None
    """None for the document itself."""

    @property
    def key(self) -> tuple[int, ...]:
        """Equal for equal places of one document."""
        return tuple(sorted({id(schema) for schema in self._schemas() if schema not in (True, {})}))

    def _schemas(self) -> tuple[Schema, ...]:
        return (self.document,) if self.schemas is None else self.schemas

    def alternatives(self) -> tuple[Alternative, ...]:
        """What the value may be, one way or another; empty where there is no such value."""
        try:
            return self._alternatives()
        except RecursionError:
            return (Alternative(self.document, ()),)

    def _alternatives(self) -> tuple[Alternative, ...]:
        found: list[tuple[Mapping[str, Any], ...]] = [()]
        for schema in self._schemas():
            choices = list(self._expanded(schema, frozenset()))
            found = [(*one, *other) for one, other in product(found, choices)]
            if len(found) > _MAX_ALTERNATIVES:
                return (Alternative(self.document, ()),)
        alternatives = (Alternative(self.document, _distinct(schemas)) for schemas in found)
        return tuple(alternative for alternative in alternatives if alternative.kinds)

    def _expanded(self, schema: Schema, seen: frozenset[int]) -> Iterator[tuple[Mapping[str, Any], ...]]:
        if schema is False:
            return
        if schema is True or not isinstance(schema, Mapping) or id(schema) in seen:
            yield ()  # a reference to itself says nothing
            return
        seen |= {id(schema)}
        found: list[tuple[Mapping[str, Any], ...]] = [(schema,)]
        for choices in self._combined(schema, seen):
            found = [(*one, *other) for one, other in product(found, choices)]
            if len(found) > _MAX_ALTERNATIVES:
                yield ()
                return
        yield from found

    def _combined(
        self, schema: Mapping[str, Any], seen: frozenset[int]
    ) -> Iterator[list[tuple[Mapping[str, Any], ...]]]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield list(self._expanded(_referred(self.document, reference), seen))
        for part in schema.get("allOf", ()):
            yield list(self._expanded(part, seen))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                yield [one for part in schema[keyword] for one in self._expanded(part, seen)]


def _distinct(schemas: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
    return tuple({id(schema): schema for schema in schemas}.values())


def _referred(document: Schema, reference: str) -> Schema:
    """What a `#/...` reference points to; anything, where it points nowhere."""
    if reference != "#" and not reference.startswith("#/"):
        return True
    node: Any = document
    for part in filter(None, reference[1:].split("/")):
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        try:
            node = node[int(key)] if isinstance(node, list) else node[key]
        except (KeyError, IndexError, TypeError, ValueError):
            return True
    return node if isinstance(node, Mapping | bool) else True


ANYTHING = Structure(True, ())
"""The structure of all JSON values."""
