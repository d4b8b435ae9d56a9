"""What a tool's own schema says against a call's arguments, and who may learn of it.

The reason goes to the caller on this device and nowhere else. It is public only where the cloud knows all that it says:
what the caller wrote itself, and a card that the cloud reads as it is. What a caller writes after any other reason
stays whole, as after values that it has seen.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_edge.policy import Scanner
from umi_edge.tools import Tool
from umi_edge.tools.schemas import Problem
from umi_shared.handles import Handle, escape, parts_of
from umi_shared.transcript import Call, Observation, ToolCard, View
from umi_shared.well_formed import well_formed

__all__ = ["ArgumentRefusal", "refusal_of"]


@dataclass(frozen=True, slots=True)
class ArgumentRefusal:
    """Why a tool's own schema does not admit some arguments."""

    text: str = field(repr=False)
    public: bool

    def told(self, view: View, tool: str, written: str) -> View:
        """The view as the caller reads it who writes the call again: with the call, the reason and the plan anew."""
        tried = (Call(tool, parts_of(written)), Observation(tool, (escape(self.text),), "invalid-arguments"))
        return View(catalogue=view.catalogue, entries=(*view.entries, *tried, view.entries[-1]))


def refusal_of(
    tool: Tool, card: ToolCard, scanner: Scanner, written: Mapping[str, Any], resolved: Mapping[str, Any]
) -> ArgumentRefusal | None:
    """The refusal of a call's arguments, if there is one; `card` is what the cloud is told of the tool."""
    problems = tool.check.problems(resolved)
    if not problems:
        return None
    text = well_formed("; ".join(problem.text for problem in problems))
    public = (
        card.input_schema == tool.input_schema
        and all(_decided_in_public(problem, written) for problem in problems)
        and not scanner.scan(text)
    )
    return ArgumentRefusal(text, public)


def _decided_in_public(problem: Problem, written: Mapping[str, Any]) -> bool:
    """Whether only what the caller wrote in clear decided it."""
    return problem.by_names_only or not _refers(_at(written, problem.location))


def _at(node: Any, location: Sequence[str | int]) -> Any:
    """What stands in the arguments as written; a handle, where its value is what has such a part."""
    for part in location:
        if not isinstance(node, dict | list):
            return node
        node = node[part]  # type: ignore[index]  # the place is one of the resolved arguments
    return node


def _refers(node: Any) -> bool:
    if isinstance(node, str):
        return any(isinstance(part, Handle) for part in parts_of(node))
    if isinstance(node, Mapping):
        return any(map(_refers, node.values()))
    return isinstance(node, list) and any(map(_refers, node))
