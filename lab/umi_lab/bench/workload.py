"""The workload: sessions of eight calls over the sample home, as real sessions lay them out for the roles.

Tools, policy, labels and handles are the real ones; planner and caller follow a script, so that every contender
gets the same eight prompts, whatever it writes itself. Sessions differ from the instruction on.
"""

import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import count
from pathlib import Path
from typing import Any

from umi_edge.caller import WrittenCall
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import default_policy
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.session.ports import CallerPort, CloudPort
from umi_edge.session.session import Session
from umi_edge.testing import ScriptedCaller
from umi_edge.tools import Catalogue
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home
from umi_shared.dialects import Dialect
from umi_shared.engine import ChatPrompt, JsonSchema, Prompt
from umi_shared.errors import ConfigError, MalformedError
from umi_shared.released import Released
from umi_shared.transcript import (
    AnswerDelta,
    Decision,
    Next,
    PlanEvent,
    RationaleDelta,
    SummarizeEvent,
    Usage,
    View,
)
from umi_shared.wire import plan_request

__all__ = [
    "CALLS",
    "RecordedSession",
    "ScriptedRoles",
    "Step",
    "call_schema",
    "instruction",
    "open_session",
    "peer_call",
    "record_session",
    "write",
]

CALLS = (
    ("contacts.search", "find the address of <person:1>", '{"name":"<person:1>"}'),
    ("mail.search", "find what <person:1> wrote", '{"query":"Neptune","sender":"<person:1>"}'),
    ("calendar.list", "see what is on 2026-06-02", '{"date":"2026-06-02"}'),
    ("notes.search", "find the note about the boiler", '{"query":"boiler"}'),
    ("notes.read", "read the note <note:1>", '{"id":"<note:1>"}'),
    (
        "calendar.create",
        "plan the boiler talk on 2026-06-02 at 15:00 in Room 2 with <email:1>",
        '{"title":"Boiler talk","date":"2026-06-02","time":"15:00","duration_minutes":30,'
        '"guests":["<email:1>"],"location":"Room 2"}',
    ),
    (
        "mail.send",
        "tell <email:1> of the boiler talk",
        '{"to":"<email:1>","subject":"Boiler talk","body":"Shall we meet on 2026-06-02 at 15:00 in Room 2?"}',
    ),
    (
        "notes.create",
        "keep what was agreed",
        '{"title":"Boiler talk","text":"Meeting on 2026-06-02 at 15:00 in Room 2."}',
    ),
)
"""Tool, purpose and arguments of each step."""
_TODAY = date(2026, 6, 1)
_PEOPLE = ("Paul Martin", "Ingrid Sørensen", "Karim Haddad", "Yuki Tanaka", "Tom Becker", "Lucas Petit")
_MOODS = ("", "please ", "would you kindly ", "as soon as you can, ", "when there is time, ", "today, ")


@dataclass(frozen=True, slots=True)
class Step:
    """What the caller is given at one step, and what the planner was sent before."""

    view: View = field(repr=False)
    schemas: Mapping[str, Mapping[str, Any]] = field(repr=False)
    message: bytes = field(repr=False)
    """The serialized request for this step's plan."""
    seen: View = field(repr=False)
    """The view in that request."""
    rationale: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """One session, step by step; in full it has eight."""

    steps: tuple[Step, ...]


@dataclass(slots=True)
class ScriptedRoles:
    """Plays the planner and the summarizer by the script, and keeps the views that it is shown."""

    views: list[Released[View]] = field(default_factory=list)

    async def plan(self, view: Released[View], request_id: str) -> AsyncIterator[PlanEvent]:
        del request_id
        self.views.append(view)
        if len(self.views) <= len(CALLS):
            tool, _, _ = CALLS[len(self.views) - 1]
            yield RationaleDelta(_rationale(len(self.views) - 1))
            yield Decision(Next.CALLER, tool)
        else:
            yield RationaleDelta("All is done.")
            yield Decision(Next.SUMMARIZER)
        yield Usage()

    async def summarize(self, view: Released[View], request_id: str) -> AsyncIterator[SummarizeEvent]:
        del view, request_id
        yield AnswerDelta("Done.")
        yield Usage()


