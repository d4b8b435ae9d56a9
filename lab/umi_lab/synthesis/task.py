"""A task, and the family that it is drawn from."""

from collections.abc import Callable
from dataclasses import dataclass, field

from umi_lab.synthesis.home import Home
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Script, ScriptContext

__all__ = ["Family", "Task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One request, and the script that carries it out; or several in a row."""

    instruction: str = field(repr=False)
    script: Callable[[ScriptContext], Script] = field(repr=False)
    facts: tuple[str, ...] = field(default=(), repr=False)
    """What the answer must contain, where it may be worded freely; empty where the oracle's words are expected."""
    home: Home | None = field(default=None, repr=False)
    """The home that it is asked in, where that is another than the drawn one."""
    then: tuple["Task", ...] = field(default=(), repr=False)
    """What is asked after it in the same session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of request."""

    name: str
    weight: float
    """How often it is drawn, relative to the other families."""
    tools: tuple[str, ...]
    """The built-in tools that it needs, in the order of use."""
    draw: Callable[[Draw, Home], Task]
    detours: tuple[str, ...] = ()
    """Tools that can stand in when one of `tools` fails."""
    held_out: bool = False
    """Whether training never sees it."""
