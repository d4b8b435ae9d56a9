r"""The compact dialect of umi's own adapters: one ChatML transcript, whose turns are the roles.

The three roles read the same text and differ in whose turn comes next. The planner says the purpose before the
tool ("To find the address of <person:1>, use contacts.search. Next: caller."): a model this small decides better
when it has stated the purpose first.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import partial

from umi_shared.dialects.dialect import RolePrompt, first_sentence, neutral, planned_tool, said
from umi_shared.dialects.json_call import JsonCall, call_start
from umi_shared.dialects.next_sentence import NextSentenceReader
from umi_shared.engine import Constraint, RawPrompt, Regex
from umi_shared.errors import MalformedError
from umi_shared.handles import render
from umi_shared.transcript import (
    Answer,
    Call,
    Clock,
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
_DECISION_TOKENS = _MAX_RATIONALE + 80
"""Enough for the longest rationale with its tool, where a token is a character at least: the constraint ends each."""
_PURPOSE = r"([^,\n]|,[^ ,\n]|, [^u,\n]|, u[^s,\n]|, us[^e,\n]|, use[^ ,\n])"
"""A piece of a purpose. Pieces in a row never contain `, use `, since a tool of the catalogue must follow it."""
_NOT_TO = r"([^T\n]|T[^o\n]|To[^ \n])"
"""The beginning of a rationale that ends the task: anything but `To `, which begins a step and its tool, or says what a
tool would be needed for."""
_DECISION = re.compile(r"\s*Next: (caller|summarizer|give up)\.\s*$")


@dataclass(frozen=True, slots=True)
class UmiDialect(JsonCall):
    """The dialect of the adapters that umi ships."""

    name: str = "umi"

    def plan(self, view: View) -> RolePrompt:
        """The planner's turn: a purpose, a tool of the catalogue, and whose turn is next."""
        tools = "|".join(re.escape(card.name) for card in view.catalogue)
        step = rf"To {_PURPOSE}{{1,{_MAX_RATIONALE}}}, use ({tools})\. Next: caller\."
        end = rf"{_NOT_TO}[^\n]{{0,{_MAX_RATIONALE}}} Next: (summarizer|give up)\."
        refusal = rf"To {_PURPOSE}{{1,{_MAX_RATIONALE}}}\. Next: give up\."
        pattern = f"({step}|{end}|{refusal})" if tools else f"({end}|{refusal})"
        return self._turn(view, "planner", constraint=Regex(pattern), max_tokens=_DECISION_TOKENS)

    def decision_reader(self, view: View) -> NextSentenceReader:
        """A reader that knows the view's tools."""
        tools = frozenset(card.name for card in view.catalogue)
        return NextSentenceReader(_DECISION, partial(_decision, tools))

    def call(self, view: View) -> RolePrompt:
        """The caller's turn."""
        return replace(
            self._turn(view, "caller", max_tokens=512),
            likely_start=call_start(planned_tool(view)),
            repeats=said(view),
        )

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
    """The view as ChatML text: the tools, then one turn for each entry."""
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
        case Clock(text):
            return "clock", render(text)
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


def _decision(tools: frozenset[str], word: str, rationale: str) -> Decision:
    if word != Next.CALLER:
        return Decision(Next(word))
    named: list[str] = re.findall(r"\buse (\S+?)\.?$", rationale.rstrip())
    if named and named[-1] not in tools:
        raise MalformedError("the planner names a tool that is not in the catalogue")
    return Decision(Next.CALLER, named[-1] if named else "")
