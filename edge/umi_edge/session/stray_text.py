"""A stray text: one in which a caller tells somebody what is known of themselves, which nobody asked it to.

A small caller that finds no words for a letter takes what the last result gave: "The address of Adaeze is …", to
whoever's address that is; or what their card says of them. It is written once more then, as a clause of the user's own
words. Decided by the handles in the call, in what was said and in results, as the planner reads them: what they stand
for has no part in it.

Covered: an address or a number that is the recipient's own, in any text; anything else of the thing that the recipient
stands in, where it is the whole text. Not covered: what is known of somebody else.

I3: docs/design.md#i3-noninterference
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from umi_edge.session.taken_texts import TextKind, text_kinds
from umi_edge.tools import Tool
from umi_edge.values.clauses import Request
from umi_edge.values.json_walk import scalars
from umi_shared.handles import Handle, parts_of, render
from umi_shared.transcript import Instruction, Observation, Plan, View

__all__ = ["held_to_words", "stray_text"]

_REACHES = frozenset({"email", "phone"})
"""The types of handles by which somebody is reached."""


def stray_text(tool: Tool, arguments: Mapping[str, Any], given: Collection[str], view: View) -> str:
    """The argument that is such a text; empty where none is. `given` are those that the plan gives."""
    prose = [
        (name, arguments[name])
        for name, kind in text_kinds(tool).items()
        if kind is TextKind.PROSE and name not in given and isinstance(arguments.get(name), str)
    ]
    takers = {
        handle
        for name, value in arguments.items()
        if name not in dict(prose)
        for one in (value if isinstance(value, list) else [value])
        if (handle := _alone(one)) is not None
    }
    said = {one for text in _said(view) for one in parts_of(text)} | (_planned(view) - takers)
    theirs = (
        takers | {one for thing in _things(view) if _is_of(thing, takers) for one in _handles(thing)}
    ) - said
    for name, value in prose:
        whole = _alone(value)
        told = {whole} if whole is not None else {one for one in _handles(value) if one.type in _REACHES}
        if told & theirs:
            return name
    return ""


def held_to_words(schema: Mapping[str, Any], name: str, view: View) -> dict[str, Any] | None:
    """The schema of a call in which a text is a clause of the newest request; None where that has none."""
    said = _said(view)
    clauses = Request(said[-1]).told() if said else ()
    if not clauses:
        return None
    return {**schema, "properties": {**schema["properties"], name: {"enum": list(clauses)}}}


def _planned(view: View) -> set[Handle]:
    """What the last plan names."""
    plans = [entry.rationale for entry in view.entries if isinstance(entry, Plan)]
    return {one for one in (plans[-1] if plans else ()) if isinstance(one, Handle)}


def _is_of(thing: Mapping[str, Any], takers: Collection[Handle]) -> bool:
    return any(_alone(value) in takers for value in thing.values())


def _said(view: View) -> list[str]:
    return [render(entry.text) for entry in view.entries if isinstance(entry, Instruction)]


def _alone(value: Any) -> Handle | None:
    """The handle that a value is."""
    parts = parts_of(value) if isinstance(value, str) else ()
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Handle) else None


def _handles(value: Any) -> set[Handle]:
    texts = (one for one in scalars(value) if isinstance(one, str))
    return {part for text in texts for part in parts_of(text) if isinstance(part, Handle)}


def _things(view: View) -> Iterator[dict[str, Any]]:
    """Every object in the results of a view."""
    for entry in view.entries:
        if not isinstance(entry, Observation):
            continue
        try:
            nodes = [json.loads(render(entry.content))]
        except (ValueError, RecursionError):  # a failure has none, or not JSON
            continue
        while nodes:
            node = nodes.pop()
            if isinstance(node, dict):
                yield node
                nodes += node.values()
            elif isinstance(node, list):
                nodes += node