def _rationale(number: int) -> str:
    tool, purpose, _ = CALLS[number]
    return f"To {purpose}, use {tool}."


async def record_session(number: int) -> RecordedSession:
    """Play one session; the same number gives the same session.

    Raises ConfigError when a step does not go as the script says: then tools or policy have changed.
    """
    roles, caller = ScriptedRoles(), ScriptedCaller([(tool, arguments) for tool, _, arguments in CALLS])
    with tempfile.TemporaryDirectory(prefix="umi-bench-") as folder:
        session = await open_session(Path(folder), roles, caller)
        await session.ask(instruction(number))
    wrong = [action.tool for action in session.record if action.result != "done"]
    if wrong or len(session.record) != len(CALLS):
        raise ConfigError(
            f"the benchmark's session does not go through: {wrong}",
            fix="adapt CALLS in umi_lab/bench/workload.py to the tools and the policy",
        )
    return RecordedSession(
        tuple(
            Step(
                view=caller.views[step],
                schemas=caller.schemas[step],
                message=plan_request(f"s{number}r{step}", seen, bucket_bytes=1024).SerializeToString(),
                seen=seen.payload,
                rationale=_rationale(step),
            )
            for step, seen in enumerate(roles.views[: len(CALLS)])
        )
    )


async def write(caller: CallerPort, step: Step) -> WrittenCall | None:
    """What the caller writes at a step; None where its tokens end before its call does."""
    try:
        return await caller.call(step.view, step.schemas)
    except MalformedError:
        return None


def instruction(number: int) -> str:
    """What a session is asked. It differs from the first word on, so that two sessions share no more than the tools."""
    person, mood = _PEOPLE[number % len(_PEOPLE)], _MOODS[number // len(_PEOPLE) % len(_MOODS)]
    return (
        f"Errand {number}: {mood}find what {person} wrote of Neptune, and meet {person} about the boiler "
        "on 2026-06-02 at 15:00 in Room 2."
    )


async def open_session(folder: Path, cloud: CloudPort, caller: CallerPort) -> Session:
    """A session over a sample home below a folder, with the policy that holds when there is none."""
    policy, numbers = default_policy(), count(1)
    catalogue = Catalogue(builtin_tools(make_sample_home(folder, _TODAY)))
    return Session(
        policy=policy,
        catalogue=catalogue,
        gazetteers=(await load_gazetteers(policy, catalogue)).values,
        caller=caller,
        connect=lambda _: cloud,
        consent=UnsafeApproveAll(),
        new_id=lambda: str(next(numbers)),
        now=lambda: datetime.combine(_TODAY, time(9), UTC),
    )


def peer_call(step: Step, dialect: Dialect, max_tokens: int, *, plain: bool = False) -> dict[str, Any]:
    """One call as peers are given it: the prompt as text and as chat turns, and the schema that umi's caller has.

    With `plain` the schema is that of the tools themselves, without handles, which suits some peers' grammars better.
    """
    prompt = dialect.call(step.view).prompt
    own = {card.name: card.input_schema for card in step.view.catalogue}
    return {
        "text": "" if isinstance(prompt, ChatPrompt) else prompt.text,
        "messages": chat_turns(prompt),
        "schema": call_schema(dialect, own if plain else step.schemas),
        "max_tokens": max_tokens,
    }


def call_schema(dialect: Dialect, schemas: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The JSON Schema of one call of these tools."""
    constraint = dialect.call_constraint(schemas)
    assert isinstance(constraint, JsonSchema)  # noqa: S101  # the call of both dialects is a JSON object
    return constraint.schema


def chat_turns(prompt: Prompt) -> list[dict[str, str]]:
    r"""A prompt as the turns of a chat; a transcript in ChatML is taken apart, without its open last turn.

    >>> from umi_shared.engine import RawPrompt
    >>> chat_turns(RawPrompt("<|im_start|>user\nHello<|im_end|>\n<|im_start|>caller\n"))
    [{'role': 'user', 'content': 'Hello'}]
    """
    if isinstance(prompt, ChatPrompt):
        return [{"role": message.role, "content": message.content} for message in prompt.messages]
    found = re.findall(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>\n", prompt.text, re.DOTALL)
    return [{"role": role, "content": content} for role, content in found]
