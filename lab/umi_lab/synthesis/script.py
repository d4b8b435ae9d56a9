"""A script: what an ideal planner, caller and summarizer do for one task, step by step.

A script sees what the planner sees and nothing else: the instruction and the observations with handles in place
of what stays. So whatever it writes can be learned from the prompt.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from umi_shared.errors import UmiError
from umi_shared.handles import render
from umi_shared.transcript import Observation

__all__ = ["Done", "Ended", "GiveUp", "Script", "ScriptContext", "ToolResult", "UnseenError", "Use"]


@dataclass(frozen=True, slots=True)
class Use:
    """The next call: a tool by its canonical name, what for, and the arguments under their canonical names."""

    tool: str
    purpose: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do: why, and what the user is told."""

    because: str
    answer: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The task cannot be done; the reason is all that the user is told."""

    reason: str


class UnseenError(UmiError):
    """The planner cannot see a piece of the instruction as the script needs it; the episode is dropped."""


class Ended(Exception):  # noqa: N818  # not a fault: a step that scripts share has ended the script
    """Raised by a step that several scripts share, to end the script that runs it."""

    def __init__(self, end: Done | GiveUp) -> None:
        super().__init__("the script has ended")
        self.end = end


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call, as the planner sees it."""

    value: Any
    """The result as JSON, with handles in place of what stays; None for a failure."""
    failure: str = ""
    """The kind of failure; empty for a result."""

    @classmethod
    def of(cls, observation: Observation) -> "ToolResult":
        """Read an observation of a view."""
        if observation.failure:
            return cls(None, observation.failure)
        return cls(json.loads(render(observation.content)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptContext:
    """What a script may know when the session runs."""

    tools: frozenset[str]
    """Canonical names of the tools that the catalogue has."""
    seen: Callable[[str], str]
    """A piece of the instruction as the planner sees it: with handles in place of private spans."""
    refusal: Callable[[str], str] = "No tool here can {}.".format
    """A sentence that says that no tool here can do something."""


Script = Generator[Use, ToolResult, Done | GiveUp]
"""A generator that yields calls, is sent their results, and returns how it ends, or raises `Ended`."""
