"""What Prometheus reads: requests, tokens, waits, and certificates that end. No device and no session has a label.

Tokens from the cache are counted over all devices: of one request they would say what others have asked (ADR 12).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from umi_cloud.request_log import RequestRecord

__all__ = ["ServerMetrics", "ServerState"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """How the server is now, asked at each scrape."""

    running: Callable[[], int]
    at_once: Callable[[], int]
    waiting: Callable[[], int]
    ready: Callable[[], bool]
    registry_lost_seconds: Callable[[], float]
    """How long the registry of devices has been lost; 0 while it can be used."""
    clock_skew: Callable[[], float]
    """Seconds that this machine's clock is ahead of the registry's."""
    backup_age: Callable[[], float]
    """Seconds since the newest backup; infinity where there is none, NaN where it is not known."""
    certificates: Callable[[], Mapping[str, datetime]]
    """When certificates end, by whose they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfRole:
    """One role's metrics: to find them by their labels at each request takes longer than to count."""

    read: Counter
    cached: Counter
    written: Counter
    seconds: Histogram
    queued: Histogram
    first: Histogram


class ServerMetrics:
    """Counts requests as they end."""

    def __init__(self, state: ServerState) -> None:
        self._of_roles: dict[str, _OfRole] = {}
        self._registry = registry = CollectorRegistry()
        registry.register(_StateCollector(state))
        self._requests = Counter(
            "umi_requests", "Requests that ended.", ("role", "outcome"), registry=registry
        )
        self._tokens = Counter("umi_tokens", "Tokens of requests.", ("role", "kind"), registry=registry)
        self._seconds = Histogram(
            "umi_request_seconds",
            "From a request's arrival to its end.",
            ("role",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._first = Histogram(
            "umi_first_event_seconds",
            "From a request's arrival to the first event of its answer.",
            ("role",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._queued = Histogram(
            "umi_queued_seconds",
            "How long requests waited for their turn.",
            ("role",),
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, record: RequestRecord) -> None:
        """Count a request that ended."""
        role, usage = record.rpc, record.usage
        self._requests.labels(role, record.outcome).inc()
        of_role = self._of_roles.get(role) or self._of_role(role)
        of_role.read.inc(max(usage.prompt_tokens - usage.cached_tokens, 0))
        of_role.cached.inc(usage.cached_tokens)
        of_role.written.inc(usage.completion_tokens)
        of_role.seconds.observe(record.milliseconds() / 1000)
        if record.deltas:
            of_role.queued.observe(record.queued_ms / 1000)
            of_role.first.observe(record.first_ms / 1000)

    def _of_role(self, role: str) -> "_OfRole":
        made = self._of_roles[role] = _OfRole(
            read=self._tokens.labels(role, "read"),
            cached=self._tokens.labels(role, "cached"),
            written=self._tokens.labels(role, "written"),
            seconds=self._seconds.labels(role),
            queued=self._queued.labels(role),
            first=self._first.labels(role),
        )
        return made

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)


class _StateCollector:
    """Reads the server's state at each scrape; implements prometheus_client's `Collector`."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        state = self._state
        yield GaugeMetricFamily("umi_running", "Requests in the engine now.", value=state.running())
        yield GaugeMetricFamily(
            "umi_running_limit", "Requests that may be in the engine now.", value=state.at_once()
        )
        yield GaugeMetricFamily("umi_waiting", "Requests that wait for their turn.", value=state.waiting())
        yield GaugeMetricFamily("umi_ready", "1 where requests are answered.", value=float(state.ready()))
        lost = state.registry_lost_seconds()
        yield GaugeMetricFamily(
            "umi_registry_up", "1 where the registry of devices can be used.", value=float(not lost)
        )
        yield GaugeMetricFamily(
            "umi_registry_lost_seconds", "How long the registry of devices has been lost.", value=lost
        )
        yield GaugeMetricFamily(
            "umi_clock_skew_seconds",
            "How far this machine's clock is ahead of the registry's.",
            value=state.clock_skew(),
        )
        yield GaugeMetricFamily(
            "umi_backup_age_seconds",
            "How long ago the newest backup of the registry was made; +Inf where none was.",
            value=state.backup_age(),
        )
        ends = GaugeMetricFamily(
            "umi_certificate_end_seconds",
            "When a certificate ends, in seconds since 1970.",
            labels=("whose",),
        )
        for whose, when in state.certificates().items():
            ends.add_metric((whose,), when.timestamp())
        yield ends
