r"""The compact dialect of umi's own adapters: one ChatML transcript, whose turns are the roles.

The three roles read the same text and differ in whose turn comes next. The planner says the purpose before the
tool ("To find the address of <person:1>, use contacts.search. Next: caller."): a model this small decides better
when it has said what for.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from umi_shared.dialects.dialect import RolePrompt, first_sentence, neutral, planned_tool, said
from umi_shared.engine import Constraint, JsonSchema, RawPrompt, Regex
from umi_shared.errors import MalformedError
from umi_shared.handles import render
from umi_shared.transcript import (
    Answer,
    Call,
    Decision,
    Entry,
    Instruction,
    Next,
    Observation,
    Plan,
    ToolCard,
    View,
)

__all__ = ["UmiDialect"]

END_OF_TURN = "<|im_end|>"
_MAX_RATIONALE = 240
_PURPOSE = r"([^,\n]|,[^ ,\n]|, [^u,\n]|, u[^s,\n]|, us[^e,\n]|, use[^ ,\n])"
"""One piece of text in which `, use ` never comes up: what follows that is a tool of the catalogue."""
_NOT_TO = r"([^T\n]|T[^o\n]|To[^ \n])"
"""How a rationale begins that ends the task: one that says what a step is for names a tool."""
_DECISION = re.compile(r"\s*Next: (caller|summarizer|give up)\.\s*$")


@dataclass(frozen=True, slots=True)
class UmiDialect:
    """The dialect of the adapters that umi ships."""

    name: str = "umi"

    def plan(self, view: View) -> RolePrompt:
        """The planner's turn: a purpose, a tool of the catalogue, and whose turn is next."""
        tools = "|".join(re.escape(card.name) for card in view.catalogue)
        step = rf"To {_PURPOSE}{{1,{_MAX_RATIONALE}}}, use ({tools})\. Next: caller\."
        end = rf"{_NOT_TO}[^\n]{{0,{_MAX_RATIONALE}}} Next: (summarizer|give up)\."
        pattern = f"({step}|{end})" if tools else end
        return self._turn(view, "planner", constraint=Regex(pattern), max_tokens=160)

    def decision_reader(self, view: View) -> "UmiDecisionReader":
        """A reader that knows the view's tools."""
        return UmiDecisionReader(frozenset(card.name for card in view.catalogue))

    def call(self, view: View) -> RolePrompt:
        """The caller's turn."""
        return replace(
            self._turn(view, "caller", max_tokens=512),
            likely_start=call_start(planned_tool(view)),
            repeats=said(view),
        )

    def call_constraint(self, schemas: Mapping[str, Mapping[str, Any]]) -> Constraint:
        """One JSON object: the tool, then its arguments."""
        return JsonSchema(call_object(schemas))

    def read_call(self, text: str) -> tuple[str, str]:
        """Read `{"tool": …, "arguments": {…}}`."""
        return read_call_object(text)

    def answer(self, view: View) -> RolePrompt:
        """The summarizer's turn."""
        return self._turn(view, "summarizer", max_tokens=320)

    def _turn(
        self, view: View, role: str, *, constraint: Constraint | None = None, max_tokens: int
    ) -> RolePrompt:
        return RolePrompt(
            prompt=RawPrompt(transcript(view) + turn_start(role)),
            constraint=constraint,
            stop=(END_OF_TURN,),
            max_tokens=max_tokens,
        )


def transcript(view: View) -> str:
    """The view as ChatML text: the tools, then a turn an entry."""
    tools = "\n".join(map(signature, view.catalogue))
    return _turn("system", f"Tools:\n{tools}") + "".join(_turn(*turn_of(entry)) for entry in view.entries)


def turn_start(role: str) -> str:
    """What stands before a turn's content."""
    return f"<|im_start|>{role}\n"


def _turn(role: str, content: str) -> str:
    return f"{turn_start(role)}{neutral(content)}{END_OF_TURN}\n"


