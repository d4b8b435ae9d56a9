"""Tool selection: which tools of a large catalogue the caller reads, so that a prompt with hundreds fits and is quick.

No tool becomes unreachable by it: the one that a plan names is always read, and where a plan names none, the call's
grammar admits every tool (docs/adr/0006).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from umi_edge.caller.ranking import Ranking
from umi_shared.handles import render
from umi_shared.transcript import Call, Entry, Instruction, Next, Plan, ToolCard, View

__all__ = ["ToolSelection"]

_FOR_INSTRUCTION = 12
_FOR_PLAN = 4


@dataclass(frozen=True, slots=True)
class ToolSelection:
    """One catalogue, what its cards cost in a prompt, and what they may cost together."""

    catalogue: tuple[ToolCard, ...] = field(repr=False)
    costs: Mapping[str, int] = field(repr=False)
    """Tokens of each card, by the tool's name."""
    budget: int
    ranking: Ranking

    @classmethod
    def of(cls, catalogue: tuple[ToolCard, ...], costs: Mapping[str, int], budget: int) -> Self:
        """Count the catalogue's words, once."""
        return cls(catalogue, costs, budget, Ranking.of(catalogue))

    @property
    def whole(self) -> bool:
        """Whether the catalogue fits as it is; then nothing is left out."""
        return sum(self.costs.values()) <= self.budget

    def of_view(self, view: View) -> View:
        """The view with the tools that its own entries ask for, in the order in which they came to be asked for.

        A function of the view alone. A later step's catalogue begins with the earlier one's, so that prompts
        mostly grow at their end; a tool that is new, or room that is needed, costs reading the transcript again.
        """
        if self.whole:
            return view
        chosen: list[str] = []
        for entry in view.entries:
            chosen = self._with(chosen, self._wanted(entry))
        cards = {card.name: card for card in view.catalogue}
        return View(catalogue=tuple(cards[name] for name in chosen), entries=view.entries)

    def _wanted(self, entry: Entry) -> list[str]:
        match entry:
            case Instruction(text):
                return self.ranking.best(render(text), _FOR_INSTRUCTION)
            case Plan(_, Next.CALLER, "") as plan:
                return self.ranking.best(render(plan.rationale), _FOR_PLAN)
            case Plan(_, Next.CALLER, tool) | Call(tool, _):
                return [tool] if tool in self.costs else []
        return []

    def _with(self, chosen: list[str], wanted: list[str]) -> list[str]:
        """The tools chosen so far and those wanted now; where room is short, the oldest that nobody wants go.

        The first that is wanted is in whatever it costs: the plan names it.
        """
        room, now = self.budget, set[str]()
        for name in wanted:
            if not now or self.costs[name] <= room:
                now.add(name)
                room -= self.costs[name]
        kept = set[str]()
        for name in reversed(chosen):
            if name not in now and self.costs[name] <= room:
                kept.add(name)
                room -= self.costs[name]
        return [*_among(chosen, kept | now), *_among(wanted, now - set(chosen))]


def _among(names: Iterable[str], chosen: set[str]) -> list[str]:
    return [name for name in names if name in chosen]
