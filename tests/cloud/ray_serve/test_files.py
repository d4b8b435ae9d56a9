"""The files that `umi-cloud ray` writes: held to Ray's own schemas, and to what a front makes of their names."""

import ast
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from umi_cloud.cli import umi_cloud
from umi_cloud.config import CloudConfig, OpenAISettings
from umi_cloud.ray_serve.deployment_file import EngineFile, HostedFile, LlmFile, Replicas
from umi_cloud.ray_serve.envoy_file import EnvoyFile
from umi_cloud.ray_serve.grpc_methods import METHODS
from umi_cloud.ray_serve.hosted_application import read_key
from umi_shared.errors import ConfigError

LLM = LlmFile(model="Qwen/Qwen2.5-7B-Instruct", name="qwen", adapters="s3://umi/adapters", accelerator="L4")
TWO = LlmFile(model="Q/planner", name="qwen", summarizer="Q/summarizer")
ENGINE = EngineFile(config="/etc/umi/cloud.yaml", name="small", replicas=Replicas(least=2, most=6))
HOSTED = HostedFile(config="/etc/umi/cloud.yaml", proxy_key="/etc/umi/proxy.key")
ENVOY = EnvoyFile(certificates="/etc/umi", upstreams=("10.0.0.1:9000", "node-2:9000"))


@pytest.mark.parametrize("file", [LLM, TWO, ENGINE, HOSTED], ids=["llm", "two models", "engine", "hosted"])
def test_ray_takes_them(file):
    schema = pytest.importorskip("ray.serve.schema").ServeDeploySchema
    read = schema.model_validate(yaml.safe_load(file.text()))
    assert read.grpc_options.enable_reflection is False
    for application in read.applications:
        module, _, builder = application.import_path.partition(":")
        if module.startswith("umi_cloud"):
            made = getattr(import_module(module), builder)
            assert callable(made)
    for function in read.grpc_options.grpc_servicer_functions:
        module, _, name = function.rpartition(".")
        assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("file", [LLM, TWO])
def test_ray_takes_each_models_deployment(file):
    """As LLMConfig does. That itself, and the router, need vLLM and more; the router's source is read instead."""
    config = pytest.importorskip("ray.serve._private.config")
    (application,) = yaml.safe_load(file.text())["applications"]
    for model in application["args"]["llm_configs"]:
        deployment = model["deployment_config"]
        router = deployment.pop("request_router_config")
        assert config.DeploymentConfig(**deployment).autoscaling_config.max_replicas == 4
        module, _, name = router["request_router_class"].rpartition(".")
        assert name in class_names(module.split("."))
        named = method_arguments(["ray", "llm", "_internal", "serve", *ROUTER], name, "initialize_state")
        assert router["request_router_kwargs"].keys() < named


ROUTER = ("routing_policies", "prefix_aware", "prefix_aware_router")


def tree_of(module: list[str]) -> ast.Module:
    (folder,) = import_module(module[0]).__path__
    return ast.parse(Path(folder, *module[1:]).with_suffix(".py").read_text("utf-8"))


def class_names(module: list[str]) -> set[str]:
    return {node.name for node in tree_of(module).body if isinstance(node, ast.ClassDef)}


def method_arguments(module: list[str], name: str, method: str) -> set[str]:
    (found,) = (node for node in tree_of(module).body if isinstance(node, ast.ClassDef) and node.name == name)
    (function,) = (node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == method)
    return {one.arg for one in function.args.args}


def head_of(text: str) -> dict:
    """The fronts' settings, which the head of a file shows."""
    lines = [
        line.removeprefix("#   ").partition("   #")[0]
        for line in text.splitlines()
        if line.startswith("#   ")
    ]
    return yaml.safe_load("\n".join(lines))


