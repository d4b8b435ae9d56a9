"""Which of several ways to run a model is the fastest for a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Trial", "choose"]

_READ_TOKENS = 120
_WRITTEN_TOKENS = 30
_WORTH_IT = 0.95
"""Of the time that it takes now: what is hardly faster changes nothing, since measurements differ by as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One way to run a model, and how fast it was."""

    format: str
    """`as it is`, or the format that the weights were brought into."""
    path: Path
    size_bytes: int
    threads: int
    read_rate: float
    """Tokens of a prompt read a second."""
    write_rate: float
    """Tokens of a call written a second."""

    @property
    def call_seconds(self) -> float:
        """A usual call: 120 new tokens read, 30 written."""
        return _READ_TOKENS / self.read_rate + _WRITTEN_TOKENS / self.write_rate


def choose(trials: Sequence[Trial]) -> Trial:
    """The fastest; the first, which is how it is now, unless another one is faster by a twentieth."""
    now, best = trials[0], min(trials, key=lambda trial: trial.call_seconds)
    return best if best.call_seconds < _WORTH_IT * now.call_seconds else now
