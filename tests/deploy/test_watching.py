"""Alerts and the dashboard ask for metrics that the server has, with labels and outcomes that it gives."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from umi_cloud.config import CloudConfig, LogForm
from umi_cloud.observation.metrics import ServerMetrics, ServerState
from umi_cloud.request_log import RequestRecord
from umi_cloud.status import code_of

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
BOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "umi.json").read_text())
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def queries() -> Iterator[str]:
    for group in ALERTS["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in BOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.fixture(scope="module")
def served() -> str:
    metrics = ServerMetrics(
        ServerState(
            running=lambda: 0,
            at_once=lambda: 64,
            waiting=lambda: 0,
            ready=lambda: True,
            registry_lost_seconds=lambda: 0.0,
            clock_skew=lambda: -2.5,
            backup_age=lambda: 60.0,
            certificates=lambda: {"server": datetime.now(UTC)},
        )
    )
    metrics.observe(RequestRecord(rpc="plan", deltas=1))
    return metrics.text().decode()


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_every_query_is_for_what_the_server_serves(query: str, served: str) -> None:
    named = set(re.findall(r"\bumi_\w+", query))
    assert named
    for name in named:
        assert re.search(rf"^{name}[ {{]", served, re.MULTILINE), name
    for labels in re.findall(r"\bby \((.*?)\)", query):
        for label in re.split(r",\s*", labels):
            assert f'{label}="' in served, label


def test_outcomes_that_are_asked_for_exist() -> None:
    asked = {word for query in queries() for word in re.findall(r"[A-Z][A-Z_]{3,}", query)}
    assert asked
    for outcome in asked:
        assert code_of(outcome) is not None


def test_what_compose_mounts_is_there_and_its_front_reads_its_configuration() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]
    config = CloudConfig.read(DEPLOY / "cloud.yaml")
    assert config.watch_listen == "0.0.0.0:9090"
    assert config.log is LogForm.JSON
    assert COMPOSE["services"]["front"]["read_only"]


def test_every_alert_has_its_part_in_the_runbook() -> None:
    runbook = (DEPLOY.parent / "docs" / "how-to" / "runbook.md").read_text(encoding="utf-8")
    parts = re.findall(r"^### (\w+)$", runbook, re.MULTILINE)
    assert parts == [rule["alert"] for group in ALERTS["groups"] for rule in group["rules"]]
