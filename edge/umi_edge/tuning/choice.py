"""Which of several ways to run a model is the fastest for a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Trial", "choose"]

_READ_TOKENS = 120
_WRITTEN_TOKENS = 30
_WORTH_IT = 0.95
"""Another way is chosen only if it takes less than this part of today's time: measurements differ by as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One way to run a model, and how fast it was."""

    format: str
    """The format that the weights were converted to, or `as it is`."""
    path: Path
    size_bytes: int
    threads: int
    read_rate: float
    """How many tokens of a prompt were read per second."""
    write_rate: float
    """How many tokens of a call were written per second."""

    @property
    def call_seconds(self) -> float:
        """A usual call: 120 new tokens read, 30 written."""
        return _READ_TOKENS / self.read_rate + _WRITTEN_TOKENS / self.write_rate


def choose(trials: Sequence[Trial]) -> Trial:
    """The fastest trial; but the first, which is how the model runs now, unless another is faster by a twentieth."""
    now, best = trials[0], min(trials, key=lambda trial: trial.call_seconds)
    return best if best.call_seconds < _WORTH_IT * now.call_seconds else now
