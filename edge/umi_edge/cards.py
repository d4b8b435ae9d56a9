"""The catalogue as the cloud is told of it: a card for each tool, its texts labelled."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from umi_edge.labelling import Labeller, well_formed
from umi_edge.release import LabelledCard
from umi_edge.tools import Tool
from umi_shared.handles import escape
from umi_shared.transcript import ToolCard

__all__ = ["declared_names", "labelled_cards"]

_WITHHELD = "[withheld]"


def labelled_cards(
    tools: Iterable[Tool], labeller: Labeller
) -> tuple[tuple[LabelledCard, ...], tuple[str, ...]]:
    """The cards, and the names of tools that the cloud is not told of.

    A tool is withheld when its policy says `card: hidden`, or when its very name holds a private value. Texts of
    its schema in which a detector finds something are withheld one by one.
    """
    cards: list[LabelledCard] = []
    withheld: list[str] = []
    for tool in tools:
        if labeller.tool_policy(tool.name).card == "hidden" or labeller.scanner.scan(tool.name):
            withheld.append(tool.name)
            continue
        schema = _without_loose_ends(_without_private_texts(tool.input_schema, labeller))
        card = ToolCard(name=tool.name, description=(), input_schema=schema)
        cards.append((card, labeller.card(tool.name, tool.description)))
    return tuple(cards), tuple(withheld)


def declared_names(schema: Any) -> frozenset[str]:
    """Every member name that a schema declares, at any depth: the tool's own words, not data.

    >>> sorted(declared_names({"properties": {"a": {"items": {"properties": {"b": {}}}}}}))
    ['a', 'b']
    """
    names: set[str] = set()
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            properties = node.get("properties")
            if isinstance(properties, Mapping):
                names.update(properties)
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    return frozenset(names)


def _without_private_texts(schema: Any, labeller: Labeller) -> Any:
    """The schema with a constant in place of every text that a detector objects to; keys are checked too.

    Handle-like text of it is escaped, as in any input.
    """
    if isinstance(schema, str):
        return _WITHHELD if labeller.scanner.scan(schema) else escape(well_formed(schema))
    if isinstance(schema, int | float) and not isinstance(schema, bool):
        return _WITHHELD if labeller.scanner.scan(json.dumps(schema)) else schema
    if isinstance(schema, Mapping):
        return {
            escape(well_formed(key)): _without_private_texts(child, labeller)
            for key, child in schema.items()
            if not labeller.scanner.scan(key)
        }
    if isinstance(schema, list | tuple):
        return [_without_private_texts(child, labeller) for child in schema]
    return schema


def _without_loose_ends(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without the requirement of properties that were left out."""
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        return {**schema, "required": [name for name in required if name in properties]}
    return schema
