"""Whether a process's memory stays flat: how fast it grows, and how sure that is.

Memory goes up and down in steps, and two samples beside each other say the same twice. So the samples become ten
blocks, of each only its median counts, and the interval is that of a line through ten points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Growth", "growth"]

_BLOCKS = 10
_T = 2.306
"""Student's t for 95 % and eight degrees of freedom."""

Sample = tuple[float, float]
"""When, in seconds, and how many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Bytes an hour, and between which the truth lies with 95 %."""

    bytes_an_hour: float
    low: float
    high: float

    def surely_above(self, bytes_an_hour: float) -> bool:
        """Whether it grows faster than that beyond doubt."""
        return self.low > bytes_an_hour


def growth(samples: Sequence[Sample]) -> Growth:
    """The growth that some samples show. Raises ValueError for fewer than ten.

    >>> growth([(float(at), 5.0) for at in range(20)])
    Growth(bytes_an_hour=0.0, low=0.0, high=0.0)
    """
    if len(samples) < _BLOCKS:
        raise ValueError(f"{len(samples)} samples tell nothing of growth; take {_BLOCKS} at least")
    blocks = [
        samples[len(samples) * one // _BLOCKS : len(samples) * (one + 1) // _BLOCKS] for one in range(_BLOCKS)
    ]
    points = [(median(at for at, _ in block), median(size for _, size in block)) for block in blocks]
    middle = sum(at for at, _ in points) / _BLOCKS
    mean = sum(size for _, size in points) / _BLOCKS
    spread = sum((at - middle) ** 2 for at, _ in points)
    rise = sum((at - middle) * (size - mean) for at, size in points) / spread
    off = sum((size - mean - rise * (at - middle)) ** 2 for at, size in points)
    doubt = _T * math.sqrt(off / (_BLOCKS - 2) / spread)
    return Growth(bytes_an_hour=3600 * rise, low=3600 * (rise - doubt), high=3600 * (rise + doubt))
