"""The service port: Planner, Summarizer and health over grpc.aio."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from umi_cloud.admission import Admission, AdmissionLimits
from umi_cloud.auth.proxies import Proxies
from umi_cloud.auth.relayed_call import RelayedCall
from umi_cloud.cache_namespace import CacheNamespaces
from umi_cloud.connection_watch import ConnectionWatch
from umi_cloud.connections import ConnectionLimits
from umi_cloud.device_gate import DeviceGate
from umi_cloud.engines.engine_load import EngineLoad
from umi_cloud.in_flight import InFlightRequests
from umi_cloud.planner import Planner
from umi_cloud.readiness import Readiness
from umi_cloud.refusal_log import RefusalLog
from umi_cloud.request_pipeline import Context, Observer, RequestPipeline, Rpc
from umi_cloud.summarizer import Summarizer
from umi_cloud.tickets import Tickets
from umi_shared.errors import ConfigError, RefusedError
from umi_shared.wire import Request, WireLimits, plan_events_message, read_request, summarize_events_message

__all__ = ["CloudServer", "Roles", "ServerLimits"]

PLANNER = "umi_proto.v1.Planner"
SUMMARIZER = "umi_proto.v1.Summarizer"
_RUNNING_MAX = 1024
_SERVING = health_pb2.HealthCheckResponse.SERVING
_LOOKAHEAD_BYTES = 256 * 1024
"""How much of a request is taken in before the device waits to be told to go on; most are a tenth of it."""
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_SERVING_NAMES = ("", PLANNER, SUMMARIZER)
_ENROLLING_NAMES = ("umi_proto.v1.Enrolment", "umi_proto.v1.Renewal")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """The limits of the service port."""

    wire: WireLimits = field(default_factory=WireLimits)
    admission: AdmissionLimits = field(default_factory=AdmissionLimits)
    request_seconds: float = 120.0
    """How long a request may take, its wait in the queue included; a device may ask for less."""
    drain_seconds: float = 20.0
    """How long a shutdown waits for requests under way."""
    metadata_bytes: int = 8 * 1024
    """Bytes of metadata in one request."""
    streams_per_connection: int = 128
    """Requests open at the same time on one connection."""
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    keepalive_seconds: float = 60.0
    """A connection that is silent for this long is asked whether it still lives."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles that answer requests."""

    planner: Planner
    summarizer: Summarizer


