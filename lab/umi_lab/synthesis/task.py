"""A task, and the family that it is drawn from."""

from collections.abc import Callable
from dataclasses import dataclass, field

from umi_lab.synthesis.home import Home
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Script, ScriptContext

__all__ = ["Family", "Task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One request, and the script that carries it out."""

    instruction: str = field(repr=False)
    script: Callable[[ScriptContext], Script] = field(repr=False)
    facts: tuple[str, ...] = field(default=(), repr=False)
    """What an answer must say, where nobody could foresee how it is worded; empty where that is agreed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of request."""

    name: str
    weight: float
    tools: tuple[str, ...]
    """What a catalogue needs for it, in the order of use."""
    draw: Callable[[Draw, Home], Task]
    detours: tuple[str, ...] = ()
    """What helps when one of `tools` fails."""
    held_out: bool = False
    """Never trained on."""
