"""Endpoints that serve the same models: which one a session asks, and which is left alone for a while."""

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Endpoints"]

_FIRST_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 30.0


@dataclass(slots=True)
class Endpoints:
    """An order of the endpoints for each session: first the same one while it is well, since it has read the session.

    A share of the sessions as large as its weight goes to each (rendezvous hashing: where one comes or goes, only its
    own sessions move). One that failed rests for 1, 2, 4 … 30 seconds. Then one request tries it, while the others
    still pass it over, until it has answered.
    """

    weights: Mapping[str, float]
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _resting: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    """Until when it is passed over, and how long a rest is, by URL."""
    _failed_at: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    """When a failure last made it rest, and how long, by URL."""

    def order(self, session: str) -> tuple[str, ...]:
        """All endpoints, those to try first in front; those that rest come last, the one that is soonest back first."""
        now = self.clock()
        ranked = sorted(self.weights, key=lambda url: -_score(url, self.weights[url], session))
        order = sorted(ranked, key=lambda url: max(self._resting.get(url, (0.0, 0.0))[0] - now, 0.0))
        if (first := order[0]) in self._resting:
            rest = self._resting[first][1]
            self._resting[first] = (max(now, self._resting[first][0]) + rest, rest)
        return tuple(order)

    def failed(self, url: str) -> None:
        """It could not be reached, or broke off."""
        began, seconds = self._failed_at.get(url, (float("-inf"), 0.0))
        now = self.clock()
        if began + seconds <= now:  # not for each of many requests that failed at once
            rest = min(2 * seconds or _FIRST_REST_SECONDS, _LONGEST_REST_SECONDS)
            self._failed_at[url] = (now, rest)
            self._resting[url] = (now + rest, rest)

    def answered(self, url: str) -> None:
        """It is well."""
        self._resting.pop(url, None)
        self._failed_at.pop(url, None)

    @property
    def resting(self) -> frozenset[str]:
        """Those that are left alone now."""
        now = self.clock()
        return frozenset(url for url, (until, _) in self._resting.items() if until > now)


def _score(url: str, weight: float, session: str) -> float:
    digest = hashlib.sha256(f"{session}\0{url}".encode()).digest()
    share = (int.from_bytes(digest[:8]) + 1) / (2**64 + 1)
    return -weight / math.log(share)
