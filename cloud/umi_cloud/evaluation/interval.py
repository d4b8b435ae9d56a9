"""Wilson's score interval for a share: honest at small counts, and at none or all (Wilson 1927)."""

import math
from dataclasses import dataclass

__all__ = ["Share"]

_Z = 1.959963984540054
"""The normal quantile of a two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, both counted."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """The share between 0 and 1; 0 when nothing was counted."""
        return self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the 95 % interval; 0 and 1 when nothing was counted.

        >>> low, high = Share(9, 10).interval
        >>> f"{low:.3f} {high:.3f}"
        '0.596 0.982'
        >>> Share(0, 0).interval
        (0.0, 1.0)
        """
        if not self.whole:
            return 0.0, 1.0
        square = _Z * _Z / self.whole
        middle = (self.value + square / 2) / (1 + square)
        half = (
            _Z
            / (1 + square)
            * math.sqrt(self.value * (1 - self.value) / self.whole + square / self.whole / 4)
        )
        return max(0.0, middle - half), min(1.0, middle + half)

    def as_json(self) -> dict[str, float]:
        """The share with its interval, for files of figures."""
        low, high = self.interval
        return {"part": self.part, "whole": self.whole, "low": round(low, 4), "high": round(high, 4)}

    def __str__(self) -> str:
        """The share as tables show it.

        >>> print(Share(9, 10))
        90.0 % [59.6, 98.2] of 10
        """
        low, high = self.interval
        return f"{100 * self.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {self.whole}"
