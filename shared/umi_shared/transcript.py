"""The transcript as one sink sees it: a catalogue of tools and the entries of a session, in clear text and handles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from umi_shared.handles import Handle, Text

__all__ = [
    "Answer",
    "Call",
    "Clock",
    "Decision",
    "DraftUse",
    "Entry",
    "Instruction",
    "Next",
    "Observation",
    "Plan",
    "PlanEvent",
    "QuestionDelta",
    "RationaleDelta",
    "Relation",
    "SummarizeEvent",
    "AnswerDelta",
    "ToolCard",
    "Usage",
    "View",
    "text_of",
    "with_text",
]


class Next(StrEnum):
    """Whose turn the planner says it is (α-UMi's `Next: caller / conclusion / give up`, and one more)."""

    CALLER = "caller"
    SUMMARIZER = "summarizer"
    GIVE_UP = "give up"
    ASK_USER = "ask user"


class DraftUse(StrEnum):
    """What became of the draft that a call's plan carried."""

    NONE = ""
    """There was none, or nothing of it may be told."""
    KEPT = "kept"
    """The call is the draft, word for word."""
    CHANGED = "changed"
    """The device did not keep all of it, or filled a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCard:
    """What a model is told about a tool."""

    name: str
    description: Text
    input_schema: Mapping[str, Any]
    """JSON Schema 2020-12 of the arguments; always an object."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """What the user asked for."""

    text: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class Clock:
    """What day it is where the user is, and the time and the zone where the policy lets them out."""

    text: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision of the planner."""

    rationale: Text = field(repr=False)
    next: Next
    tool: str = ""
    """The tool the planner named; empty when it named none."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as the caller wrote it: a tool and its arguments as compact JSON text."""

    tool: str
    arguments: Text = field(repr=False)
    draft: DraftUse = DraftUse.NONE


class Relation(NamedTuple):
    """The text that `whole` stands for holds the text that `part` stands for, as whole words."""

    whole: Handle
    part: Handle


@dataclass(frozen=True, slots=True)
class Observation:
    """The outcome of a call: a result as compact JSON, or a failure's kind and what the policy lets out of its message.

    >>> Observation("contacts.find", ('"nobody of that name"',), "not-found").told
    ('failed: not-found: ', '"nobody of that name"')
    """

    tool: str
    content: Text = field(repr=False)
    failure: str = ""
    """Empty for a success; for a failure its kind, one of the program's own words, such as `unavailable`."""
    relations: tuple[Relation, ...] = field(default=(), repr=False)
    """What the policy tells of the handles in it."""

    @property
    def told(self) -> Text:
        """The observation as prompts say it."""
        if not self.failure:
            return self.content
        return (f"failed: {self.failure}: ", *self.content) if self.content else (f"failed: {self.failure}",)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the summarizer told the user."""

    text: Text = field(repr=False)


Entry = Clock | Instruction | Plan | Call | Observation | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that one sink may see of a session, in order; append-only from step to step, so prefix caches hit."""

    catalogue: tuple[ToolCard, ...]
    entries: tuple[Entry, ...] = field(repr=False)
    may_ask: bool = False
    """Whether the planner may ask the user something now."""

    def handles(self) -> frozenset[Handle]:
        """Every handle that the view shows."""
        return frozenset(part for text in self.texts() for part in text if isinstance(part, Handle))

    def texts(self) -> tuple[Text, ...]:
        """Every text of the view, in order."""
        return tuple(card.description for card in self.catalogue) + tuple(map(text_of, self.entries))


def text_of(entry: Entry) -> Text:
    """The text that an entry carries."""
    match entry:
        case Clock(text) | Instruction(text) | Answer(text):
            return text
        case Plan():
            return entry.rationale
        case Call():
            return entry.arguments
        case Observation():
            return entry.content


def with_text(entry: Entry, text: Text) -> Entry:
    """The same entry with another text."""
    match entry:
        case Clock():
            return Clock(text)
        case Instruction():
            return Instruction(text)
        case Answer():
            return Answer(text)
        case Plan():
            return Plan(text, entry.next, entry.tool)
        case Call():
            return Call(entry.tool, text, entry.draft)
        case Observation():
            return Observation(entry.tool, text, entry.failure, entry.relations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one generation."""

    prompt_tokens: int = 0
    """Tokens of the prompt, including the cached ones."""
    cached_tokens: int = 0
    """Tokens of the prompt that came from a cache. No message tells it: 0 in a usage that a server has sent."""
    completion_tokens: int = 0
    """Tokens that the model wrote."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class RationaleDelta:
    """The next piece of the planner's rationale."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """The planner has decided."""

    next: Next
    tool: str = ""
    draft: str = field(default="", repr=False)
    """JSON text of the arguments as the planner would have them, or of some of them; empty where it has none."""


@dataclass(frozen=True, slots=True)
class QuestionDelta:
    """The next piece of the planner's question to the user."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """The next piece of the summarizer's answer."""

    text: str = field(repr=False)


PlanEvent = RationaleDelta | QuestionDelta | Decision | Usage
"""A plan streams deltas of its rationale, of a question where it has one, then one decision, then one usage."""

SummarizeEvent = AnswerDelta | Usage
"""A summary streams deltas, then one usage."""
