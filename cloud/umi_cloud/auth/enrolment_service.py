"""The enrolment port: it asks for no certificate, and gives one for a token or a login."""

import grpc

from umi_cloud.auth.enrolment_desk import EnrolmentDesk
from umi_cloud.auth.identity import host_of
from umi_cloud.auth.renewal_service import LateRenewalServicer
from umi_proto.v1 import enrolment_pb2 as pb
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.errors import ConfigError, RefusedError

__all__ = ["EnrolmentServicer", "make_enrolment_server"]


class EnrolmentServicer(pb_grpc.EnrolmentServicer):
    """`Enrol` on the port that asks for no certificate."""

    def __init__(self, desk: EnrolmentDesk) -> None:
        self._desk = desk

    async def Enrol(  # noqa: N802  # the RPC's name
        self,
        request: pb.EnrolRequest,
        context: grpc.aio.ServicerContext[pb.EnrolRequest, pb.EnrolResponse],
    ) -> pb.EnrolResponse:
        """Exchange a token for a certificate."""
        try:
            self._desk.count_attempt(context.peer())
            enrolled = await self._desk.enrol(
                request.token_secret, request.csr_pem, address=host_of(context.peer())
            )
        except Exception as error:  # nothing may reach gRPC, which would send its text to a stranger
            await self._desk.refuse(context, error)
        return pb.EnrolResponse(certificate_pem=enrolled.certificate_pem, ca_pem=enrolled.ca_pem)

    async def DescribeLogin(  # noqa: N802  # the RPC's name
        self,
        request: pb.DescribeLoginRequest,
        context: grpc.aio.ServicerContext[pb.DescribeLoginRequest, pb.DescribeLoginResponse],
    ) -> pb.DescribeLoginResponse:
        """Say where people log in."""
        settings = self._desk.login.settings
        try:
            self._desk.count_attempt(context.peer())
            if not settings.issuer:
                raise RefusedError("nobody can log in here", reason="LOGIN_UNAVAILABLE")
        except Exception as error:  # as above
            await self._desk.refuse(context, error)
        return pb.DescribeLoginResponse(
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            scopes=settings.scopes,
            service_address=settings.service_address,
            without_browser=settings.without_browser,
        )

    async def EnrolByLogin(  # noqa: N802  # the RPC's name
        self,
        request: pb.EnrolByLoginRequest,
        context: grpc.aio.ServicerContext[pb.EnrolByLoginRequest, pb.EnrolByLoginResponse],
    ) -> pb.EnrolByLoginResponse:
        """Exchange an ID token for a certificate."""
        try:
            self._desk.count_attempt(context.peer())
            name, enrolled = await self._desk.enrol_by_login(request, address=host_of(context.peer()))
        except Exception as error:  # as above
            await self._desk.refuse(context, error)
        return pb.EnrolByLoginResponse(
            certificate_pem=enrolled.certificate_pem, ca_pem=enrolled.ca_pem, device=name
        )


def make_enrolment_server(
    desk: EnrolmentDesk, credentials: grpc.ServerCredentials, address: str
) -> tuple[grpc.aio.Server, int]:
    """The gRPC server of the enrolment port, bound but not started, and its port (for `HOST:0`).

    Raises `ConfigError` when it cannot listen there.
    """
    limits = desk.limits
    server = grpc.aio.server(
        maximum_concurrent_rpcs=limits.concurrent_calls,
        options=[
            ("grpc.max_receive_message_length", limits.message_bytes),
            ("grpc.max_metadata_size", limits.metadata_bytes),
            ("grpc.absolute_max_metadata_size", limits.metadata_bytes),
            ("grpc.max_concurrent_streams", limits.concurrent_calls),
            ("grpc.max_allowed_incoming_connections", limits.connections),
            ("grpc.server_handshake_timeout_ms", round(limits.handshake_seconds * 1000)),
            ("grpc.max_connection_age_ms", limits.connection_seconds * 1000),
            ("grpc.so_reuseport", 0),  # a second server on this port is an error, not a lottery
        ],
    )
    pb_grpc.add_EnrolmentServicer_to_server(EnrolmentServicer(desk), server)
    pb_grpc.add_LateRenewalServicer_to_server(LateRenewalServicer(desk), server)
    try:
        return server, server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ConfigError(
            f"cannot listen for enrolments on {address}",
            fix="choose a free port, and an address of this machine",
        ) from error