@pytest.mark.parametrize(
    ("file", "adapters"),
    [
        (LLM, {"planner": "qwen:planner", "summarizer": "qwen:summarizer"}),
        (TWO, {"summarizer": "qwen-summarizer"}),
        (ENGINE, {"planner": "small:planner", "summarizer": "small:summarizer"}),
    ],
)
def test_the_head_is_what_a_front_reads(tmp_path: Path, file, adapters):
    (tmp_path / "cloud.yaml").write_text(yaml.safe_dump(head_of(file.text())))
    engine = CloudConfig.read(tmp_path / "cloud.yaml").engine
    assert isinstance(engine, OpenAISettings)
    assert engine.model == file.name
    assert engine.adapters == adapters
    assert engine.replicas == {"http://ANOTHER_NODE:8000/v1": 1.0}
    if file is TWO:
        (application,) = yaml.safe_load(file.text())["applications"]
        names = [one["model_loading_config"]["model_id"] for one in application["args"]["llm_configs"]]
        assert names == [engine.model, *adapters.values()]


@pytest.mark.parametrize(
    "make",
    [
        lambda: LlmFile(model="m", name="n", adapters="/srv/adapters"),
        lambda: LlmFile(model="m", name="n", adapters="s3://a", summarizer="s"),
        lambda: LlmFile(model="m", name="n:o"),
        lambda: EngineFile(config="c", name=""),
        lambda: Replicas(least=0),
        lambda: Replicas(least=3, most=2),
    ],
)
def test_what_ray_would_refuse_later_is_refused_now(make):
    with pytest.raises(ConfigError):
        make()


def test_names_with_quotes_stay_one_value():
    file = LlmFile(model='a"b: c #', name="n", accelerator="x\ny")
    (application,) = yaml.safe_load(file.text())["applications"]
    assert application["args"]["llm_configs"][0]["model_loading_config"]["model_source"] == 'a"b: c #'


def routes() -> list[dict]:
    (chain,) = yaml.safe_load(ENVOY.text())["static_resources"]["listeners"][0]["filter_chains"]
    return chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]


def test_envoy_knows_each_method_that_serve_takes_in_and_no_other():
    prefixes = {route["match"].get("prefix") or route["match"]["path"] for route in routes()}
    assert prefixes == {
        f"/{service}/" if service.startswith("umi") else f"/{service}/{method}"
        for service, (method, _) in METHODS.items()
    }
    applications = {one["name"] for one in yaml.safe_load(HOSTED.text())["applications"]}
    assert {route["request_headers_to_add"][0]["header"]["value"] for route in routes()} == applications


def test_envoy_asks_for_a_certificate_and_believes_none_that_a_device_writes():
    file = yaml.safe_load(ENVOY.text())
    (chain,) = file["static_resources"]["listeners"][0]["filter_chains"]
    tls = chain["transport_socket"]["typed_config"]
    assert tls["require_client_certificate"] is True
    assert tls["common_tls_context"]["validation_context"]["trusted_ca"]["filename"] == "/etc/umi/ca/ca.pem"
    manager = chain["filters"][0]["typed_config"]
    assert manager["forward_client_cert_details"] == "SANITIZE_SET"
    added = manager["route_config"]["request_headers_to_add"]
    assert {one["header"]["key"] for one in added} == {"umi-proxy-key", "umi-timeout"}
    assert {one["append_action"] for one in added} == {"OVERWRITE_IF_EXISTS_OR_ADD"}
    endpoints = file["static_resources"]["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert [one["endpoint"]["address"]["socket_address"]["address"] for one in endpoints] == [
        "10.0.0.1",
        "node-2",
    ]


def test_a_short_key_is_none(tmp_path: Path):
    (tmp_path / "key").write_text("short\n")
    with pytest.raises(ConfigError, match="fewer than 32"):
        read_key(tmp_path / "key")


def test_a_file_that_ray_does_not_take_is_not_deployed(tmp_path: Path):
    pytest.importorskip("ray")
    (tmp_path / "serve.yaml").write_text("applications: [{name: umi}]\n")
    done = CliRunner().invoke(umi_cloud, ["ray", "deploy", str(tmp_path / "serve.yaml")])
    assert isinstance(done.exception, ConfigError)
    assert "applications.0.import_path" in str(done.exception)
