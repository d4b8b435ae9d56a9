"""The Helm chart: rendered by Helm, held to Kubernetes' own schemas, its configuration read by the server."""

import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from umi_cloud.config import CloudConfig, LogForm, OpenAISettings

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "umi"
NEEDED = ("engine.url=http://vllm:8000/v1", "engine.model=m", "database.url=postgresql://umi@db/umi")
EVERYTHING = (*NEEDED, "autoscaling.enabled=true", "serviceMonitor.enabled=true", "nodeSelector.pool=cpu")
OPERATORS_OWN = ("PrometheusRule", "ServiceMonitor")
"""Kinds that Kubernetes itself does not know."""


def rendered(helm: str, *settings: str) -> list[dict[str, Any]]:
    options = [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run(
        [helm, "template", "umi", str(CHART), *options], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(things: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (one for one in things if one["kind"] == kind)
    return found


@pytest.mark.parametrize("settings", [NEEDED, EVERYTHING], ids=["plain", "everything"])
def test_what_it_renders_is_what_kubernetes_takes(helm: str, settings: tuple[str, ...]) -> None:
    things = rendered(helm, *settings)
    for thing in things:
        if thing["kind"] not in OPERATORS_OWN:
            kubernetes_validate.validate(thing, "1.33", strict=True)
    assert {"Deployment", "Service", "ConfigMap", "Job", "PodDisruptionBudget", "NetworkPolicy"} <= {
        one["kind"] for one in things
    }


def test_the_server_reads_its_configuration(helm: str, tmp_path: Path) -> None:
    things = rendered(
        helm,
        *NEEDED,
        "engine.settings.thinking_tokens.planner=2048",
        "settings.admission.running=64",
        "settings.state=/elsewhere",
    )
    file = tmp_path / "cloud.yaml"
    file.write_text(of_kind(things, "ConfigMap")["data"]["cloud.yaml"])
    config = CloudConfig.read(file)
    assert config.engine == OpenAISettings(
        url="http://vllm:8000/v1", model="m", thinking_tokens={"planner": 2048}
    )
    assert config.admission.running == 64
    assert config.state == "postgresql://umi@db/umi"
    assert config.watch_listen == "0.0.0.0:9090"
    assert config.log is LogForm.JSON
    text = of_kind(rendered(helm, *NEEDED, "settings.log=text"), "ConfigMap")["data"]["cloud.yaml"]
    assert yaml.safe_load(text)["log"] == "text"


def test_proxies_quotas_and_people_are_reachable_as_settings_with_the_files_that_they_name(
    helm: str, tmp_path: Path
) -> None:
    things = rendered(
        helm,
        *NEEDED,
        "settings.proxy.names={edge.example,inner.example}",
        "settings.proxy.authority=/files/proxies-ca.pem",
        "settings.proxy.address_header=x-forwarded-for",
        "settings.quota.requests_per_minute=7",
        "settings.login.issuer=https://id.example.org",
        "settings.login.service_address=planner.example:7443",
        "settings.login.teams.engineering.devices_per_person=5",
        "settings.enrolment.certificate_days=3",
        "engine.settings.api_key_file=/files/api.key",
        "files.secret=umi-files",
    )
    file = tmp_path / "cloud.yaml"
    file.write_text(of_kind(things, "ConfigMap")["data"]["cloud.yaml"])
    config = CloudConfig.read(file)
    assert config.proxy.names == ("edge.example", "inner.example")
    assert config.proxy.authority == Path("/files/proxies-ca.pem")
    assert config.quota.requests_per_minute == 7
    assert config.login.teams["engineering"].devices_per_person == 5
    assert config.enrolment.certificate_days == 3
    assert config.engine.api_key_file == Path("/files/api.key")
    pod = of_kind(things, "Deployment")["spec"]["template"]["spec"]
    (front,) = pod["containers"]
    (volume,) = [one for one in pod["volumes"] if one["name"] == "files"]
    assert volume["secret"]["secretName"] == "umi-files"
    (mount,) = [one for one in front["volumeMounts"] if one["name"] == "files"]
    assert (mount["mountPath"], mount["readOnly"]) == ("/files", True)
    kubernetes_validate.validate(of_kind(things, "Deployment"), "1.33", strict=True)


def test_fronts_may_reach_what_the_operator_adds_where_the_engine_is_in_one_namespace(helm: str) -> None:
    things = rendered(
        helm,
        *NEEDED,
        "engine.namespaceSelector.matchLabels.name=models",
        "networkPolicy.egress[0].to[0].ipBlock.cidr=203.0.113.9/32",
        "networkPolicy.egress[0].ports[0].port=443",
    )
    policy = of_kind(things, "NetworkPolicy")
    kubernetes_validate.validate(policy, "1.33", strict=True)
    *_, engine, added = policy["spec"]["egress"]
    assert engine["to"] == [{"namespaceSelector": {"matchLabels": {"name": "models"}}}]
    assert added == {"to": [{"ipBlock": {"cidr": "203.0.113.9/32"}}], "ports": [{"port": 443}]}


def test_what_compose_starts_with_names_every_kind_of_setting_that_an_operator_asks_for(
    tmp_path: Path,
) -> None:
    text = (CHART.parents[1] / "cloud.yaml").read_text("utf-8")
    head, rest = text.split("# quota:", 1)
    optional = "".join(line.removeprefix("# ") for line in ("# quota:" + rest).splitlines(keepends=True))
    file = tmp_path / "cloud.yaml"
    file.write_text(head + optional)
    config = CloudConfig.read(file)
    assert config.proxy.names == ("edge",)
    assert config.login.teams["engineering"].devices_per_person == 5
    assert CloudConfig.read(CHART.parents[1] / "cloud.yaml").proxy.names == ()


@pytest.mark.parametrize("without", NEEDED)
def test_what_is_needed_is_asked_for_by_name(helm: str, without: str) -> None:
    with pytest.raises(AssertionError, match=f"{without.partition('=')[0]} is needed"):
        rendered(helm, *(one for one in NEEDED if one != without))


def test_fronts_run_as_nobody_on_a_read_only_file_system_and_drain_before_they_end(helm: str) -> None:
    pod = of_kind(rendered(helm, *NEEDED, "drainSeconds=40"), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["terminationGracePeriodSeconds"] > 40 + 5


def test_services_and_budgets_find_the_fronts_and_not_the_migration(helm: str) -> None:
    things = rendered(helm, *NEEDED)
    fronts = of_kind(things, "Deployment")["spec"]["template"]["metadata"]["labels"]
    migration = of_kind(things, "Job")["spec"]["template"]["metadata"]["labels"]
    for thing in things:
        if thing["kind"] == "Service":
            assert thing["spec"]["selector"].items() <= fronts.items()
            assert not thing["spec"]["selector"].items() <= migration.items()
