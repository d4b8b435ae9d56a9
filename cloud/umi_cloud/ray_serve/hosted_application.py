"""umi's planner and summarizer as Ray Serve applications behind Serve's own gRPC, for an Envoy to stand before.

Each replica is a front without a port: gate, limits, queue, engine and answers are those of `umi-cloud serve`.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import grpc
from grpc_health.v1 import health_pb2

from umi_cloud.auth.enrolment_desk import EnrolmentDesk
from umi_cloud.auth.live_authority import LiveAuthority
from umi_cloud.auth.registry_at import is_postgres
from umi_cloud.auth.renewal_service import RenewalServicer
from umi_cloud.auth.server_certificate import check_certificates
from umi_cloud.cache_namespace import CacheNamespaces
from umi_cloud.config import CloudConfig, capacity_of
from umi_cloud.engines.errors import EngineDeadError
from umi_cloud.engines.loading import load
from umi_cloud.fleet import Fleet
from umi_cloud.ray_serve.hosted_call import EndedError, HostedCall, ServeContext, streamed
from umi_cloud.request_pipeline import Context
from umi_cloud.server import CloudServer
from umi_cloud.tickets import Tickets
from umi_proto.v1 import enrolment_pb2
from umi_shared.errors import ConfigError
from umi_shared.transcript import AnswerDelta, RationaleDelta
from umi_shared.wire import plan_event_message, summarize_event_message

__all__ = ["HostedFront", "build_planner", "build_summarizer"]

KEY_CHARACTERS = 32
"""The least that a proxy's key has."""
_PLAN_ENDS = plan_event_message(RationaleDelta("")).SerializeToString()
_SUMMARY_ENDS = summarize_event_message(AnswerDelta("")).SerializeToString()


@dataclass(frozen=True, slots=True)
class Piece:
    """A message that is bytes already: Serve asks the messages of its applications for nothing else."""

    message: bytes = field(repr=False)

    def SerializeToString(self) -> bytes:  # noqa: N802  # protobuf's name
        """The bytes."""
        return self.message


class HostedFront:
    """One replica."""

    def __init__(self, config: str, proxy_key_file: str) -> None:
        """Both are paths on the replica's node. Raises ConfigError when one cannot be used."""
        self._config = CloudConfig.read(Path(config))
        self._key = read_key(Path(proxy_key_file))
        self._opening: asyncio.Task[tuple[CloudServer, RenewalServicer]] | None = None

    async def check_health(self) -> None:
        """What Serve asks of a replica before it gets requests, and again and again. Raises what starting does."""
        server, _ = await self._opened()
        if server.engine_dead.is_set():
            raise EngineDeadError("the engine died")

    async def Plan(  # noqa: N802  # the RPC's name
        self, request: bytes, grpc_context: ServeContext
    ) -> AsyncGenerator[Piece, None]:
        """A plan."""
        async for piece in self._answer("Plan", request, grpc_context, _PLAN_ENDS):
            yield Piece(piece)

    async def Summarize(  # noqa: N802  # the RPC's name
        self, request: bytes, grpc_context: ServeContext
    ) -> AsyncGenerator[Piece, None]:
        """An answer."""
        async for piece in self._answer("Summarize", request, grpc_context, _SUMMARY_ENDS):
            yield Piece(piece)

    async def Renew(  # noqa: N802  # the RPC's name
        self, request: bytes, grpc_context: ServeContext
    ) -> enrolment_pb2.RenewResponse:
        """The next certificate of a device."""
        _, renewal = await self._opened()
        call = HostedCall(grpc_context, self._key)
        try:
            asked = enrolment_pb2.RenewRequest.FromString(request)
            return await renewal.answer(asked, call.as_of_device(), relayed=True)
        except EndedError:
            pass
        except Exception:  # Serve would answer with its text
            grpc_context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            grpc_context.set_details("the request cannot be read")
        return enrolment_pb2.RenewResponse()

    async def Check(  # noqa: N802  # the RPC's name
        self, request: bytes, grpc_context: ServeContext
    ) -> health_pb2.HealthCheckResponse:
        """Whether this replica answers; all of its services do, or none."""
        server, _ = await self._opened()
        well = server.readiness.serves
        status = (
            health_pb2.HealthCheckResponse.SERVING if well else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        return health_pb2.HealthCheckResponse(status=status)

    async def _answer(
        self, method: str, request: bytes, context: ServeContext, last: bytes
    ) -> AsyncGenerator[bytes, None]:
        server, _ = await self._opened()
        call = HostedCall(context, self._key)
        caller = cast("Context", call.as_of_device())
        stream = streamed(call, lambda: server.answer(method, request, caller), last)
        try:
            async for piece in stream:
                yield piece
        finally:
            await stream.aclose()

    async def _opened(self) -> tuple[CloudServer, RenewalServicer]:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> tuple[CloudServer, RenewalServicer]:
        config = self._config
        check_certificates(config.certificates_folder, datetime.now(UTC))
        live = LiveAuthority(config.certificates_folder, lifetimes=config.enrolment.lifetimes)
        authority = live.current()
        fleet = await Fleet.join(config)
        server = CloudServer(
            fleet.gate,
            config.server_limits,
            namespaces=CacheNamespaces(authority.derived_key(b"umi cache namespaces")),
            tickets=Tickets(authority.derived_key(b"umi admission tickets")),
        )
        fleet.watch(server)
        loaded = await load(config)
        await server.open(loaded.roles, capacity=capacity_of(config.engine))
        return server, RenewalServicer(EnrolmentDesk(live, fleet.registry, config.enrolment), fleet.registry)


def read_key(path: Path) -> bytes:
    """A proxy's key. Raises ConfigError for a file that cannot be read, or holds no long one."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError("the proxy's key cannot be read", fix="check `proxy_key_file`") from error
    if len(key) < KEY_CHARACTERS:
        raise ConfigError(
            f"the proxy's key has fewer than {KEY_CHARACTERS} characters",
            fix="make one: `openssl rand -hex 32`",
        )
    return key


def build_planner(args: dict[str, Any]) -> Any:
    """The planner, for Serve's `import_path`; `args` are `config` and `proxy_key_file`."""
    return _bound("Planner", args)


def build_summarizer(args: dict[str, Any]) -> Any:
    """The summarizer, likewise."""
    return _bound("Summarizer", args)


def _bound(name: str, args: dict[str, Any]) -> Any:
    from ray import serve  # noqa: PLC0415  # an optional dependency, and a slow one

    config = CloudConfig.read(Path(args["config"]))
    if config.unsafe_plaintext_loopback or not is_postgres(config.state):
        raise ConfigError(
            "replicas on several nodes share their registry",
            fix="let `state` be a postgresql://… of the cloud.yaml, with `certificates`",
        )
    queue = capacity_of(config.engine) + config.admission.queued
    deployment = serve.deployment(HostedFront, name=name, max_ongoing_requests=queue)
    return deployment.bind(args["config"], args["proxy_key_file"])
