"""What Prometheus reads, by Prometheus' own parser."""

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from umi_cloud.observation.metrics import ServerMetrics, ServerState
from umi_cloud.request_log import RequestRecord
from umi_shared.transcript import Usage

ENDS = datetime(2027, 1, 1, tzinfo=UTC)
CANARY = "canary-7f3a"


@pytest.fixture
def metrics() -> ServerMetrics:
    return ServerMetrics(
        ServerState(
            running=lambda: 3,
            at_once=lambda: 64,
            waiting=lambda: 5,
            ready=lambda: True,
            registry_lost_seconds=lambda: 0.0,
            clock_skew=lambda: -2.5,
            backup_age=lambda: 60.0,
            certificates=lambda: {"server": ENDS},
        )
    )


def samples(metrics: ServerMetrics) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for key, value in sorted(sample.labels.items()) if key != "le")): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def record(**changes: object) -> RequestRecord:
    usage = Usage(prompt_tokens=100, cached_tokens=60, completion_tokens=7)
    return RequestRecord(**{"rpc": "plan", "device": CANARY, "session": CANARY, "usage": usage, **changes})


def test_requests_are_counted_by_role_and_outcome(metrics: ServerMetrics) -> None:
    for outcome in ("ok", "ok", "OVERLOADED"):
        metrics.observe(record(outcome=outcome))
    found = samples(metrics)
    assert found["umi_requests_total", "ok", "plan"] == 2
    assert found["umi_requests_total", "OVERLOADED", "plan"] == 1


def test_tokens_are_told_apart_and_sum_up(metrics: ServerMetrics) -> None:
    metrics.observe(record())
    metrics.observe(record())
    found = samples(metrics)
    assert [found["umi_tokens_total", kind, "plan"] for kind in ("read", "cached", "written")] == [
        80,
        120,
        14,
    ]


def test_a_request_that_got_no_turn_has_no_wait(metrics: ServerMetrics) -> None:
    metrics.observe(record(outcome="OVERLOADED", deltas=0))
    metrics.observe(record(deltas=4, queued_ms=2000, first_ms=3000))
    found = samples(metrics)
    assert found["umi_queued_seconds_count", "plan"] == 1
    assert found["umi_queued_seconds_sum", "plan"] == 2
    assert found["umi_first_event_seconds_sum", "plan"] == 3
    assert found["umi_request_seconds_count", "plan"] == 2


def test_the_state_is_read_at_each_scrape(metrics: ServerMetrics) -> None:
    found = samples(metrics)
    assert (found["umi_running",], found["umi_waiting",], found["umi_ready",]) == (3, 5, 1)
    assert found["umi_certificate_end_seconds", "server"] == ENDS.timestamp()


def test_no_device_and_no_session_is_told(metrics: ServerMetrics) -> None:
    metrics.observe(record())
    assert CANARY not in metrics.text().decode()


def test_a_lost_registry_and_a_wrong_clock_are_told(metrics: ServerMetrics) -> None:
    found = samples(metrics)
    assert (found["umi_registry_up",], found["umi_registry_lost_seconds",]) == (1, 0)
    assert found["umi_clock_skew_seconds",] == -2.5
