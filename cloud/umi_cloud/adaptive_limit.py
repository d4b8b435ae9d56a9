"""How many requests an engine elsewhere is given at once: as many as it answers without becoming much slower.

A batch makes each of its requests slower, and all of them together faster, up to a knee; beyond it requests only wait
in the engine, where no turn is fair. So the limit follows latency, after Netflix's concurrency-limits (Gradient2): it
grows while a token takes less than `slowdown` times what it took with few at once, and shrinks by the ratio beyond.
Where the engine says itself that requests wait in it, or that its cache is full, the limit shrinks whatever latency
says, and does not grow until that is over: fronts that share an engine see the same, and each gives a tenth.

Decisions only; no I/O.
"""

import math
from statistics import median

__all__ = ["FLOOR", "AdaptiveLimit"]

FLOOR = 4
"""The fewest at once; what a token takes then is taken for what it takes alone."""
_WINDOW_SECONDS = 0.5
_WINDOW_SAMPLES = 8
_STEP = 0.2
"""How far the limit goes at once towards where it should be."""
_SMOOTHING = 0.3
_CROWDED = 0.9
"""What is left of the limit after each look at an engine that is crowded."""


class AdaptiveLimit:
    """The limit of one front for one engine."""

    def __init__(self, *, ceiling: int, slowdown: float, start: int) -> None:
        self._ceiling = max(ceiling, 1)
        self._floor = min(FLOOR, self._ceiling)
        self._slowdown = slowdown
        self._limit = float(min(max(start, self._floor), self._ceiling))
        self._alone = math.inf
        """Seconds a token, with few at once."""
        self._now = 0.0
        """The same lately."""
        self._window: list[float] = []
        self._most = 0
        self._opened_at = -math.inf
        self._crowded = False

    @property
    def at_once(self) -> int:
        """Requests that may run."""
        return int(self._limit)

    def engine(self, *, crowded: bool) -> None:
        """What the engine says of itself, about once a second."""
        self._crowded = crowded
        if crowded:
            self._limit = max(self._limit * _CROWDED, self._floor)

    def observe(self, *, seconds: float, tokens: int, running: int, now: float) -> None:
        """A request wrote so many tokens in so many seconds, with so many running beside it."""
        if tokens <= 0 or seconds <= 0:
            return
        if not self._window:
            self._opened_at = now
        self._window.append(seconds / tokens)
        self._most = max(self._most, running)
        if len(self._window) >= _WINDOW_SAMPLES and now - self._opened_at >= _WINDOW_SECONDS:
            self._close()

    def _close(self) -> None:
        # The median: one device that reads slowly on purpose makes no engine look slow.
        sample, most = median(self._window), self._most
        self._window, self._most = [], 0
        self._now = self._now + _SMOOTHING * (sample - self._now) if self._now else sample
        if most <= self._floor:  # few at once: whatever it takes now is what it takes alone
            self._alone = self._now = sample
        self._alone = min(self._alone, self._now)
        if most < self._limit / 2:
            return  # nothing is learned of a limit that nobody comes near
        gradient = min(max(self._slowdown * self._alone / self._now, 0.5), 1.0)
        target = self._limit * gradient + math.sqrt(self._limit)
        if self._crowded:
            target = min(target, self._limit)
        self._limit += _STEP * (target - self._limit)
        self._limit = min(max(self._limit, self._floor), self._ceiling)
