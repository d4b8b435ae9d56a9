"""Renewals over gRPC: in time on the mTLS port, and late on the port that asks for no certificate."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Protocol

import grpc

from umi_cloud.auth.enrolment_desk import Enrolled, EnrolmentDesk, Refusable
from umi_cloud.auth.identity import AuthContext, host_of, identify
from umi_cloud.auth.proxies import Proxies
from umi_cloud.auth.registry import Registry
from umi_cloud.auth.relayed_call import RelayedCall
from umi_proto.v1 import enrolment_pb2 as pb
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.errors import RefusedError

__all__ = ["LateRenewalServicer", "RenewalServicer"]

ANSWER_SECONDS = 10.0
"""How long the answer to a challenge may take."""


class RenewalCall(AuthContext, Refusable, Protocol):
    """The part of grpc.aio.ServicerContext that a renewal needs."""


class RenewalServicer(pb_grpc.RenewalServicer):
    """`Renew` on the mTLS port."""

    def __init__(self, desk: EnrolmentDesk, registry: Registry, proxies: Proxies | None = None) -> None:
        self._desk = desk
        self._registry = registry
        self._proxies = proxies

    async def Renew(  # noqa: N802  # the RPC's name
        self,
        request: pb.RenewRequest,
        context: grpc.aio.ServicerContext[pb.RenewRequest, pb.RenewResponse],
    ) -> pb.RenewResponse:
        """Exchange a certificate that is about to expire for the next one."""
        caller = context if self._proxies is None else self._proxies.caller(context)
        return await self.answer(request, caller, relayed=isinstance(caller, RelayedCall))

    async def answer(self, request: pb.RenewRequest, call: RenewalCall, *, relayed: bool) -> pb.RenewResponse:
        """The next certificate of the device that a call comes from; `relayed`: by the word of a proxy."""
        name = ""
        try:
            device = identify(call)
            name = device.name
            await self._registry.check(device)
            self._desk.count_renewal(device)
            if relayed:
                (pem, *_) = call.auth_context()["x509_pem_cert"]
                self._desk.check_signed(request, pem)
            enrolled = await self._desk.renew(device, request.csr_pem, address=host_of(call.peer()))
        except Exception as error:  # nothing may reach gRPC, which would send its text to a stranger
            await self._desk.refuse(call, error, name)
        return enrolled.renewal()


class LateRenewalServicer(pb_grpc.LateRenewalServicer):
    """`RenewLate` on the port that asks for no certificate.

    One stream, so the challenge needs no memory: behind a balancer, question and answer reach the same front.
    """

    def __init__(self, desk: EnrolmentDesk) -> None:
        self._desk = desk

    async def RenewLate(  # noqa: N802  # the RPC's name
        self,
        request_iterator: AsyncIterator[pb.RenewLateRequest],
        context: grpc.aio.ServicerContext[pb.RenewLateRequest, pb.RenewLateResponse],
    ) -> AsyncIterator[pb.RenewLateResponse]:
        """Exchange a certificate that has ended for the next."""
        challenge = secrets.token_bytes(32)
        try:
            with self._desk.challenged(context.peer()):
                yield pb.RenewLateResponse(challenge=challenge)
                answer = await _answer(request_iterator)
            enrolled = await self._renew(answer, challenge, context.peer())
        except Exception as error:  # as above
            await self._desk.refuse(context, error)
        yield pb.RenewLateResponse(renewed=enrolled.renewal())

    async def _renew(self, request: pb.RenewLateRequest, challenge: bytes, peer: str) -> Enrolled:
        try:
            device = self._desk.proven(request, challenge)
        except RefusedError:
            # Whoever proves nothing is a stranger, and takes nothing from laptops.
            self._desk.count_attempt(peer)
            raise
        self._desk.count_renewal(device)
        return await self._desk.renew_late(device, request.csr_pem, address=host_of(peer))


async def _answer(requests: AsyncIterator[pb.RenewLateRequest]) -> pb.RenewLateRequest:
    with suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(ANSWER_SECONDS):
            return await anext(aiter(requests))
    raise RefusedError("no answer came to the challenge", reason="PROOF_INVALID")
