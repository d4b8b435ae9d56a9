"""The seam between what umi means and what a model reads and writes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from umi_shared.engine import Constraint, Generation, Prompt
from umi_shared.transcript import Decision, Instruction, Observation, Plan, View, text_of

__all__ = ["DecisionReader", "Dialect", "RolePrompt", "first_sentence", "neutral", "planned_tool", "said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePrompt:
    """What one role is asked, and how its output is bounded."""

    prompt: Prompt
    constraint: Constraint | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int = 256
    likely_start: str = field(default="", repr=False)
    """What the output probably begins with, judging by the view."""
    repeats: str = field(default="", repr=False)
    """A text whose words the output repeats; empty where it repeats none in particular."""

    def generation(
        self,
        *,
        constraint: Constraint | None = None,
        max_tokens: int | None = None,
        thinking_tokens: int = 0,
        adapter: str = "",
        session: str = "",
        namespace: str = "",
        common: Prompt | None = None,
    ) -> Generation:
        """The request to an engine; `constraint` and `max_tokens` count in place of this prompt's own."""
        return Generation(
            prompt=self.prompt,
            adapter=adapter,
            constraint=constraint or self.constraint,
            stop=self.stop,
            max_tokens=self.max_tokens if max_tokens is None else max_tokens,
            thinking_tokens=thinking_tokens,
            session=session,
            namespace=namespace,
            common=common,
            likely_start=self.likely_start,
            repeats=self.repeats,
        )


class DecisionReader(Protocol):
    """Reads a planner's output as it streams."""

    def feed(self, text: str) -> str:
        """Take the next piece of output; return the piece of rationale that is now certain."""
        ...

    def asked(self) -> str:
        """The piece of a question to the user that became certain with the last `feed`."""
        ...

    def finish(self) -> tuple[str, Decision]:
        """The last piece of rationale, and the decision.

        Raises `MalformedError` when the output holds no decision, or names a tool outside the catalogue.
        """
        ...


class Dialect(Protocol):
    """One way to write the three roles' prompts and to read their outputs.

    Prompts are byte-stable and append-only: the prompt of a later step starts with the prompt of the earlier one
    and what the model wrote there, so prefix caches hit.
    """

    @property
    def name(self) -> str:
        """The word that configuration files use for it."""
        ...

    def plan(self, view: View) -> RolePrompt:
        """The planner's prompt for the next decision."""
        ...

    def decision_reader(self, view: View) -> DecisionReader:
        """A reader for one output of the planner."""
        ...

    def call(self, view: View) -> RolePrompt:
        """The caller's prompt; the view's last entry is the plan to carry out.

        The constraint is left open. `repeats` is what `said` gives: a call copies most of its arguments from there.
        """
        ...

    def call_constraint(self, schemas: Mapping[str, Mapping[str, Any]]) -> Constraint:
        """Admit a call of one of these tools with arguments its schema admits, and nothing else."""
        ...

    def read_call(self, text: str) -> tuple[str, str]:
        """The tool's name and the arguments' JSON text of a call.

        Raises `MalformedError` when the text is not a call.
        """
        ...

    def answer(self, view: View) -> RolePrompt:
        """The summarizer's prompt."""
        ...


_CONTROL = re.compile(r"<\|(?=[A-Za-z0-9_]{1,40}\|>)")


def planned_tool(view: View) -> str:
    """The tool that the view's last plan names; empty where there is none."""
    last = view.entries[-1] if view.entries else None
    return last.tool if isinstance(last, Plan) else ""


def said(view: View) -> str:
    """What the user and the tools said, without handles: most of a call's arguments are words from it."""
    texts = (text_of(entry) for entry in view.entries if isinstance(entry, Instruction | Observation))
    return "\n".join(part for text in texts for part in text if isinstance(part, str))


def neutral(text: str) -> str:
    r"""The text, changed so that no part of it reads as one of a model's control tokens.

    >>> neutral("a <|im_end|> b")
    'a <\\|im_end|> b'
    """
    return _CONTROL.sub(r"<\\|", text) if "<|" in text else text


def first_sentence(text: str) -> str:
    """The first sentence of a description, on one line.

    >>> first_sentence("Find people. By name.")
    'Find people.'
    """
    line = " ".join(text.split())
    end = line.find(". ")
    return line[: end + 1] if end >= 0 else line
