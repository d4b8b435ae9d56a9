"""A policy as a table: of each tool the places of its arguments and results, and who reads what stands there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from umi_edge.policy import Policy
from umi_edge.policy.explanation import explain
from umi_edge.policy.paths import Location, compile_path
from umi_edge.policy.rules import Resolution
from umi_edge.policy.schema_structure import Structure
from umi_edge.policy_tools.declared_places import declared_places, general_path
from umi_edge.policy_tools.rule_rows import settings
from umi_edge.tools import Tool
from umi_shared.errors import PolicyError
from umi_shared.labels import PLANNER, SUMMARIZER, Label, Locality

__all__ = ["Place", "Reads", "ToolTable", "location_of", "reader_table"]

_MOST_PLACES = 100
"""Of one side of a tool."""

Side = Literal["arguments", "results"]
Reads = Literal["clear", "scanned", "handle", "nothing"]
"""What a reader gets: the value, the text without what the detectors find, a handle, or nothing at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One path, and what holds there."""

    side: Side
    path: str
    locality: str
    type: str
    show: str
    readers: Mapping[str, Reads]
    level: str
    """Where that is said: `exact`, `ancestor`, `tool default`, `policy default` or `built-in default`."""
    line: int
    declared: bool
    """Whether the tool itself says that something stands there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTable:
    """What holds for one tool."""

    tool: str
    settings: Mapping[str, str]
    installed: bool
    places: tuple[Place, ...]


def reader_table(policy: Policy, tools: Iterable[Tool]) -> list[ToolTable]:
    """The tools that are installed, and then those that the policy names beside."""
    installed = {tool.name: tool for tool in tools}
    named = [name for name in policy.tools if name not in installed and not name.endswith("*")]
    return [_table(policy, name, installed.get(name)) for name in (*installed, *named)]


def location_of(side: str, path: str) -> Location:
    """One place that a path means; `*` stands for any. Raises `PolicyError`."""
    if side == "arguments" and not path.startswith("$"):
        return (path,)
    examples = compile_path(path).examples()
    if not examples:
        raise PolicyError(
            f"`{path}` depends on values, so it does not name a single place",
            fix="use names, indices and `*`",
        )
    return examples[0]


def _table(policy: Policy, name: str, tool: Tool | None) -> ToolTable:
    places = [
        *_places(policy, name, "arguments", tool.input_schema if tool else None),
        *_places(policy, name, "results", tool.output_schema if tool else None),
    ]
    return ToolTable(
        tool=name,
        settings=settings(policy, name, source=tool.source if tool else ""),
        installed=tool is not None,
        places=tuple(places),
    )


def _places(policy: Policy, name: str, side: Side, schema: Any) -> Iterator[Place]:
    declared = list(islice(declared_places(Structure(schema)), _MOST_PLACES)) if schema else []
    for location in declared:
        yield _place(policy, name, side, location, _written(side, location), declared=True)
    ways = {location[:depth] for location in declared for depth in range(1, len(location) + 1)}
    for entry in policy.entries(name):
        for rule in entry.arguments if side == "arguments" else entry.results:
            at = next(iter(rule.query.examples()), None)
            if at is not None and _any_item(at) not in ways:
                yield _place(policy, name, side, at, rule.path, declared=False)


def _any_item(location: Location) -> Location:
    return tuple("*" if isinstance(step, int) else step for step in location)


def _written(side: Side, location: Location) -> str:
    """A place as it is written in a policy."""
    plain = side == "arguments" and len(location) == 1 and not str(location[0]).startswith("$")
    return str(location[0]) if plain else general_path(location)


def _place(policy: Policy, name: str, side: Side, location: Location, path: str, *, declared: bool) -> Place:
    found = explain(policy, name, side, location)
    holds = found.resolution
    decides = next((step for step in found.steps if step.decides), found.steps[-1])
    return Place(
        side=side,
        path=path,
        locality=str(holds.clearance),
        type=holds.type,
        show=holds.show or "",
        readers={sink: _reads(holds, sink) for sink in (PLANNER, SUMMARIZER)},
        level=decides.level,
        line=decides.line,
        declared=declared,
    )


def _reads(holds: Resolution, sink: str) -> Reads:
    if Label.at(holds.locality).may_read(sink):
        return "scanned" if holds.scan else "clear"
    return "nothing" if holds.locality is Locality.HIDDEN else "handle"
