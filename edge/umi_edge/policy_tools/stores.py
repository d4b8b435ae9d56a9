"""Stores, for proofs: where a tool's arguments are read back, and what is shown of them there.

Read from the rules and the schemas, and not from the check that runs (`policy.stores`), so that a fault of one is found
by the other. Where nobody has said where an argument is read back, it is anywhere in what its server's tools give.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from umi_edge.policy import Location, Policy, Resolution
from umi_edge.policy.cases import Case, cases
from umi_edge.policy.families import BUILT_IN, PYTHON
from umi_edge.policy.paths import compile_path
from umi_edge.policy.rules import ANY_TYPE, Shape
from umi_edge.policy.schema_structure import ANYTHING, Structure
from umi_edge.policy.stored_as import ReadBack, read_back_at
from umi_edge.tools import Tool
from umi_shared.labels import PLANNER, SUMMARIZER, Integrity, Label, Locality, Sink

__all__ = ["Back", "Stores", "group_of", "handle_types", "holds_value", "shape_of"]

_KIND_TYPES = {"string": "text", "number": "number", "boolean": "flag", "null": "value"}
_ANYWHERE = compile_path("$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """One way in which a stored value is read back."""

    place: ReadBack
    rule: Resolution
    types: frozenset[str]
    """The types that a handle for it may have there; none where it is clear, or has no handle."""
    integrity: Integrity

    @property
    def readers(self) -> tuple[Sink, ...]:
        """The sinks that read it there, or are told something of it."""
        label = Label.at(self.rule.locality)
        told = self.rule.show is not None and label.visible
        return tuple(sink for sink in (PLANNER, SUMMARIZER) if told or label.may_read(sink))

    @property
    def shown(self) -> str:
        """What these sinks get of it, in words."""
        if self.rule.show:
            return f"shows the {self.rule.show} of it"
        return "shows all of it that no detector finds" if self.rule.scan else "shows it"


class Stores:
    """The stores of some tools under one policy."""

    def __init__(self, policy: Policy, tools: Iterable[Tool], *, any_results: bool) -> None:
        self.policy = policy
        self.tools = {tool.name: tool for tool in tools}
        self.any_results = any_results
        self._known: dict[tuple[str, str], tuple[Back, ...]] = {}

    def writes(self, tool: Tool) -> bool:
        """Whether a tool may keep what it is given: a server's word that it does not is not enough."""
        return not (tool.hints.read_only and tool.source in (BUILT_IN, PYTHON))

    def read_back(self, tool: Tool, location: Location) -> Iterator[Back]:
        """Every way in which an argument of a tool is read back."""
        said = (*tool.stored_as, *self.policy.tool(tool.name, source=tool.source).stored_as)
        places = read_back_at(said, location)
        if places is None:
            siblings = [one.name for one in self.tools.values() if group_of(one) == group_of(tool)]
            places = tuple(ReadBack(name, _ANYWHERE) for name in siblings)
        for place in places:
            key = place.tool, place.path.canonical
            if key not in self._known:
                self._known[key] = tuple(self._back(place))
            yield from self._known[key]

    def _back(self, place: ReadBack) -> Iterator[Back]:
        tool = self.tools.get(place.tool)
        shape = ANYTHING if tool is None else shape_of(tool, any_results=self.any_results)
        source = tool.source if tool else ""
        integrity = self.policy.tool(place.tool, source=source).integrity
        table = self.policy.table(place.tool, "results")
        for case in cases(table, shape, (place.path,), along=True):
            if case.within and holds_value(case):
                kept = case.resolution.locality is Locality.HANDLE
                types = frozenset(handle_types(case) if kept else ())
                yield Back(place=place, rule=case.resolution, types=types, integrity=integrity)


def group_of(tool: Tool) -> str:
    """What stands for all tools that may share a store: their server, or the first part of their names."""
    family = f"{tool.source.partition(':')[0]} {tool.name.partition('.')[0]}"
    return tool.source if tool.source.startswith("mcp:") and tool.source != "mcp:not installed" else family


def shape_of(tool: Tool, *, any_results: bool) -> Structure:
    """What a tool's results may look like."""
    known = tool.output_schema
    return ANYTHING if known is None or any_results else Structure(known)


def holds_value(case: Case) -> bool:
    """Whether something is labelled here: a leaf, or a container that is kept whole."""
    return case.is_leaf or (case.resolution.shape is Shape.HIDDEN and not case.whole)


def handle_types(case: Case) -> set[str]:
    """The types that a handle for the value may have."""
    if case.resolution.type != ANY_TYPE:
        return {case.resolution.type}
    return {_KIND_TYPES.get(kind, "data") for kind in case.kinds}
