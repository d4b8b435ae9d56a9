"""The token bucket: how often something may happen."""

__all__ = ["TokenBucket"]


class TokenBucket:
    """Lets through `per_minute` events a minute, and as many at once after a minute without any.

    >>> bucket = TokenBucket(per_minute=2, now=0.0)
    >>> bucket.take(0.0), bucket.take(0.0), bucket.take(0.0), bucket.take(30.0)
    (0.0, 0.0, 30.0, 0.0)
    """

    __slots__ = ("_filled_at", "_level", "_per_minute")

    def __init__(self, *, per_minute: int, now: float, level: float | None = None) -> None:
        """With `level`: a bucket that held so much at the time `now`; without, a full one."""
        self._per_minute = per_minute
        self._level = float(per_minute) if level is None else min(level, float(per_minute))
        self._filled_at = now

    @property
    def level(self) -> float:
        """How much it held at `filled_at`."""
        return self._level

    @property
    def filled_at(self) -> float:
        """When it was last looked into."""
        return self._filled_at

    def wait_seconds(self, now: float) -> float:
        """Seconds until the next event may happen; 0.0 when it may now. Counts nothing."""
        rested = max(now - self._filled_at, 0.0)
        self._level = min(self._level + rested * self._per_minute / 60, float(self._per_minute))
        self._filled_at = max(now, self._filled_at)
        # 1e-9: a caller that waits exactly as long as it was told is let through.
        return 0.0 if self._level >= 1 - 1e-9 else (1 - self._level) * 60 / self._per_minute

    def take(self, now: float) -> float:
        """Count one event and return 0.0, or count none and return the seconds to wait."""
        wait = self.wait_seconds(now)
        if wait == 0.0:
            self._level -= 1
        return wait
