"""One running cloud: the service port, the enrolment port, the registry and the engine, started and stopped."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import grpc

from umi_cloud.auth.credentials import enrolment_credentials, server_credentials
from umi_cloud.auth.enrolment_desk import EnrolmentDesk
from umi_cloud.auth.enrolment_service import make_enrolment_server
from umi_cloud.auth.live_authority import LiveAuthority
from umi_cloud.auth.login import LoginDesk
from umi_cloud.auth.proxies import Proxies
from umi_cloud.auth.registry_at import is_postgres
from umi_cloud.auth.renewal_service import RenewalServicer
from umi_cloud.auth.server_certificate import CertificateWatch, check_certificates, renew_when_due
from umi_cloud.cache_namespace import CacheNamespaces
from umi_cloud.config import CloudConfig, OpenAISettings, capacity_of, listen_host
from umi_cloud.connection_watch import ConnectionWatch, make_room
from umi_cloud.device_gate import UnsafeLoopbackGate
from umi_cloud.engine_wait import load_when_there
from umi_cloud.engine_watch import follow_load
from umi_cloud.engines.loading import Announce, Loaded
from umi_cloud.fleet import Fleet
from umi_cloud.observation.observation import Observation
from umi_cloud.server import CloudServer
from umi_cloud.tickets import Tickets
from umi_proto.v1 import enrolment_pb2_grpc
from umi_shared.enrolment_token import join_address
from umi_shared.errors import ConfigError

__all__ = ["Deployment"]

_OTHER_DESCRIPTORS = 256
"""For the model, the registry, the engine's connections and the log."""


