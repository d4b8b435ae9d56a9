"""Ray Serve's configuration files, written out for an operator to edit: each setting once, with what it is for.

Three kinds: Ray Serve LLM with vLLM on cards; umi's own engine as an OpenAI endpoint, for clusters without; and umi's
planner and summarizer behind Serve's own gRPC.
"""

import json
from dataclasses import dataclass

from umi_shared.errors import ConfigError

__all__ = ["EngineFile", "HostedFile", "LlmFile", "Replicas"]

STORES = ("s3://", "gs://", "abfss://", "azure://")
"""Where Ray Serve LLM loads adapters from; it takes no folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """How many replicas there are: at least and at most."""

    least: int = 1
    most: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ConfigError("the replicas are not at least 1, and at most no fewer than that")


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmFile:
    """Ray Serve LLM: vLLM on cards, a prefix-aware router, autoscaling, adapters beside one base model."""

    model: str
    """A Hugging Face repository, or a bucket's folder."""
    name: str
    """What fronts call it."""
    summarizer: str = ""
    """Another model for the summarizer; empty: the planner's."""
    adapters: str = ""
    """A bucket's folder with an adapter in each of `planner` and `summarizer`; empty for none."""
    accelerator: str = ""
    """The kind of card, as Ray names it (`H100`, `L4`); empty for any."""
    replicas: Replicas = Replicas()  # frozen

    def __post_init__(self) -> None:
        if self.adapters and not self.adapters.startswith(STORES):
            raise ConfigError(
                "Ray Serve LLM loads adapters from object stores only",
                fix=f"name a bucket's folder, beginning with one of {', '.join(STORES)}",
            )
        if self.adapters and self.summarizer:
            raise ConfigError(
                "a summarizer with a model of its own has no adapter of the planner's",
                fix="leave out --adapters or --summarizer",
            )
        _check_name(self.name)

    def text(self) -> str:
        """The file."""
        roles = ("planner", "summarizer") if self.adapters else ()
        models = [self._model(self.name, self.model)]
        adapters = {role: f"{self.name}:{role}" for role in roles}
        if self.summarizer:
            models.append(self._model(f"{self.name}-summarizer", self.summarizer))
            adapters = {"summarizer": f"{self.name}-summarizer"}
        return _head(
            "Ray Serve LLM: the planner's and the summarizer's models on cards.", self.name, adapters
        ) + (
            _HTTP
            + _application("umi", "/", "ray.serve.llm:build_openai_app")
            + "    args:\n      llm_configs:\n"
            + "".join(models)
        )

    def _model(self, name: str, model: str) -> str:
        lora = (
            f"""\
          lora_config:
            dynamic_lora_loading_path: {json.dumps(self.adapters)}   # <here>/planner, <here>/summarizer
            max_num_adapters_per_replica: 2
"""
            if self.adapters
            else ""
        )
        engine_lora = (
            "            enable_lora: true\n            max_loras: 2\n            max_lora_rank: 64\n"
            if self.adapters
            else ""
        )
        card = f"          accelerator_type: {json.dumps(self.accelerator)}\n" if self.accelerator else ""
        return f"""\
        - model_loading_config:
            model_id: {json.dumps(name)}
            model_source: {json.dumps(model)}
{card}{lora}\
          engine_kwargs:
            max_model_len: 8192
            enable_prefix_caching: true
            enable_prompt_tokens_details: true          # cached tokens, for the fronts' log
            structured_outputs_config: {{backend: guidance, disable_any_whitespace: true}}
{engine_lora}\
          deployment_config:
            max_ongoing_requests: 256                   # vLLM's batch; `sequences` of the fronts is this times replicas
{self.replicas_text(12)}\
            request_router_config:
              request_router_class: ray.serve.llm.request_router.PrefixCacheAffinityRouter
              request_router_kwargs:
                imbalanced_threshold: 16                # prompts begin alike: without it one replica has them all
                do_eviction: true                       # it holds the text of prompts: only so much of it
"""

    def replicas_text(self, indent: int) -> str:
        """The autoscaling's settings."""
        return _autoscaling(self.replicas, 128, indent)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFile:
    """umi's own engine as an OpenAI endpoint: what a cluster without cards, or without vLLM, runs."""

    config: str
    """The path of a cloud.yaml on every node; its `engine` is loaded."""
    name: str
    replicas: Replicas = Replicas()  # frozen

    def __post_init__(self) -> None:
        _check_name(self.name)

    def text(self) -> str:
        """The file."""
        adapters = {role: f"{self.name}:{role}" for role in ("planner", "summarizer")}
        return _head("umi's own engine behind Ray Serve, as an OpenAI endpoint.", self.name, adapters) + (
            _HTTP
            + _application("umi", "/", "umi_cloud.ray_serve.openai_application:build")
            + f"    args: {{config: {json.dumps(self.config)}, model: {json.dumps(self.name)}}}\n"
            + "    deployments:\n      - name: OpenAI\n"
            + _CPU
            + _autoscaling(self.replicas, 4, 8)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedFile:
    """umi's planner and summarizer behind Serve's own gRPC: a front in each replica, for an Envoy to stand before."""

    config: str
    """The path of a cloud.yaml on every node: registry, certificates, engine, limits."""
    proxy_key: str
    """The path, on every node, of the file with the key by which replicas know their Envoy."""
    replicas: Replicas = Replicas()  # frozen

    def text(self) -> str:
        """The file."""
        args = (
            f"    args: {{config: {json.dumps(self.config)}, proxy_key_file: {json.dumps(self.proxy_key)}}}\n"
        )
        text = _HOSTED
        for role in ("planner", "summarizer"):
            text += (
                _application(role, f"/{role}", f"umi_cloud.ray_serve.hosted_application:build_{role}") + args
            )
            text += f"    deployments:\n      - name: {role.capitalize()}\n" + _CPU
            text += _autoscaling(self.replicas, 4, 8)
        return text


def _check_name(name: str) -> None:
    if not name or ":" in name or not name.isprintable():
        raise ConfigError("a model's name has no colon: what comes behind one is an adapter's")


def _head(what: str, name: str, adapters: dict[str, str]) -> str:
    block = {"kind": "openai", "url": "http://HOST:8000/v1", "model": name, "server": "vllm"}
    if adapters:
        block["adapters"] = adapters  # type: ignore[assignment]  # JSON
    lines = "".join(
        f"#     {key}: {value if isinstance(value, str) else json.dumps(value)}\n"
        for key, value in block.items()
    )
    return (
        f"# {what}\n# umi-cloud ray deploy THIS_FILE. umi's fronts stay in front, and speak to it; their cloud.yaml:\n"
        f"#   engine:\n{lines}"
        "#     replicas: {http://ANOTHER_NODE:8000/v1: 1.0}   # every node has a proxy\n"
        "# Nobody but the fronts may reach these ports: Serve asks no one who he is.\n"
    )


_HTTP = """\
proxy_location: EveryNode
http_options: {host: 0.0.0.0, port: 8000, request_timeout_s: 180}
grpc_options: {enable_reflection: false}
logging_config: {enable_access_log: false}
applications:
"""
_HOSTED = """\
# umi's planner and summarizer behind Ray Serve's own gRPC.
# umi-cloud ray deploy THIS_FILE, and an Envoy before it (`umi-cloud ray envoy`): Serve's gRPC has no TLS.
# Nobody but the Envoy may reach these ports.
proxy_location: EveryNode
http_options: {host: 127.0.0.1, port: 8000}
grpc_options:
  port: 9000
  grpc_servicer_functions: [umi_cloud.ray_serve.grpc_methods.add_to_server]
  request_timeout_s: 150          # a little more than `request_seconds` of the cloud.yaml
  enable_reflection: false
logging_config: {enable_access_log: false}
applications:
"""
_CPU = """\
        ray_actor_options: {num_cpus: 1}
        health_check_period_s: 5
        health_check_timeout_s: 60
"""


def _application(name: str, prefix: str, build: str) -> str:
    return f"  - name: {name}\n    route_prefix: {prefix}\n    import_path: {build}\n"


def _autoscaling(replicas: Replicas, ongoing: int, indent: int) -> str:
    space = " " * indent
    return (
        f"{space}autoscaling_config:\n"
        f"{space}  min_replicas: {replicas.least}\n"
        f"{space}  max_replicas: {replicas.most}\n"
        f"{space}  target_ongoing_requests: {ongoing}\n"
    )
