"""What a client is sent, made of released views and of nothing else.

Keeps I1: every text here is a constant, or stands in the view that `release` gave.

I1: docs/design.md#i1-release-only
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_shared.handles import render
from umi_shared.released import Released
from umi_shared.transcript import Observation, ToolCard, View

__all__ = ["OTHER_SESSION", "SESSION_ARGUMENT", "Offered", "called", "listed", "spelled", "wire_name"]

SESSION_ARGUMENT = "umi_session"
"""The argument, and the member of a result, that names the session where the protocol has none."""

OTHER_SESSION = "a handle in it is of a session that has ended, of another one, or of none"
_SESSION_SCHEMA = {
    "type": "string",
    "description": "The session that the handles are of, as an earlier result named it. Without it a new one begins.",
}
_ADVICE = {
    "declined": "nobody approved this call. The user is asked where `umi serve` runs, on its page: `umi open` on the "
    "laptop starts it and shows the page, and then such a call can be made again; after two noes, nobody is asked any "
    "more in this session. The policy can say that this tool is not confirmed (`umi policy explain --tool`)",
    "denied": "umi's policy on the laptop does not allow this call with these values. A handle whose type fits, from "
    "the user's own data, may be allowed; `umi policy explain --tool` on the laptop says what decides",
    "unknown-handle": f"{OTHER_SESSION}, and stands for nothing now: nothing was done with it. Look up again what you "
    "need, and copy the handles of that result as they are",
    "invalid-call": "the arguments are not a JSON object that umi can read",
    "stopped": "umi kept this result on the laptop, and this session has ended, its handles with it; a new one can "
    "begin. What stopped it stands in umi's own output there",
    "interrupted": "the call was interrupted; it may have been carried out in part",
}
"""What can be done about a failure, by its kind: constants, for the model that reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What a client is told of one tool beside its card."""

    name: str
    """Its name on the wire."""
    card: ToolCard
    input_schema: Mapping[str, Any] = field(repr=False)
    result_schema: Mapping[str, Any] = field(repr=False)
    annotations: Mapping[str, bool] = field(default_factory=dict)


def wire_name(tool: str) -> str:
    """A tool's name as the programs and models that people have take it: many refuse a dot.

    >>> wire_name("contacts.search")
    'contacts_search'
    """
    return tool.replace(".", "_")


def listed(tools: list[Offered], *, with_session: bool) -> dict[str, Any]:
    """The answer to `tools/list`."""
    return {"tools": [_tool(one, with_session=with_session) for one in tools]}


def _tool(one: Offered, *, with_session: bool) -> dict[str, Any]:
    schema = dict(one.input_schema)
    result: dict[str, Any] = {
        "type": "object",
        "properties": {"result": dict(one.result_schema)},
        "required": ["result"],
    }
    if with_session:
        schema["properties"] = {**schema.get("properties", {}), SESSION_ARGUMENT: _SESSION_SCHEMA}
        result["properties"][SESSION_ARGUMENT] = {"type": "string"}
    told: dict[str, Any] = {"name": one.name, "title": one.card.name}
    if one.card.description:
        told["description"] = render(one.card.description)
    told |= {"inputSchema": schema, "outputSchema": result}
    return told | ({"annotations": dict(one.annotations)} if one.annotations else {})


def called(view: Released[View], *, session: str = "") -> dict[str, Any]:
    """The answer to `tools/call`, of a view with the observation alone; `session` where the client is told it."""
    (observation,) = view.payload.entries
    if not isinstance(observation, Observation):
        raise TypeError("what a call came to is an observation")
    if observation.failure:
        said = render(observation.told)
        advice = _ADVICE.get(observation.failure, "")
        text = f"{said}. {advice[:1].upper()}{advice[1:]}." if advice else said
        if session:
            text += f" ({SESSION_ARGUMENT}: {session})"
        return {"content": [{"type": "text", "text": text}], "isError": True}
    structured: dict[str, Any] = {"result": _value(render(observation.content))}
    if observation.relations:
        structured["relations"] = [
            {"whole": str(one.whole), "part": str(one.part)} for one in observation.relations
        ]
    if session:
        structured[SESSION_ARGUMENT] = session
    # The same object twice: a client that shows one, and a model that reads the other, see the same handles.
    text = json.dumps(structured, ensure_ascii=False, separators=(",", ":"))
    return {"content": [{"type": "text", "text": text}], "structuredContent": structured, "isError": False}


def spelled(result: Mapping[str, Any]) -> bytes:
    """A result as the bytes that the guard looks at and the ledger has."""
    return json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode()


def _value(text: str) -> Any:
    """A released result, parsed. Members whose names are hidden alike are told apart by a number."""
    return json.loads(text, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    for name, value in pairs:
        free, number = name, numbers.get(name, 1)
        while free in members:
            number += 1
            free = f"{name} {number}"
        numbers[name] = number
        members[free] = value
    return members
