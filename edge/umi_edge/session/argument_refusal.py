"""What a tool's own schema says against a call's arguments, and who may learn of it.

The reason goes to the caller on this device, and to a program that makes its calls itself: to that without a word of
what it wrote. It is public only where labels and the tool's own schema decide so. No detector looks at what was
written: else a guess at a name that the user knows would be refused in another way than a wrong guess. What a caller
writes after a reason that is not public stays whole, as after values that it has seen.

I3: docs/design.md#i3-noninterference
I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umi_edge.labelling.tool_cards import declared_names
from umi_edge.policy import Scanner
from umi_edge.policy.families import BUILT_IN
from umi_edge.tools import Tool
from umi_edge.tools.schemas import Problem
from umi_shared.handles import Handle, escape, parts_of
from umi_shared.transcript import Call, Observation, Plan, ToolCard, View
from umi_shared.well_formed import well_formed

__all__ = ["ArgumentRefusal", "refusal_of"]


@dataclass(frozen=True, slots=True)
class ArgumentRefusal:
    """Why a tool's own schema does not admit some arguments."""

    text: str = field(repr=False)
    """With the values: for the caller on this device."""
    rule: str = field(repr=False)
    """The places and the schema's words, as far as the tool's card has them: nothing that was written."""
    public: bool

    def told(self, view: View, tool: str, written: str) -> View:
        """The view as the caller reads it who writes the call again: with the call, the reason and the plan anew."""
        tried = (Call(tool, parts_of(written)), Observation(tool, (escape(self.text),), "invalid-arguments"))
        plan = next(entry for entry in reversed(view.entries) if isinstance(entry, Plan))
        return View(catalogue=view.catalogue, entries=(*view.entries, *tried, plan))


def refusal_of(
    tool: Tool, card: ToolCard, scanner: Scanner, written: Mapping[str, Any], resolved: Mapping[str, Any]
) -> ArgumentRefusal | None:
    """The refusal of a call's arguments, if there is one; `card` is what the cloud is told of the tool."""
    problems = tool.check.problems(resolved)
    if not problems:
        return None
    public = (
        card.input_schema == tool.input_schema
        and all(_decided_in_public(problem, written) for problem in problems)
        and not _names_somebody(tool, scanner)
    )
    return ArgumentRefusal(
        text=well_formed("; ".join(problem.text for problem in problems)),
        rule=well_formed("; ".join(dict.fromkeys(_rule(problem, tool, card) for problem in problems))),
        public=public,
    )


def _names_somebody(tool: Tool, scanner: Scanner) -> bool:
    """Whether a detector finds something in the whole of a tool's schema, of which the cloud is told a part.

    What is written has no part in it. What umi's own tools say are constants of the program.
    """
    if tool.source == BUILT_IN:
        return False
    return any(scanner.scan(text) for text in _texts(tool.check.sound.schema))


def _texts(node: Any) -> Iterator[str]:
    """Every text, name and number of a schema."""
    if isinstance(node, Mapping):
        for name, child in node.items():
            yield name
            yield from _texts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _texts(child)
    else:
        yield node if isinstance(node, str) else json.dumps(node)


def _rule(problem: Problem, tool: Tool, card: ToolCard) -> str:
    names = declared_names(card.input_schema)
    place = ".".join(
        str(part) if isinstance(part, int) or part in names else "…" for part in problem.location
    )
    said = _part(card.input_schema, problem.path)
    known = said is not None and said == _part(tool.check.sound.schema, problem.path)
    words = (
        place or "the arguments",
        str(problem.path[-1]) if problem.path else "",
        problem.word if known else "",
    )
    return ": ".join(filter(None, words))


def _part(node: Any, path: Sequence[str | int]) -> Any:
    """What stands at a place of a schema; None where nothing does."""
    for part in path:
        try:
            node = node[part]
        except (LookupError, TypeError):
            return None
    return node


def _decided_in_public(problem: Problem, written: Mapping[str, Any]) -> bool:
    """Whether only what the caller wrote in clear decided it."""
    node = _at(written, problem.location)
    return isinstance(node, Mapping) if problem.by_names_only else not _refers(node)


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
