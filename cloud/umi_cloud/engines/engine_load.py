"""How busy an engine elsewhere says it is, by vLLM's own metrics, where an endpoint offers them. No I/O."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

__all__ = ["EngineLoad", "MetricsPage"]

_SAMPLE = re.compile(
    r"vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc|gpu_cache_usage_perc)"
    r"(?:\{.*\})? ([0-9.eE+-]{1,32})",
)
_PREFIXES = (b"vllm:num_requests_", b"vllm:kv_cache_usage_", b"vllm:gpu_cache_usage_")
PAGE_BYTES = 1024 * 1024
_LINE_BYTES = 2048
_LINES = 1024
"""Four for each engine behind the address, and some to spare."""
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
    def read(cls, lines: Iterable[str]) -> Self | None:
        """From vLLM's page of metrics: all requests of its engines, and the fullest cache; None for another's."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for sample in map(_SAMPLE.fullmatch, lines):
            if sample is None:
                continue
            name, value = sample.groups()
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


class MetricsPage:
    """A page of metrics, piece by piece: the lines that matter are kept, and of the others nothing.

    Covered: a page without an end, lines without an end, and lines that matter by the million. So an engine's page
    costs the event loop little, whatever is on it.
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._begun = b""
        """The start of a line whose end has not come."""
        self._lines: list[str] = []

    def take(self, piece: bytes) -> bool:
        """Whether that can still become a page of vLLM's."""
        self._bytes += len(piece)
        if self._bytes > PAGE_BYTES:
            return False
        *lines, last = piece.split(b"\n")
        for line in lines:
            self._end(self._begun + line)
            self._begun = b""
        self._begun = (self._begun + last)[: _LINE_BYTES + 1]
        return len(self._lines) <= _LINES

    def load(self) -> EngineLoad | None:
        """What the page says; None where it is another's."""
        self._end(self._begun)
        return EngineLoad.read(self._lines)

    def _end(self, line: bytes) -> None:
        if line.startswith(_PREFIXES) and len(line) <= _LINE_BYTES and len(self._lines) <= _LINES:
            self._lines.append(line.rstrip(b"\r").decode("utf-8", "replace"))