@dataclass(slots=True, kw_only=True)
class Deployment:
    """What `umi-cloud serve` runs.

    `start` listens at once, while health says NOT_SERVING; after `load` or `open` health says SERVING.
    """

    config: CloudConfig
    server: CloudServer
    address: str
    enrol_address: str
    """Empty where devices cannot enrol here."""
    _fleet: Fleet | None
    _enrolment: grpc.aio.Server | None
    _observation: Observation
    _loaded: Loaded | None = None
    _following: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, config: CloudConfig) -> Self:
        """Listen on all ports.

        Raises `ConfigError` when the certificates or the registry cannot be used, or a port is taken.
        """
        if config.unsafe_plaintext_loopback:
            server = CloudServer(UnsafeLoopbackGate(), config.server_limits, reflection=config.reflection)
            observation = await Observation.begin(config, server)
            port = await server.start(config.listen, None)
            return cls(
                config=config,
                server=server,
                address=join_address(listen_host(config.listen), port),
                enrol_address="",
                _fleet=None,
                _enrolment=None,
                _observation=observation,
            )
        return await cls._start_with_tls(config)

    @classmethod
    async def _start_with_tls(cls, config: CloudConfig) -> Self:
        renews = not is_postgres(config.state)
        _make_room(config)
        live = LiveAuthority(config.certificates_folder, lifetimes=config.enrolment.lifetimes)
        authority = live.current()
        proxies = Proxies(config.proxy, live) if config.proxy.names else None
        fleet = await Fleet.join(config)
        observation = Observation()
        try:
            # Not before the registry is there: what is renewed goes into its audit.
            if renews and _renewed(config):
                await fleet.note_renewed_server()
            check_certificates(config.certificates_folder, datetime.now(UTC))
            credentials = server_credentials(config.certificates_folder, config.proxy)
            namespaces = CacheNamespaces(authority.derived_key(b"umi cache namespaces"))
            server = CloudServer(
                fleet.gate,
                config.server_limits,
                namespaces=namespaces,
                tickets=Tickets(authority.derived_key(b"umi admission tickets")),
                calendar=fleet.registry.store.now,
                reflection=config.reflection,
                proxies=proxies,
            )
            desk = EnrolmentDesk(
                live,
                fleet.registry,
                config.enrolment,
                login=LoginDesk(config.login),
                refusals=server.refusals,
            )
            enrolment_pb2_grpc.add_RenewalServicer_to_server(
                RenewalServicer(desk, fleet.registry, proxies), server.server
            )
            observation = await Observation.begin(config, server, fleet)
            enrolment, enrol_address = None, ""
            if config.enrol_listen:
                enrolment, enrol_port = make_enrolment_server(
                    desk, enrolment_credentials(config.certificates_folder), config.enrol_listen
                )
                enrol_address = join_address(listen_host(config.enrol_listen), enrol_port)
            port = await server.start(config.listen, credentials)
            if enrolment is not None:
                await enrolment.start()
            fleet.watch(server)
            fleet.attend(server.connections.run(port))
            fleet.attend(server.refusals.run())
            fleet.attend(fleet.forget_old(audit_days=config.audit_days, use_days=config.use_days))
            fleet.attend(fleet.watch_backups())
            certificates = CertificateWatch(
                config.certificates_folder,
                _teller(server),
                renews=renews,
                renewed=fleet.note_renewed_server,
            )
            fleet.attend(certificates.run())
            if config.enrol_listen:
                strangers = ConnectionWatch(config.enrolment.connection_limits, strangers_only=True)
                fleet.attend(strangers.run(enrol_port))
        except BaseException:
            await observation.close()
            await fleet.leave()
            raise
        return cls(
            config=config,
            server=server,
            address=join_address(listen_host(config.listen), port),
            enrol_address=enrol_address,
            _fleet=fleet,
            _enrolment=enrolment,
            _observation=observation,
        )

    @property
    def watch_address(self) -> str:
        """Where probes and Prometheus ask; empty for nowhere."""
        return self._observation.address

    async def load(self, announce: Announce = lambda _line: None) -> Loaded:
        """Load the configured engine and serve; wait for one elsewhere that is not there yet.

        Raises what `load_when_there` does.
        """
        loaded = await load_when_there(self.config, announce, self.server.await_engine)
        await self.open(loaded)
        return loaded

    async def open(self, loaded: Loaded) -> None:
        """Serve what a program has loaded itself; `stop` closes its engine."""
        self._loaded = loaded
        elsewhere = isinstance(self.config.engine, OpenAISettings)
        await self.server.open(loaded.roles, capacity=capacity_of(self.config.engine), adaptive=elsewhere)
        if loaded.ask_load is not None:
            self._following = asyncio.create_task(follow_load(loaded.ask_load, self.server.tell_load))

    async def stop(self, seconds: float | None = None) -> int:
        """Let requests end within `seconds` (None: the configured time), then free everything.

        Returns how many requests had to be ended.
        """
        enrolment = self._enrolment.stop(1.0) if self._enrolment is not None else asyncio.sleep(0)
        late, _ = await asyncio.gather(self.server.drain(seconds), enrolment)
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self._loaded is not None:
            await self._loaded.engine.close()
        if self._fleet is not None:
            await self._fleet.leave()
        await self._observation.close()
        return late


def _renewed(config: CloudConfig) -> bool:
    """Whether the server's certificate was about to end, and is renewed."""
    with contextlib.suppress(ConfigError):  # a folder that others write; whether it matters is seen next
        return renew_when_due(config.certificates_folder)
    return False


def _teller(server: CloudServer) -> Callable[[bool], Awaitable[None]]:
    async def tell(well: bool) -> None:  # a callback
        server.readiness.certificate = well
        if not server.readiness.draining:
            await server.tell_health()

    return tell


def _make_room(config: CloudConfig) -> None:
    """Raises ConfigError when the system does not let this process hold the connections that are configured."""
    needed = config.connections.open + config.enrolment.connections + _OTHER_DESCRIPTORS
    most = make_room(needed)
    if most is not None:
        raise ConfigError(
            f"{config.connections.open} connections need {needed} descriptors, and this process may have {most}",
            fix="raise the limit (`ulimit -Hn`, or `LimitNOFILE=` of systemd), or lower `connections: {open: …}`",
        )
