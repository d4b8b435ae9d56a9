"""Whether a process's memory stays flat: how fast it grows, and how sure that is.

Memory goes up and down in steps, garbage waits for its collection, and two samples beside each other say the same
twice. So the samples become ten blocks, and of each only its least counts: what is left when garbage has gone. The
slope through these ten is Theil's and Sen's, the median of the slopes between any two, which one odd block does not
move; its interval is by Kendall's variance (Sen 1968, Journal of the American Statistical Association 63, 1379-1389).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist, median

__all__ = ["BLOCKS", "Growth", "Sample", "growth"]

BLOCKS = 10
_NORMAL = NormalDist().inv_cdf(0.975)
"""For 95 %."""

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
    if len(samples) < BLOCKS:
        raise ValueError(f"{len(samples)} samples tell nothing of growth; take {BLOCKS} at least")
    blocks = [
        samples[len(samples) * one // BLOCKS : len(samples) * (one + 1) // BLOCKS] for one in range(BLOCKS)
    ]
    floors = [(median(at for at, _ in block), min(size for _, size in block)) for block in blocks]
    slopes = sorted(
        3600 * (later - earlier) / (then - at) for (at, earlier), (then, later) in combinations(floors, 2)
    )
    doubt = _NORMAL * math.sqrt(BLOCKS * (BLOCKS - 1) * (2 * BLOCKS + 5) / 18)
    edge = max(math.floor((len(slopes) - doubt) / 2), 0)
    return Growth(bytes_an_hour=median(slopes), low=slopes[edge], high=slopes[-1 - edge])
