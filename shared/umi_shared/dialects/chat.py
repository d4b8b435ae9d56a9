"""The dialect for any instruct model: its own chat template, and structured output for the decision."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from umi_shared.dialects.dialect import RolePrompt, planned_tool, said
from umi_shared.dialects.json_call import JsonCall, call_start
from umi_shared.dialects.json_prefix import StringField
from umi_shared.engine import ChatPrompt, JsonSchema, Message
from umi_shared.errors import MalformedError
from umi_shared.handles import render
from umi_shared.transcript import (
    Answer,
    Call,
    Clock,
    Decision,
    DraftUse,
    Entry,
    Instruction,
    Next,
    Observation,
    Plan,
    View,
)
from umi_shared.well_formed import well_formed

__all__ = ["ChatDialect"]

_HANDLES = (
    "Private values are written as handles such as <email:1>; a handle stands for a real value that you "
    "cannot see. Use handles exactly as they are written and never invent one."
)
_PLANNER = (
    "You are the planner of an assistant. You decide the next step; a caller then writes the tool call, and a "
    "summarizer writes the final answer. " + _HANDLES + "\n"
    "Answer with JSON: rationale (one or two sentences on what to do next and why; the user reads it where you give "
    "up), next (caller to call a tool, summarizer when everything asked for is done or found, give up when no tool "
    "can help), and when next is caller the tool and its arguments, as far as you know them. Handles may stand in "
    "arguments, alone or inside a text. Write days and times in the user's own words, or as a result says them: they "
    "are worked out on the user's device; what is moved by a length of time gets the day or time that comes of it. "
    "The caller fills what you leave out. When a tool failed, try another that could do the same. Never plan a call "
    "twice that has already succeeded.\n"
)
_ASKING = (
    "When only the user can tell what is missing, next is ask user, with your question to them: one question, at most "
    "twice in a conversation. What you can find or decide yourself you do not ask.\n"
)
_CALLER = (
    "You are the caller of an assistant. You carry out the plan with one tool call, as JSON: tool and "
    "arguments. " + _HANDLES + "\nTools:\n"
)
_SUMMARIZER = (
    "You are the summarizer of an assistant. Answer the user's request in a few sentences, from the results "
    "below and from nothing else. Say plainly what failed. " + _HANDLES
)


_ASKS = re.compile(r'"next"\s*:\s*"ask user"')


@dataclass(frozen=True, slots=True)
class ChatDialect(JsonCall):
    """Prompts as chat turns; decisions and calls as JSON objects."""

    name: str = "chat"

    def plan(self, view: View) -> RolePrompt:
        """The planner's turn, under a JSON Schema that names the catalogue's tools."""
        system = _PLANNER + (_ASKING if _asking(view) else "") + "Tools:\n" + _tools(view)
        messages = [Message("system", system), *_merged(_for_planner(view.entries))]
        tools = [card.name for card in view.catalogue]
        return RolePrompt(
            prompt=ChatPrompt(tuple(messages)),
            constraint=JsonSchema(_decision_schema(tools, may_ask=view.may_ask)),
            max_tokens=1024,
        )

    def decision_reader(self, view: View) -> "ChatDecisionReader":
        """A reader that knows the view's tools."""
        return ChatDecisionReader(frozenset(card.name for card in view.catalogue), view.may_ask)

    def call(self, view: View) -> RolePrompt:
        """The caller's turn."""
        messages = [Message("system", _CALLER + _tools(view)), *_merged(map(_for_caller, view.entries))]
        return RolePrompt(
            prompt=ChatPrompt(tuple(messages)),
            max_tokens=512,
            likely_start=call_start(planned_tool(view)),
            repeats=said(view),
        )

    def answer(self, view: View) -> RolePrompt:
        """The summarizer's turn; free text."""
        turns = [Message("user", content) for _, content in _for_planner(view.entries)]
        ask = Message("user", "Now write the answer.")
        return RolePrompt(
            prompt=ChatPrompt((Message("system", _SUMMARIZER), *_merged(_pairs([*turns, ask])))),
            max_tokens=512,
        )


def _tools(view: View) -> str:
    return "\n".join(
        json.dumps(
            {"name": card.name, "description": render(card.description), "parameters": card.input_schema},
            ensure_ascii=False,
        )
        for card in view.catalogue
    )


def _asking(view: View) -> bool:
    """Whether questions are spoken of: also once they are used up, so that the prompt only grows at its end."""
    return view.may_ask or any(isinstance(one, Plan) and one.next is Next.ASK_USER for one in view.entries)


def _decision_schema(tools: list[str], *, may_ask: bool) -> dict[str, Any]:
    rationale = {"type": "string", "minLength": 1, "maxLength": 400}
    ends = {
        "type": "object",
        "properties": {"rationale": rationale, "next": {"enum": ["summarizer", "give up"]}},
        "required": ["rationale", "next"],
        "additionalProperties": False,
    }
    question = {
        "type": "object",
        "properties": {
            "rationale": rationale,
            "next": {"const": "ask user"},
            "question": {"type": "string", "minLength": 1, "maxLength": 400},
        },
        "required": ["rationale", "next", "question"],
        "additionalProperties": False,
    }
    others = [ends, question] if may_ask else [ends]
    if not tools:
        return {"anyOf": others} if may_ask else ends
    step = {
        "type": "object",
        "properties": {
            "rationale": rationale,
            "next": {"const": "caller"},
            "tool": {"enum": tools},
            "arguments": {"type": "object"},
        },
        "required": ["rationale", "next", "tool"],
        "additionalProperties": False,
    }
    return {"anyOf": [step, *others]}


