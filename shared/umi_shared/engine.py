"""The seam to whatever runs a model: a prompt goes in, a stream of text comes out."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from umi_shared.transcript import Usage

__all__ = [
    "ChatPrompt",
    "Chunk",
    "Constraint",
    "Delta",
    "Engine",
    "Finish",
    "Finished",
    "Generation",
    "JsonSchema",
    "Lark",
    "Message",
    "Prompt",
    "RawPrompt",
    "Regex",
]


@dataclass(frozen=True, slots=True)
class RawPrompt:
    """Text with the model's control tokens, as a dialect writes them; text from elsewhere can write none."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat; `role` is system, user, assistant or tool."""

    role: str
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Turns that the model's own chat template renders; the engine neutralises control tokens in their contents."""

    messages: tuple[Message, ...]


Prompt = RawPrompt | ChatPrompt


@dataclass(frozen=True, slots=True)
class Regex:
    """The whole output matches this pattern (the common subset of Rust's and Python's regular expressions)."""

    pattern: str


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The whole output is compact JSON (no spaces between tokens) that the schema admits."""

    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lark:
    """The whole output matches this llguidance grammar (Lark syntax with `%json`); llama.cpp engines only."""

    grammar: str


Constraint = Regex | JsonSchema | Lark


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One request to an engine; decoding is greedy, so the same request gives the same text."""

    prompt: Prompt
    adapter: str = ""
    """The LoRA adapter's name; empty for the base model."""
    constraint: Constraint | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int = 256
    """The most tokens of output."""
    thinking_tokens: int = 0
    """The most tokens that a reasoning model may think beforehand, which are no output; 0: it is told not to think.

    Engines that run the model in this process let none think.
    """
    session: str = ""
    """The session's id; an engine that has cache slots gives a session the same slot again."""
    namespace: str = field(default="", repr=False)
    """Whose cache this is: an engine reuses what it has read for generations of the same namespace only.

    All generations without one share: that is for programs whose prompts are all of one party.
    """
    common: Prompt | None = field(default=None, repr=False)
    """A prompt of which any beginning of `prompt` may be shared between namespaces: those that both sides call common.

    None shares nothing. An engine that cannot share a part of a prompt ignores this.
    """
    likely_start: str = field(default="", repr=False)
    """What the output probably begins with. An engine may check it in one pass of the model; it is never forced."""
    repeats: str = field(default="", repr=False)
    """A text whose words the strings of a JSON output repeat.

    Engines on llama.cpp make a word that begins like one of them likelier to become it (docs/adr/0010); others ignore
    this.
    """


class Finish(StrEnum):
    """Why a generation ended."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of text; it never ends within a character."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """The last chunk of a stream."""

    finish: Finish
    usage: Usage


Chunk = Delta | Finished


class Engine(Protocol):
    """What runs a model.

    `generate` is an async generator. Closing it, or cancelling the task that iterates it, stops the work in the
    model, not only the stream. Raises `ModelError` when the prompt does not fit the context or the adapter is
    unknown, `LimitError` when the engine is full.
    """

    def generate(self, generation: Generation) -> AsyncGenerator[Chunk, None]:
        """Stream the text of one generation, then `Finished`."""
        ...

    async def close(self) -> None:
        """Free the model; generations under way end with an error."""
        ...