def signature(card: ToolCard) -> str:
    """One line for a tool: its name, its arguments (optional ones marked), its purpose.

    >>> signature(ToolCard(name="mail.read", description=("Read a mail.",),
    ...     input_schema={"properties": {"id": {}, "part": {}}, "required": ["id"]}))
    'mail.read(id, part?): Read a mail.'
    """
    properties = card.input_schema.get("properties", {})
    required = card.input_schema.get("required", ())
    arguments = ", ".join(name if name in required else f"{name}?" for name in properties)
    return f"{card.name}({arguments}): {first_sentence(render(card.description))}"


def turn_of(entry: Entry) -> tuple[str, str]:
    """The role and the content of an entry's turn."""
    match entry:
        case Instruction(text):
            return "user", render(text)
        case Plan():
            return "planner", f"{render(entry.rationale)} Next: {entry.next}."
        case Call():
            return "caller", f'{{"tool":{json.dumps(entry.tool)},"arguments":{render(entry.arguments)}}}'
        case Observation():
            return "tool", render(entry.told)
        case Answer(text):
            return "summarizer", render(text)


@dataclass(slots=True)
class UmiDecisionReader:
    """Reads `… use TOOL. Next: caller.`; holds back what may be the start of the last sentence."""

    tools: frozenset[str]
    _text: str = field(default="", repr=False)
    _given: int = 0

    def feed(self, text: str) -> str:
        """Take output; give the rationale that can no longer be part of the decision."""
        self._text += text
        start = self._text.rfind(" Next:")
        certain = start if start >= 0 else len(self._text) - len(" Next:")
        piece = self._text[self._given : certain] if certain > self._given else ""
        self._given += len(piece)
        return piece

    def finish(self) -> tuple[str, Decision]:
        """The rest of the rationale, and the decision."""
        match = _DECISION.search(self._text)
        if match is None:
            raise MalformedError("the planner's output ends without saying whose turn is next")
        rest = self._text[self._given : match.start()]
        next_ = Next(match[1])
        return rest, Decision(next_, self._tool(self._text[: match.start()]) if next_ is Next.CALLER else "")

    def _tool(self, rationale: str) -> str:
        named: list[str] = re.findall(r"\buse (\S+?)\.?$", rationale.rstrip())
        if named and named[-1] not in self.tools:
            raise MalformedError("the planner names a tool that is not in the catalogue")
        return named[-1] if named else ""


def call_object(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The JSON Schema of `{"tool": …, "arguments": {…}}` over these tools; `$defs` must be free of clashes."""
    definitions: dict[str, Any] = {}
    alternatives = []
    for name, schema in schemas.items():
        definitions |= schema.get("$defs", {})
        arguments = {key: value for key, value in schema.items() if key != "$defs"}
        alternatives.append(
            {
                "type": "object",
                "properties": {"tool": {"const": name}, "arguments": arguments},
                "required": ["tool", "arguments"],
                "additionalProperties": False,
            }
        )
    return {"anyOf": alternatives, **({"$defs": definitions} if definitions else {})}


def call_start(tool: str) -> str:
    """How a call of a tool begins, up to its first argument; empty for no tool.

    >>> call_start("notes.read")
    '{"tool":"notes.read","arguments":{"'
    """
    return f'{{"tool":{json.dumps(tool)},"arguments":{{"' if tool else ""


def read_call_object(text: str) -> tuple[str, str]:
    """Read `{"tool": …, "arguments": {…}}` into the tool's name and the arguments' compact JSON text."""
    try:
        call = json.loads(text)
        tool, arguments = call["tool"], call["arguments"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedError("the caller's output is not a call") from error
    if not isinstance(tool, str) or not isinstance(arguments, dict):
        raise MalformedError("the caller's output is not a call")
    return tool, json.dumps(arguments, separators=(",", ":"), ensure_ascii=False)