def _for_planner(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """The turns; a plan and the call that is its draft are one, as the planner wrote them."""
    before: Entry | None = None
    for entry, following in zip_longest(entries, entries[1:]):
        asks = isinstance(before, Plan) and before.next is Next.ASK_USER
        match entry:
            case Plan():
                yield "assistant", _decision(entry, following)
            case Call(draft=DraftUse.KEPT):
                pass
            case Answer() if asks:
                pass
            case Call():
                changed = ", changed from the draft" if entry.draft is DraftUse.CHANGED else ""
                yield "user", f"Call{changed}: {entry.tool} {render(entry.arguments)}"
            case _:
                yield _shared_turn(entry)
        before = entry


def _decision(plan: Plan, then: Entry | None) -> str:
    """A plan as the planner wrote it, with its question, or with its draft where that became the call."""
    decision = {"rationale": render(plan.rationale), "next": str(plan.next)}
    if plan.tool:
        decision["tool"] = plan.tool
    if plan.next is Next.ASK_USER and isinstance(then, Answer):
        decision["question"] = render(then.text)
    text = json.dumps(decision, separators=(",", ":"), ensure_ascii=False)
    if isinstance(then, Call) and then.draft is DraftUse.KEPT:
        return f'{text[:-1]},"arguments":{render(then.arguments)}}}'
    return text


def _for_caller(entry: Entry) -> tuple[str, str]:
    match entry:
        case Plan():
            return "user", f"Plan: {render(entry.rationale)}" + (f" Tool: {entry.tool}" if entry.tool else "")
        case Call():
            return "assistant", f'{{"tool":{json.dumps(entry.tool)},"arguments":{render(entry.arguments)}}}'
        case _:
            return _shared_turn(entry)


def _shared_turn(entry: Entry) -> tuple[str, str]:
    match entry:
        case Clock(text):
            return "user", f"Now: {render(text)}"
        case Instruction(text):
            return "user", f"Request: {render(text)}"
        case Observation():
            return "user", f"Result of {entry.tool}: {render(entry.told)}{_related(entry)}"
        case Answer(text):
            return "assistant", render(text)
        case Plan() | Call():
            raise AssertionError("plans and calls are written by their roles")


def _related(entry: Observation) -> str:
    """What is known of the handles of a result, as the device tells it."""
    return "".join(f"\n{one.whole} is a longer form of {one.part}." for one in entry.relations)


def _pairs(messages: Iterable[Message]) -> Iterable[tuple[str, str]]:
    return ((message.role, message.content) for message in messages)


def _merged(turns: Iterable[tuple[str, str]]) -> list[Message]:
    """Turns with neighbours of one role merged: many chat templates demand that roles alternate."""
    messages: list[Message] = []
    for role, content in turns:
        if messages and messages[-1].role == role:
            messages[-1] = Message(role, f"{messages[-1].content}\n{content}")
        else:
            messages.append(Message(role, content))
    return messages


@dataclass(slots=True)
class ChatDecisionReader:
    """Reads `{"rationale": …, "next": …, "tool": …}` and streams the rationale out of the open JSON string."""

    tools: frozenset[str]
    may_ask: bool = False
    _text: str = field(default="", repr=False)
    _rationale: StringField = field(default_factory=lambda: StringField("rationale"), repr=False)
    _begun: bool = field(default=False, repr=False)
    _question: StringField | None = field(default=None, repr=False)
    _asked: str = field(default="", repr=False)

    def feed(self, text: str) -> str:
        """Take output; return the piece of the rationale that it completes."""
        self._text += text
        if not self._begun:
            # A model that thinks aloud may show only where that ends: nothing is said before the object begins.
            _, _, after = self._text.rpartition("</think>")
            if not after.lstrip().startswith("{"):
                return ""
            self._text = text = after.lstrip()
            self._begun = True
        if self._question is not None:
            self._asked = self._question.feed(text)
        elif self.may_ask and _ASKS.search(self._text):  # not before: a tool's argument may be called so, too
            self._question = StringField("question")
            self._asked = self._question.feed(self._text)
        return self._rationale.feed(text)

    def asked(self) -> str:
        """The piece of the question that came with the last output."""
        piece, self._asked = self._asked, ""
        return piece

    def finish(self) -> tuple[str, Decision]:
        """No rest of the rationale, since `feed` gave it all, and the decision.

        Raises `MalformedError` when the output is not a decision, or names a tool outside the catalogue.
        """
        try:
            decision = json.loads(self._text)
            next_, tool, draft = Next(decision["next"]), decision.get("tool", ""), decision.get("arguments")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise MalformedError("the planner's output is not a decision") from error
        if next_ is Next.ASK_USER and (self._question is None or not decision.get("question")):
            raise MalformedError("the planner asks the user nothing, or may not ask")
        if next_ is not Next.CALLER:
            return "", Decision(next_)
        if tool not in self.tools:
            raise MalformedError("the planner names a tool that is not in the catalogue")
        return "", Decision(next_, tool, _draft(draft))


def _draft(arguments: object) -> str:
    """The draft as compact JSON; what is no object is none, and the caller writes all."""
    if not isinstance(arguments, dict):
        return ""
    return well_formed(json.dumps(arguments, separators=(",", ":"), ensure_ascii=False))
