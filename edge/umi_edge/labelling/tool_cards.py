"""The catalogue as the cloud is told of it: a card for each tool, its texts labelled.

I1: docs/design.md#i1-release-only
I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import LabelledCard
from umi_edge.policy import Scanner, ToolPolicy
from umi_edge.policy.families import BUILT_IN
from umi_edge.tools import Tool
from umi_shared.handles import escape
from umi_shared.transcript import ToolCard
from umi_shared.well_formed import well_formed

__all__ = ["Withheld", "declared_names", "labelled_cards", "why_withheld"]

_WITHHELD = "[withheld]"


@dataclass(frozen=True, slots=True)
class Withheld:
    """A tool that the cloud is not told of, and why, in words that name the rule and no value (I8)."""

    tool: str
    """Its name, with a type in the place of what a detector finds in it: `crm.[person]`."""
    because: str


def labelled_cards(
    tools: Iterable[Tool], labeller: Labeller
) -> tuple[tuple[LabelledCard, ...], tuple[Withheld, ...]]:
    """The cards, and the tools that the cloud is not told of.

    What umi's own tools say of themselves are constants of the program (I1), so no detector looks at it: whom the
    user knows does not change a byte of it (I3). Any other tool may be named after what it found on this device: it
    is withheld when a detector finds something in its very name, and texts of its schema are withheld one by one.
    """
    cards: list[LabelledCard] = []
    withheld: list[Withheld] = []
    for tool in tools:
        because = why_withheld(
            tool.name, labeller.tool_policy(tool.name), tool.source, labeller.keeper.scanner
        )
        if because:
            withheld.append(Withheld(_masked(tool.name, labeller.keeper.scanner), because))
            continue
        schema = tool.input_schema
        if tool.source != BUILT_IN:
            schema = _without_loose_ends(_without_private_texts(schema, labeller))
        card = ToolCard(name=tool.name, description=(), input_schema=schema)
        cards.append((card, labeller.card(tool.name, tool.description)))
    return tuple(cards), tuple(withheld)


def why_withheld(name: str, rules: ToolPolicy, source: str, scanner: Scanner) -> str:
    """Why the cloud is not told of a tool; empty where it is."""
    if rules.card == "hidden":
        return "its policy says `card: hidden`"
    if source == BUILT_IN or rules.card == "cloud":
        return ""
    found = scanner.scan(name)
    if not found:
        return ""
    rule, kind = found[0].rule_id, found[0].type
    return f"{rule} finds something of type {kind} in its name; `card: cloud` in the policy shows it all the same"


def _masked(name: str, scanner: Scanner) -> str:
    for span in reversed(scanner.scan(name)):
        name = f"{name[: span.start]}[{span.type}]{name[span.end :]}"
    return name


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
        return _WITHHELD if labeller.keeper.scanner.scan(schema) else escape(well_formed(schema))
    if isinstance(schema, int | float) and not isinstance(schema, bool):
        return _WITHHELD if labeller.keeper.scanner.scan(json.dumps(schema)) else schema
    if isinstance(schema, Mapping):
        return {
            escape(well_formed(key)): _without_private_texts(child, labeller)
            for key, child in schema.items()
            if not labeller.keeper.scanner.scan(key)
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