class CloudServer:
    """Serves roles on one port. `start`, then `open` when the model is there, and `drain` at the end."""

    def __init__(
        self,
        gate: DeviceGate,
        limits: ServerLimits = ServerLimits(),
        *,
        namespaces: CacheNamespaces | None = None,
        tickets: Tickets | None = None,
        calendar: Callable[[], float] = time.time,
        reflection: bool = False,
        proxies: Proxies | None = None,
    ) -> None:
        """Without `namespaces`, each device gets one that lasts as long as this server; `tickets` likewise.

        `proxies` tells calls that a named proxy brings from those that a device makes itself.

        `calendar` is the time (seconds since 1970) that all fronts agree on.
        """
        self._limits = limits
        self._proxies = proxies
        self._roles: Roles | None = None
        self._engine_awaited = False
        self._in_flight = InFlightRequests(limits.request_seconds)
        self._admission = Admission(limits.admission, calendar=calendar, tickets=tickets)
        self.observers: list[Observer] = []
        """Each is told of every request as it ends."""
        self.refusals = RefusalLog()
        """What is refused, here and by whoever else is given it."""
        self._pipeline = RequestPipeline(
            gate,
            self._admission,
            self._in_flight,
            namespaces or CacheNamespaces.temporary(),
            self._engine_died,
            lambda context: self.connections.admitted(context.peer()),
            self.observers,
            self.refusals,
        )
        self._rpcs = self._made_rpcs()
        self.connections = ConnectionWatch(limits.connections)
        """Follows the connections of the service port while somebody runs it."""
        self._health = _UnwatchedHealth()
        self.readiness = Readiness()
        """What health says; whoever changes it calls `tell_health`."""
        self.engine_dead = asyncio.Event()
        """Set when the engine is gone for good; health says NOT_SERVING then, and a restart is due."""
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=(limits.admission.running or _RUNNING_MAX)
            + limits.admission.queued
            + 256,
            options=_options(limits),
        )
        self._server.add_generic_rpc_handlers(tuple(self._handlers()))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if reflection:
            _reflect(self._server)

    @property
    def server(self) -> grpc.aio.Server:
        """The gRPC server, to add more services to before `start`."""
        return self._server

    @property
    def under_way(self) -> int:
        """Requests that run or wait now."""
        return self._in_flight.count

    @property
    def running(self) -> int:
        """Requests in the engine now."""
        return self._admission.running

    @property
    def at_once(self) -> int:
        """Requests that may be in the engine now."""
        return self._admission.at_once

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return self._admission.queued

    async def _engine_died(self) -> None:
        self.engine_dead.set()
        self.readiness.engine = False
        await self.tell_health()

    async def tell_health(self) -> None:
        """Answer health checks by `readiness`."""
        for names, well in (
            (_SERVING_NAMES, self.readiness.serves),
            (_ENROLLING_NAMES, self.readiness.enrols),
        ):
            for name in names:
                await self._health.set(name, _SERVING if well else _NOT_SERVING)

    async def start(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Listen; returns the port (for `HOST:0`). Health says NOT_SERVING until `open`.

        No credentials means plaintext: the caller has made sure that the address is loopback.
        Raises `ConfigError` when it cannot listen there.
        """
        await self.tell_health()
        try:
            if credentials is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise ConfigError(
                f"cannot listen on {address}",
                fix="choose a free port, and an address of this machine, with `listen`",
            ) from error
        await self._server.start()
        return port

    def await_engine(self) -> None:
        """The engine is elsewhere, and cannot be reached; laptops are told until `open`."""
        self._engine_awaited = True

    async def open(self, roles: Roles, *, capacity: int = 0, adaptive: bool = False) -> None:
        """Answer requests from now on; health says SERVING. `capacity`: requests that the engine takes at once.

        With `adaptive` that is the most, and as many run as the engine answers well.
        """
        if capacity:
            self._admission.follow(min(capacity, _RUNNING_MAX), adaptive=adaptive)
        self._roles = roles
        self.readiness.engine = True
        await self.tell_health()

    def tell_load(self, load: EngineLoad | None) -> None:
        """How busy the engine is, as it says itself; None where it does not."""
        self._admission.engine(crowded=load is not None and load.crowded)

    async def answer(self, method: str, request: bytes, context: Context) -> None:
        """Answer a `Plan` or a `Summarize` that another host took in, as on this server's own port."""
        await self._pipeline.serve(self._rpcs[method], request, context)

    async def drain(self, seconds: float | None = None) -> int:
        """Refuse new requests, let those under way end within `drain_seconds`, then end them and stop.

        Returns how many had to be ended.
        """
        patience = self._limits.drain_seconds if seconds is None else seconds
        self.readiness.draining = True
        await self._health.enter_graceful_shutdown()
        late = await self._in_flight.drain(patience)
        self.refusals.flush()
        await self._server.stop(0.5)  # the last statuses still go out
        return late

    def hurry(self) -> None:
        """End the requests that a drain under way still waits for."""
        self._in_flight.hurry()

    def _handlers(self) -> Iterable[grpc.GenericRpcHandler]:
        yield self._handler(PLANNER, "Plan")
        yield self._handler(SUMMARIZER, "Summarize")

    def _made_rpcs(self) -> dict[str, Rpc]:
        plan = Rpc(
            name="plan",
            read=self._read,
            role=lambda: self._opened().planner.plan,
            write=lambda events: plan_events_message(events).SerializeToString(),
        )
        summarize = Rpc(
            name="summarize",
            read=self._read,
            role=lambda: self._opened().summarizer.summarize,
            write=lambda events: summarize_events_message(events).SerializeToString(),
        )
        return {"Plan": plan, "Summarize": summarize}

    def _handler(self, service: str, method: str) -> grpc.GenericRpcHandler:
        # Requests come as bytes: parsed by gRPC, a malformed one would be logged with its trace, and answered
        # with an exception's text.
        async def behaviour(request: bytes, context: Context) -> None:
            caller = context if self._proxies is None else self._proxies.caller(context)
            if isinstance(caller, RelayedCall):
                if caller.named:
                    self.connections.note_proxy(context.peer())
            else:
                self.connections.note(context, context.peer())
            await self.answer(method, request, cast("Context", caller))

        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(behaviour)
        return grpc.method_handlers_generic_handler(service, {method: handler})

    def _read(self, raw: bytes) -> Request:
        self._opened()  # before anything is charged or queued
        return read_request(raw, self._limits.wire)

    def _opened(self) -> Roles:
        if self._roles is None and self._engine_awaited:
            raise RefusedError(
                "the planner's engine is not there yet",
                reason="ENGINE_UNREACHABLE",
                retry_after_seconds=5.0,
                fix="try again in a moment; if it stays so, tell the operator",
            )
        if self._roles is None:
            raise RefusedError(
                "the server is still loading its model",
                reason="LOADING",
                retry_after_seconds=5.0,
                fix="try again in a moment",
            )
        return self._roles


class _UnwatchedHealth(health.aio.HealthServicer):  # type: ignore[misc]  # the package has no types
    """The standard health service without `Watch`.

    No gate asks who calls it, so that open watches of one revoked certificate would hold the places of all requests.
    """

    async def Watch(  # noqa: N802  # the RPC's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> None:
        # The status that the health protocol has for it: clients take the server to be well, and ask no more.
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server answers Check only")


def _options(limits: ServerLimits) -> list[tuple[str, int]]:
    milliseconds = round(limits.keepalive_seconds * 1000)
    return [
        ("grpc.max_receive_message_length", limits.wire.message_bytes),
        ("grpc.max_send_message_length", limits.wire.message_bytes),
        ("grpc.max_metadata_size", limits.metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.metadata_bytes),
        ("grpc.max_concurrent_streams", limits.streams_per_connection),
        # gRPC takes in one request for each turn of the event loop, and by default cancels those that wait 30 s for it.
        ("grpc.server_max_unrequested_time_in_server", math.ceil(limits.request_seconds)),
        ("grpc.keepalive_time_ms", milliseconds),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 15_000),  # laptops may ask too, but not flood
        ("grpc.max_allowed_incoming_connections", limits.connections.open),
        ("grpc.server_handshake_timeout_ms", round(limits.connections.handshake_seconds * 1000)),
        ("grpc.max_connection_idle_ms", round(limits.connections.idle_seconds * 1000)),
        # A ping for nearly every plan finds out how much a connection takes; requests are too small to use it.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", _LOOKAHEAD_BYTES),
        ("grpc.so_reuseport", 0),  # a second server on this port is an error, not a lottery
    ]


def _reflect(server: grpc.aio.Server) -> None:
    try:
        from grpc_reflection.v1alpha import reflection  # noqa: PLC0415  # an optional dependency
    except ImportError as error:
        raise ConfigError(
            "`reflection` needs the package grpcio-reflection",
            fix="install umi-runtime[reflection], or turn `reflection` off",
        ) from error
    reflection.enable_server_reflection((PLANNER, SUMMARIZER, reflection.SERVICE_NAME), server)
