"""A figure: what was measured, what it should be, and whether it is."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from umi_lab.bench.spread import Spread

__all__ = ["Figure", "Goal"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a median.

    >>> str(Goal(5, "x", least=True)), Goal(5, "x", least=True).met(4.9)
    ('at least 5x', False)
    """

    bound: float
    unit: str
    least: bool = False
    """Whether the bound is a floor; otherwise it is a ceiling."""

    def met(self, value: float) -> bool:
        """Whether a value is within the bound."""
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        return f"at {'least' if self.least else 'most'} {quantity(self.bound, self.unit)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the page."""

    title: str
    goal: Goal | None
    """None for a figure that has no goal, and is told beside the others."""
    value: Spread
    repeats: int
    unit: str = ""
    """The unit of the value, where there is no goal that has it."""
    profile: str = ""
    """Where the time goes and what would help; it is shown where the goal is not met."""

    @property
    def met(self) -> bool | None:
        """Whether the median is within the goal; None without one."""
        return self.goal.met(self.value.median) if self.goal else None

    @property
    def measured(self) -> str:
        """The median with its quartiles."""
        unit = self.goal.unit if self.goal else self.unit
        middle = quantity(self.value.median, unit)
        if self.value.low == self.value.high:
            return middle
        return f"{middle} ({number(self.value.low)} to {number(self.value.high)})"

    def as_json(self) -> dict[str, Any]:
        """As one JSON object, with `met` beside what it follows from."""
        return {**asdict(self), "met": self.met}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        known = {key: value for key, value in row.items() if key != "met"}
        goal = Goal(**known.pop("goal")) if known["goal"] else known.pop("goal")
        return cls(**{**known, "goal": goal, "value": Spread(**known["value"])})


def quantity(value: float, unit: str) -> str:
    """A number with its unit, which is a word or a sign.

    >>> quantity(1.234, "x"), quantity(97.0, "%"), quantity(0.0123, "ms")
    ('1.23x', '97 %', '0.0123 ms')
    """
    return f"{number(value)}{unit if unit == 'x' or not unit else f' {unit}'}"


def number(value: float) -> str:
    """A number with three significant digits, or whole from 100 on.

    >>> number(12345.6), number(0.5), number(3.0)
    ('12,346', '0.5', '3')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
