"""The spread of some repeats."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Spread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median and quartiles, in the unit of the values."""

    median: float
    low: float
    """The first quartile."""
    high: float
    """The third quartile."""
    least: float
    """The least value: what it costs when nothing disturbs it."""

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of some values. Raises `StatisticsError` for none.

        >>> Spread.of([4, 1, 3, 2, 5])
        Spread(median=3.0, low=1.5, high=4.5, least=1)
        """
        known = list(values)
        if len(known) == 1:
            known *= 2
        low, median, high = statistics.quantiles(known, n=4)
        return cls(median=median, low=low, high=high, least=min(known))
