"""The schema of a foreign tool as the cloud may be told of it: its words searched, JSON Schema's own left alone.

I1: docs/design.md#i1-release-only
I2: docs/design.md#i2-fail-closed
I4: docs/design.md#i4-handles-resolve-in-one-place
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from umi_edge.policy import Scanner
from umi_shared.handles import escape
from umi_shared.well_formed import well_formed

__all__ = ["WITHHELD", "SchemaSearch", "outline"]

WITHHELD = "[withheld]"

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_OWN = frozenset({"type", "uniqueItems"})
"""Their values are words of JSON Schema itself, as its metaschema has checked."""
_TEXTS = frozenset({"title", "description", "default", "examples", "enum", "const"})
"""Their values are the tool's words: what a detector finds there becomes a constant."""
_LIMITS = frozenset(
    {
        "$ref", "pattern", "format", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
        "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties",
        "maxContains", "minContains",
    }
)  # fmt: skip
"""A constant in the place of their values would mean something else, so the keyword is left out with its value."""
_SCHEMA = frozenset(
    {
        "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
        "not", "if", "then", "else",
    }
)  # fmt: skip
_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


@dataclass(slots=True)
class SchemaSearch:
    """The search of one schema by the detectors.

    Covered: every text, number and name that the tool wrote. Keywords that umi does not know are left out, such as
    `x-mcp-header`; so is a `$ref` whose target was. Not covered: which keywords it uses.
    """

    scanner: Scanner = field(repr=False)
    found: list[str] = field(default_factory=list, repr=False)
    """The rule of each find, for the user; no value (I8)."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The whole schema."""
        searched: dict[str, Any] = self._schema(schema)
        _drop_loose_references(searched)
        return searched

    def hit(self, text: str) -> bool:
        """Whether a detector finds something in a text."""
        finds = self.scanner.scan(text)
        self.found += [finds[0].rule_id] if finds else []
        return bool(finds)

    def _schema(self, schema: Any) -> Any:
        if not isinstance(schema, Mapping):
            return schema is not False  # true and false are schemas
        searched: dict[str, Any] = {}
        for word, value in schema.items():
            if word in _OWN:
                searched[word] = value
            elif word in _TEXTS:
                searched[word] = self._text(value)
            elif word in _LIMITS:
                if not self.hit(value if isinstance(value, str) else json.dumps(value)):
                    searched[word] = self._escaped(value)
            elif word in _SCHEMA:
                searched[word] = self._schema(value)
            elif word in _SCHEMAS:
                searched[word] = [self._schema(child) for child in value]
            elif word in _NAMED_SCHEMAS:
                searched[word] = {self._escaped(key): self._schema(value[key]) for key in self._names(value)}
            elif word == "required":
                searched[word] = [self._escaped(name) for name in self._names(value)]
        return searched

    def _names(self, names: Any) -> list[str]:
        return [name for name in names if not self.hit(name)]

    def _text(self, value: Any) -> Any:
        """Text and data of the tool, with a constant in place of what a detector finds."""
        if isinstance(value, str):
            return WITHHELD if self.hit(value) else self._escaped(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return WITHHELD if self.hit(json.dumps(value)) else value
        if isinstance(value, Mapping):
            return {self._escaped(key): self._text(value[key]) for key in self._names(value)}
        if isinstance(value, list | tuple):
            return [self._text(child) for child in value]
        return value

    @staticmethod
    def _escaped(value: Any) -> Any:
        """Handle-like text is escaped, as in any input (I4)."""
        return escape(well_formed(value)) if isinstance(value, str) else value


def outline(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a schema that the user has not approved: the names of the arguments, their types, which must be.

    A name with other than letters, digits, `_`, `.` and `-` could be a sentence, and is left out. What is inside of
    an argument is not told.

    >>> outline({"properties": {"to": {"type": "string", "default": "Ann"}, "to Ann": {}}, "required": ["to"]})
    {'type': 'object', 'properties': {'to': {'type': 'string'}}, 'required': ['to']}
    """
    properties = schema.get("properties", {})
    told = {name: _outlined(child) for name, child in properties.items() if _ARGUMENT.fullmatch(name)}
    required = [name for name in schema.get("required", ()) if name in told]
    return {"type": "object", "properties": told} | ({"required": required} if required else {})


def _outlined(schema: Any) -> dict[str, Any]:
    types = _types(schema)
    return {"type": types[0] if len(types) == 1 else types} if types else {}


def _types(schema: Any) -> list[str]:
    """The types that a schema admits by its own words; none where it does not say."""
    if not isinstance(schema, Mapping):
        return []
    said = schema.get("type")
    if said is not None:
        return [one for one in ([said] if isinstance(said, str) else said) if one in _TYPES]
    choices = [_types(choice) for choice in schema.get("anyOf", schema.get("oneOf", ()))]
    return list(dict.fromkeys(one for types in choices for one in types)) if all(choices) else []


def _drop_loose_references(schema: dict[str, Any]) -> None:
    """Take out each `$ref` whose target was left out: it then admits anything."""
    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += node
        elif isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                try:
                    resolver.lookup(node["$ref"])
                except (Unresolvable, ValueError, LookupError, TypeError):
                    del node["$ref"]
            stack += node.values()
