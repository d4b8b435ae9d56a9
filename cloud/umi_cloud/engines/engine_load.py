"""How busy an engine elsewhere says it is, by vLLM's own metrics, where an endpoint offers them. No I/O."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

__all__ = ["EngineLoad"]

_SAMPLE = re.compile(
    r"^vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc|gpu_cache_usage_perc)"
    r"(?:\{[^\n]*\})? ([0-9.eE+-]{1,32})$",
    re.MULTILINE,
)
_KV_FULL = 0.95
"""Beyond this share of its cache in use an engine soon takes requests back that it has begun."""
_WAITING_SHARE = 0.05
"""So many that wait, of those that run, are on their way and no queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLoad:
    """Requests in an engine, of all who ask it."""

    running: float
    waiting: float
    kv_usage: float
    """The share of the cache that running requests use, from 0 to 1."""

    @classmethod
    def read(cls, metrics: str) -> Self | None:
        """From vLLM's page of metrics: all requests of its engines, and the fullest cache; None for another's."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for name, value in _SAMPLE.findall(metrics):
            try:
                number = float(value)
            except ValueError:
                continue
            if math.isfinite(number):
                found[name].append(max(number, 0.0))
        if not found["num_requests_running"] or not found["num_requests_waiting"]:
            return None
        return cls(
            running=sum(found["num_requests_running"]),
            waiting=sum(found["num_requests_waiting"]),
            kv_usage=max([0.0, *found["kv_cache_usage_perc"], *found["gpu_cache_usage_perc"]]),
        )

    @classmethod
    def of_all(cls, loads: Iterable[Self]) -> Self | None:
        """Of several endpoints; None for none."""
        every = list(loads)
        if not every:
            return None
        return cls(
            running=sum(one.running for one in every),
            waiting=sum(one.waiting for one in every),
            kv_usage=max(one.kv_usage for one in every),
        )

    @property
    def crowded(self) -> bool:
        """Whether requests wait inside, or its cache is nearly full: it should be given fewer."""
        return self.waiting > 1 + _WAITING_SHARE * self.running or self.kv_usage >= _KV_FULL
