"""What a proof says: its theorems, with counterexamples, and what it takes for granted."""

from dataclasses import dataclass, field
from typing import Any

from umi_shared.labels import Sink

__all__ = ["Assumption", "Counterexample", "Findings", "Proof", "Theorem"]

_MAX_SHOWN = 20
"""Counterexamples of one theorem; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A way in which something reaches a sink that it must not reach."""

    tool: str
    path: str
    sink: Sink
    rule_id: str
    """The rule that lets it, with file and line."""
    message: str
    example: Any
    """A smallest value, made of the schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theorem:
    """One statement, in how many cases it was looked at, and where it is wrong."""

    statement: str
    rule_id: str = ""
    """Where the claim is stated; empty for a claim that every policy must keep."""
    cases: int = 0
    counterexamples: tuple[Counterexample, ...] = ()
    more: int = 0
    """Further counterexamples, most of them other places of the same rules."""

    @property
    def holds(self) -> bool:
        """Whether it is proven; a claim about nothing is not."""
        return self.cases > 0 and not self.counterexamples


@dataclass(frozen=True, slots=True)
class Assumption:
    """What is taken for granted, and would make a proof worthless if it were wrong."""

    tool: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All that was looked at."""

    theorems: tuple[Theorem, ...]
    assumptions: tuple[Assumption, ...]
    tools: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all theorems do; about no tool at all, nothing is proven."""
        return bool(self.tools) and all(theorem.holds for theorem in self.theorems)


@dataclass(slots=True)
class Findings:
    """Collects what is found of one theorem."""

    cases: int = 0
    more: int = 0
    counterexamples: dict[tuple[str, str, Sink], Counterexample] = field(default_factory=dict)

    def add(self, found: Counterexample) -> None:
        """Note one; of those that one rule lets to one sink, the first met has the shortest path."""
        first = self.counterexamples.setdefault((found.tool, found.rule_id, found.sink), found)
        self.more += first is not found

    def theorem(self, statement: str, rule_id: str = "") -> Theorem:
        """The theorem, with what was found against it."""
        found = tuple(self.counterexamples.values())
        return Theorem(
            statement=statement,
            rule_id=rule_id,
            cases=self.cases,
            counterexamples=found[:_MAX_SHOWN],
            more=self.more + max(0, len(found) - _MAX_SHOWN),
        )
