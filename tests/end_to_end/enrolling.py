"""A cloud without a model: its enrolment port, and a service port that says who calls. Real servers, real TLS."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc

from umi_cloud.auth.abort import abort_refused
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.credentials import enrolment_credentials, server_credentials
from umi_cloud.auth.enrolment_desk import EnrolmentDesk
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_cloud.auth.enrolment_service import make_enrolment_server
from umi_cloud.auth.identity import identify
from umi_cloud.auth.live_authority import LiveAuthority
from umi_cloud.auth.login import LoginDesk, LoginSettings
from umi_cloud.auth.registry import Registry
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.renewal_service import RenewalServicer
from umi_cloud.auth.tokens import mint
from umi_edge.connection.connection import Connection, open_channel
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.enrolment_token import EnrolmentToken
from umi_shared.errors import RefusedError


class Clock:
    """A clock that a test can set ahead or back."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass
class Deployment:
    """A cloud: its enrolment port, and its service port with one method that says who calls."""

    state: Path
    authority: Authority
    registry: Registry
    clock: Clock
    enrolment_address: str
    service_address: str

    async def token(
        self, name: str = "alices-laptop", valid: timedelta = timedelta(hours=1)
    ) -> EnrolmentToken:
        minted = await mint(
            self.authority,
            self.registry,
            name,
            service_address=self.service_address,
            enrolment_address=self.enrolment_address,
            valid=valid,
        )
        return minted.token

    async def text(self, name: str = "alices-laptop") -> str:
        return (await self.token(name)).text()


def who(registry: Registry) -> grpc.GenericRpcHandler:
    async def ask(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        try:
            device = identify(context)
            await registry.begin_call(device, secrets.token_hex(8), Quota(concurrent=1000))
            return device.name.encode()
        except RefusedError as error:
            await abort_refused(context, error)

    return grpc.method_handlers_generic_handler("test.Who", {"Ask": grpc.unary_unary_rpc_method_handler(ask)})


@contextlib.asynccontextmanager
async def serving(
    state: Path,
    clock: Clock,
    limits: EnrolmentLimits,
    login: Callable[[str], LoginSettings] = lambda _address: LoginSettings(),
) -> AsyncIterator[Deployment]:
    authority = Authority.init(state, lifetimes=limits.lifetimes, clock=clock)
    async with registry_at(state, clock=clock) as registry:
        service = grpc.aio.server()
        service_port = service.add_secure_port("127.0.0.1:0", server_credentials(state))
        live = LiveAuthority(state, lifetimes=limits.lifetimes, clock=clock)
        logins = LoginDesk(login(f"localhost:{service_port}"))
        desk = EnrolmentDesk(live, registry, limits, login=logins, calendar=clock)
        enrolment, enrolment_port = make_enrolment_server(desk, enrolment_credentials(state), "127.0.0.1:0")
        service.add_generic_rpc_handlers((who(registry),))
        pb_grpc.add_RenewalServicer_to_server(RenewalServicer(desk, registry), service)
        await enrolment.start()
        await service.start()
        try:
            yield Deployment(
                state,
                authority,
                registry,
                clock,
                f"127.0.0.1:{enrolment_port}",
                f"localhost:{service_port}",
            )
        finally:
            await enrolment.stop(None)
            await service.stop(None)


async def ask(connection: Connection) -> str:
    channel = open_channel(connection)
    async with channel:
        return (await channel.unary_unary("/test.Who/Ask")(b"", timeout=10)).decode()
