"""A source of tools: a place that they come from, and what came.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

from dataclasses import dataclass, field

from umi_edge.tools.tool import Tool
from umi_shared.errors import UmiError

__all__ = ["ToolSource", "WithheldTool"]


@dataclass(frozen=True, slots=True)
class WithheldTool:
    """One tool of a source that can't be offered; the others of its source are."""

    name: str = field(repr=False)
    because: str = field(repr=False)
    """In words that hold no value (I8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSource:
    """One place that tools come from, with its tools or its problem."""

    name: str
    """`builtin`, `operators`, `python:<module:name>` or `mcp:<server>`."""
    tools: tuple[Tool, ...] = ()
    withheld: tuple[WithheldTool, ...] = field(default=(), repr=False)
    problem: UmiError | None = field(default=None, repr=False)
    """Why there are no tools; its text is value-free (I8)."""
    disabled: bool = False
    required: bool = False
    """Whether no session starts without it."""
    prefix: str = ""
    """What the names of its tools begin with; known also for a server that gave no tools."""
