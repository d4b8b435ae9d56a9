"""The catalogue as the cloud is told of it: a card for each tool, its texts labelled.

I1: docs/design.md#i1-release-only
I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.approved_cards import ApprovedCards, pin
from umi_edge.labelling.card_schema import SchemaSearch, outline
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import LabelledCard
from umi_edge.policy import Scanner, ToolPolicy
from umi_edge.policy.families import BUILT_IN
from umi_edge.tools import Tool
from umi_shared.handles import escape
from umi_shared.transcript import ToolCard
from umi_shared.well_formed import well_formed

__all__ = [
    "CardToApprove",
    "Cards",
    "Unapproved",
    "Withheld",
    "by_name_only",
    "card_to_approve",
    "declared_names",
    "labelled_cards",
    "needs_approval",
    "why_withheld",
]


@dataclass(frozen=True, slots=True)
class Withheld:
    """A tool that the cloud is not told of, and why, in words that name the rule and no value (I8)."""

    tool: str
    """Its name, with a type in the place of what a detector finds in it: `crm.[person]`."""
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unapproved:
    """A tool of which the cloud is told the name and its arguments' names and types only."""

    tool: str
    source: str
    changed: bool
    """Whether the user approved another card of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardToApprove:
    """A foreign tool's card as it will leave once it is approved; what detectors find is out of it already."""

    tool: str
    source: str
    description: str = field(repr=False)
    input_schema: Mapping[str, Any] = field(repr=False)
    found: tuple[str, ...] = field(repr=False)
    """The rule of each thing that is withheld from it."""
    result_names: frozenset[str] = field(default=frozenset(), repr=False)
    """The member names that its results declare, which the cloud may read with it."""

    @property
    def hash(self) -> str:
        """What an approval is pinned to."""
        return pin(self.tool, self.description, self.input_schema, self.result_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """What the cloud is told of the tools, and what it is not told."""

    told: tuple[LabelledCard, ...] = field(repr=False)
    withheld: tuple[Withheld, ...] = field(repr=False)
    """The tools that the cloud is not told of."""
    unapproved: tuple[Unapproved, ...] = field(repr=False)
    """The tools of which it is told the outline."""
    result_names: Mapping[str, frozenset[str]] = field(repr=False)
    """The member names in each tool's results that are the tool's words, and no data."""


def labelled_cards(tools: Iterable[Tool], labeller: Labeller, approved: ApprovedCards) -> Cards:
    """The cards, the tools that the cloud is not told of, and those of which it is told the outline.

    What umi's own tools say of themselves are constants of the program (I1), so no detector looks at it: whom the
    user knows does not change a byte of it (I3). Any other tool may be named after what it found on this device: it
    is withheld when a detector finds something in its very name, and texts of its schema are withheld one by one.
    What an MCP server says of its tools stays, an outline excepted, until the user has approved it or the policy says
    `card: cloud`: no detector knows every customer in an `enum`.
    """
    cards: list[LabelledCard] = []
    withheld: list[Withheld] = []
    unapproved: list[Unapproved] = []
    names: dict[str, frozenset[str]] = {}
    scanner = labeller.keeper.scanner
    for tool in tools:
        rules = labeller.tool_policy(tool.name)
        because = why_withheld(tool.name, rules, tool.source, scanner)
        if because:
            withheld.append(Withheld(_masked(tool.name, scanner), because))
            continue
        schema = tool.input_schema
        if needs_approval(tool, rules):
            card = card_to_approve(tool, scanner)
            if not approved.approves(tool.source, tool.name, card.hash):
                changed = approved.knows(tool.source, tool.name)
                unapproved.append(Unapproved(tool=tool.name, source=tool.source, changed=changed))
                told = outline(card.input_schema)
                cards.append((ToolCard(name=tool.name, description=(), input_schema=told), ()))
                continue
        names[tool.name] = _result_names(tool, SchemaSearch(scanner))
        if tool.source != BUILT_IN:
            schema = SchemaSearch(scanner).schema(schema)
        told_of = ToolCard(name=tool.name, description=(), input_schema=schema)
        cards.append((told_of, labeller.card(tool.name, tool.description)))
    return Cards(
        told=tuple(cards), withheld=tuple(withheld), unapproved=tuple(unapproved), result_names=names
    )


def _result_names(tool: Tool, search: SchemaSearch) -> frozenset[str]:
    """The member names that a tool declares of its results, without those in which a detector finds something."""
    declared = sorted(declared_names(tool.output_schema))
    return frozenset(name for name in declared if tool.source == BUILT_IN or not search.hit(name))


def needs_approval(tool: Tool, rules: ToolPolicy) -> bool:
    """Whether the card of a tool is another's words, for which the policy does not vouch."""
    return tool.source.startswith("mcp:") and rules.card == "scan"


def card_to_approve(tool: Tool, scanner: Scanner) -> CardToApprove:
    """The card of a foreign tool as it will leave; a type stands for what becomes a handle."""
    search = SchemaSearch(scanner)
    schema = search.schema(tool.input_schema)
    text = well_formed(tool.description)
    search.hit(text)
    names = _result_names(tool, search)
    return CardToApprove(
        tool=tool.name,
        source=tool.source,
        description=escape(_masked(text, scanner)),
        input_schema=schema,
        found=tuple(search.found),
        result_names=names,
    )


def why_withheld(name: str, rules: ToolPolicy, source: str, scanner: Scanner) -> str:
    """Why the cloud is not told of a tool; empty where it is."""
    if rules.card == "hidden":
        return "its policy says `card: hidden`"
    if source == BUILT_IN:
        return ""
    never = scanner.never.scan(name) if scanner.never else ()
    found = never or (scanner.scan(name) if rules.card != "cloud" else ())
    if not found:
        return ""
    rule, kind = found[0].rule_id, found[0].type
    mend = (
        "`never` lets it out under no rule" if never else "`card: cloud` in the policy shows it all the same"
    )
    return f"{rule} finds something of type {kind} in its name; {mend}"


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


def by_name_only(unapproved: Iterable[Unapproved]) -> list[str]:
    """What the user is told of the tools that they have not approved, a sentence for each server."""
    servers: dict[str, list[Unapproved]] = {}
    for one in unapproved:
        servers.setdefault(one.source.removeprefix("mcp:"), []).append(one)
    return [_sentence(server, tools) for server, tools in servers.items()]


def _sentence(server: str, tools: list[Unapproved]) -> str:
    count, changed = len(tools), sum(tool.changed for tool in tools)
    said = f"{count} {'tool' if count == 1 else 'tools'} of {server} {'is' if count == 1 else 'are'} shown"
    since = f" ({changed} changed since you approved)" if changed else ""
    return f"{said} to the planner by name only{since}: `umi tools approve {shlex.quote(server)}`"
