"""What watches one server, as its configuration says: metrics and probes on the watch port, traces to a collector."""

import asyncio
import math
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cryptography import x509

from umi_cloud.auth.authority import AuthorityFiles
from umi_cloud.config import CloudConfig, OpenAISettings, ScriptedSettings
from umi_cloud.extras import require
from umi_cloud.fleet import Fleet
from umi_cloud.server import CloudServer

if TYPE_CHECKING:
    from umi_cloud.observation.traces import RequestTraces
    from umi_cloud.observation.watch_port import WatchPort

__all__ = ["Observation", "check_packages"]

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"  # the server's file begins with its key


def check_packages(config: CloudConfig) -> None:
    """Raise a `ConfigError` where the configuration wants watching, and a package that this needs is missing."""
    if config.watch_listen:
        require("watch", "prometheus_client")
    if config.traces:
        require("watch", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


@dataclass(slots=True)
class Observation:
    """Watches until it is closed."""

    _port: "WatchPort | None" = None
    _traces: "RequestTraces | None" = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Where the watch port listens; empty for nowhere."""
        return "" if self._port is None else self._port.address

    @classmethod
    async def begin(cls, config: CloudConfig, server: CloudServer, fleet: Fleet | None = None) -> Self:
        """Watch a server, and the registry that it follows.

        Raises `ConfigError` where a package is missing, or the port is taken.
        """
        check_packages(config)
        port = await _watch_port(config, server, fleet) if config.watch_listen else None
        traces = _traces(config, server) if config.traces else None
        return cls(port, traces)

    async def close(self) -> None:
        """Stop listening, and send the traces that are left."""
        if self._port is not None:
            await self._port.close()
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close)


async def _watch_port(config: CloudConfig, server: CloudServer, fleet: Fleet | None) -> "WatchPort":
    from umi_cloud.observation.metrics import ServerMetrics, ServerState  # noqa: PLC0415  # an extra
    from umi_cloud.observation.watch_port import Page, WatchPort  # noqa: PLC0415

    metrics = ServerMetrics(
        ServerState(
            running=lambda: server.running,
            at_once=lambda: server.at_once,
            waiting=lambda: server.waiting,
            ready=lambda: server.readiness.serves,
            registry_lost_seconds=lambda: fleet.lost_seconds() if fleet is not None else 0.0,
            clock_skew=lambda: fleet.clock_skew() if fleet is not None else 0.0,
            backup_age=lambda: fleet.backup_age() if fleet is not None else math.nan,
            certificates=lambda: (
                {} if config.unsafe_plaintext_loopback else _certificate_ends(config.certificates_folder)
            ),
        )
    )
    server.observers.append(metrics.observe)

    def ready() -> Page:
        troubles = ", ".join(server.readiness.troubles())
        if server.readiness.serves:
            return Page(200, f"ready{f', but: {troubles}' if troubles else ''}\n".encode())
        return Page(503, f"not ready: {troubles}\n".encode())

    return await WatchPort.open(
        config.watch_listen,
        {
            "/metrics": lambda: Page(200, metrics.text()),
            "/livez": lambda: (
                Page(503, b"the engine died\n") if server.engine_dead.is_set() else Page(200, b"alive\n")
            ),
            "/readyz": ready,
        },
    )


def _traces(config: CloudConfig, server: CloudServer) -> "RequestTraces":
    from umi_cloud.observation.traces import RequestTraces, span_exporter  # noqa: PLC0415

    engine = config.engine
    model = "scripted" if isinstance(engine, ScriptedSettings) else str(engine.model)
    system = engine.server.value if isinstance(engine, OpenAISettings) else engine.kind
    traces = RequestTraces(span_exporter(config.traces), model=model, system=system)
    server.observers.append(traces.observe)
    return traces


def _certificate_ends(folder: Path) -> dict[str, datetime]:
    """When the server's certificate and the authority's end; without those that cannot be read."""
    files = AuthorityFiles(folder)
    found = {}
    for whose, path in (("server", files.server), ("authority", files.ca_certificate)):
        try:
            pem = path.read_bytes()
            found[whose] = x509.load_pem_x509_certificate(pem[pem.index(_CERTIFICATE) :]).not_valid_after_utc
        except (OSError, ValueError):
            continue
    return found
