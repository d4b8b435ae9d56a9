"""Enrolment and renewal: a one-time token, or a certificate, and a signing request in, the next certificate out.

`EnrolmentDesk` decides and knows no gRPC; the two servicers carry its answers. Covered: replayed, expired,
guessed and raced tokens, keys of certificates that were replaced since, oversized and malformed requests, floods from
one address and from many.
Not covered: a flood that fills the network, or a thief who is faster than the token's owner (the owner then
sees TOKEN_USED, and the operator revokes the name).
"""

import asyncio
import hashlib
import ipaddress
import re
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn, Protocol

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from umi_cloud.auth import certificates
from umi_cloud.auth.abort import Abortable
from umi_cloud.auth.audit import Origin
from umi_cloud.auth.bucket import TokenBucket
from umi_cloud.auth.certificates import Lifetimes
from umi_cloud.auth.identity import AuthContext, Device, host_of, identify
from umi_cloud.auth.live_authority import AuthoritySource
from umi_cloud.auth.login import LoginDesk, LoginSettings, Person
from umi_cloud.auth.proxies import Proxies
from umi_cloud.auth.registry import Ownership, Registry
from umi_cloud.auth.relayed_call import RelayedCall
from umi_cloud.auth.tokens import secret_digest
from umi_cloud.connections import ConnectionLimits
from umi_cloud.refusal_log import RefusalLog, Refused
from umi_cloud.status import abort, refusal_of
from umi_proto.v1 import enrolment_pb2 as pb
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.errors import ConfigError, RefusedError
from umi_shared.renewal_proof import late_words, renewal_words
from umi_shared.settings import MAY_BE_ZERO

__all__ = [
    "Enrolled",
    "EnrolmentDesk",
    "EnrolmentLimits",
    "EnrolmentServicer",
    "LateRenewalServicer",
    "RenewalServicer",
    "make_enrolment_server",
]

MAX_SECRET_CHARACTERS = 64
ANSWER_SECONDS = 10.0
"""How long the answer to a challenge may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentLimits:
    """What strangers may ask of the enrolment port."""

    attempts_per_minute_per_peer: int = 10
    """Attempts from one IPv4 address, or from one IPv6 /64."""
    attempts_per_minute: int = 600
    """Attempts from all addresses together."""
    peers: int = 4096
    """How many addresses are remembered; the one unseen for longest is forgotten first."""
    message_bytes: int = 16 * 1024
    """Bytes in one request."""
    metadata_bytes: int = 8 * 1024
    """Bytes of metadata in one request."""
    concurrent_calls: int = 32
    """Calls open at the same time, from all addresses together."""
    connections: int = 256
    """Connections at once: a budget of the enrolment port's own."""
    connections_per_address: int = 16
    """Connections at once from one IPv4 address, or from one IPv6 /64."""
    handshake_seconds: float = 10.0
    """How long a TLS handshake may take."""
    connection_seconds: int = 60
    """How long one connection may last."""
    renewals_per_minute_per_device: int = 4
    """Renewals that one device may ask for."""
    certificate_days: int = 7
    """How long a device's certificate is good. Laptops renew it in the last third of its life."""
    renew_expired_days: Annotated[int, MAY_BE_ZERO] = 90
    """How long after its end a device's certificate is renewed all the same, for a laptop that was off; 365 at most."""

    def __post_init__(self) -> None:
        if not 0 <= self.renew_expired_days <= 365:
            raise ConfigError(
                "`renew_expired_days` is out of range",
                fix="choose 0 to 365 days; 0 renews no expired certificate",
            )

    @property
    def lifetimes(self) -> Lifetimes:
        """How long the certificates are good that are given out."""
        return Lifetimes(device_days=self.certificate_days)

    @property
    def connection_limits(self) -> ConnectionLimits:
        """Who may hold connections to the enrolment port open."""
        return ConnectionLimits(
            open=self.connections,
            strangers_per_address=self.connections_per_address,
            handshake_seconds=self.handshake_seconds,
            silent_seconds=self.connection_seconds,
        )


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a device gets: its certificate, and the CAs that sign it and the server's."""

    certificate_pem: bytes
    ca_pem: bytes
    ca_signatures: tuple[bytes, ...] = ()
    """Of a renewal: each CA's word that `ca_pem` is to be trusted from now on."""

    def renewal(self) -> pb.RenewResponse:
        """As a reply to a renewal."""
        return pb.RenewResponse(
            certificate_pem=self.certificate_pem, ca_pem=self.ca_pem, ca_signatures=self.ca_signatures
        )


class Refusable(Abortable, Protocol):
    """The part of grpc.aio.ServicerContext that a refusal needs."""

    def peer(self) -> str:
        """Who calls, as gRPC writes it."""


class RenewalCall(AuthContext, Refusable, Protocol):
    """The part that a renewal needs."""


class EnrolmentDesk:
    """Gives certificates out. For one event loop."""

    def __init__(
        self,
        authority: AuthoritySource,
        registry: Registry,
        limits: EnrolmentLimits = EnrolmentLimits(),
        *,
        login: LoginDesk | None = None,
        clock: Callable[[], float] = time.monotonic,
        calendar: Callable[[], datetime] = lambda: datetime.now(UTC),
        refusals: RefusalLog | None = None,
    ) -> None:
        self.refusals = refusals or RefusalLog()
        self.limits = limits
        self.login = login or LoginDesk(LoginSettings())
        self._authority = authority
        self._registry = registry
        self._clock = clock
        self._calendar = calendar
        self._everyone = TokenBucket(per_minute=limits.attempts_per_minute, now=clock())
        self._peers: OrderedDict[str, TokenBucket] = OrderedDict()
        self._renewals: OrderedDict[str, TokenBucket] = OrderedDict()
        self._challenged: Counter[str] = Counter()

    @contextmanager
    def challenged(self, peer: str) -> Iterator[None]:
        """Wait for a stranger's answer to a challenge. Raises RefusedError (RATE_LIMITED).

        Whoever waits holds one of the port's calls. Half of them are the most for an address, and a quarter is for
        those who answer nothing because nothing is asked.
        """
        address = _address(peer)
        calls = self.limits.concurrent_calls
        if self._challenged[address] >= max(calls // 2, 1) or self._challenged.total() >= max(
            calls * 3 // 4, 1
        ):
            raise RefusedError(
                "too many renewals wait for an answer", reason="RATE_LIMITED", retry_after_seconds=1.0
            )
        self._challenged[address] += 1
        try:
            yield
        finally:
            self._challenged[address] -= 1
            if not self._challenged[address]:
                del self._challenged[address]

    async def refuse(self, context: Refusable, error: Exception, device: str = "") -> NoReturn:
        """End a call with what its device, or a stranger, may know of the error; the log has a line of it a minute."""
        refusal = refusal_of(error)
        self.refusals.note(Refused(refusal.reason, device, host_of(context.peer())))
        await abort(context, refusal)

    def count_renewal(self, device: Device) -> None:
        """Count a renewal of a device that the registry accepts. Raises RefusedError (RATE_LIMITED).

        Each certificate has a bucket of its own, so that thousands behind one address can renew, and a stolen one takes
        nothing from the one that replaced it.
        """
        now = self._clock()
        bucket = self._renewals.pop(device.serial, None) or TokenBucket(
            per_minute=self.limits.renewals_per_minute_per_device, now=now
        )
        self._renewals[device.serial] = bucket
        if len(self._renewals) > self.limits.peers:
            self._renewals.popitem(last=False)
        if wait := bucket.take(now):
            raise RefusedError(
                f"{device.name} renews too often", reason="RATE_LIMITED", retry_after_seconds=wait
            )

    def count_attempt(self, peer: str) -> None:
        """Count an attempt from `peer` (an address, as gRPC writes it). Raises RefusedError (RATE_LIMITED)."""
        now = self._clock()
        address = _address(peer)
        bucket = self._peers.pop(address, None) or TokenBucket(
            per_minute=self.limits.attempts_per_minute_per_peer, now=now
        )
        self._peers[address] = bucket
        if len(self._peers) > self.limits.peers:
            self._peers.popitem(last=False)
        # The peer's own bucket comes first, so that one peer cannot use up what is there for all.
        wait = bucket.take(now) or self._everyone.take(now)
        if wait:
            raise RefusedError(
                "too many attempts to enrol",
                reason="RATE_LIMITED",
                retry_after_seconds=wait,
                fix=f"try again in {wait:.0f} s",
            )

    async def enrol(self, token_secret: str, csr_pem: bytes, *, address: str = "") -> Enrolled:
        """Spend a token for a certificate, for somebody at this address.

        Raises RefusedError: TOKEN_UNKNOWN, _USED, _EXPIRED, CSR_INVALID.
        A request that does not parse leaves the token unspent.
        """
        if len(token_secret) > MAX_SECRET_CHARACTERS:
            raise RefusedError("the enrolment token is not known here", reason="TOKEN_UNKNOWN")
        authority = self._authority.current()
        signed = await self._registry.redeem(
            secret_digest(token_secret),
            lambda name: authority.sign_device(csr_pem, name),
            by=Origin("token", address),
        )
        return Enrolled(signed.pem, authority.ca_pem)

    async def enrol_by_login(
        self, request: pb.EnrolByLoginRequest, *, address: str = ""
    ) -> tuple[str, Enrolled]:
        """A device's name and certificate for somebody who logged in.

        Raises RefusedError as `LoginDesk.person` and `Registry.enrol_owned` do, and CSR_INVALID.
        """
        person = await self.login.person(request.id_token, request.csr_pem)
        authority = self._authority.current()
        name = laptop_name(person, request.laptop)
        signed = await self._registry.enrol_owned(
            Ownership(
                name=name,
                owner=person.subject,
                label=person.name,
                team=person.team,
                devices=person.devices,
                # Without the signature: who has one can make a second that holds (ECDSA).
                digest=hashlib.sha256(request.id_token.rpartition(".")[0].encode()).digest(),
            ),
            lambda name: authority.sign_device(request.csr_pem, name),
            by=Origin("login", address),
        )
        return name, Enrolled(signed.pem, authority.ca_pem)

    async def renew(self, device: Device, csr_pem: bytes, *, address: str = "") -> Enrolled:
        """The next certificate of a device. Raises RefusedError: RENEWAL_TOO_EARLY, CSR_INVALID."""
        await self._check_time(device)
        return await self._follow(device, csr_pem, Origin("device", address))

    def proven(self, request: pb.RenewLateRequest, challenge: bytes) -> Device:
        """The device whose certificate a late renewal comes with, once it has proved to have its key.

        Raises RefusedError: CERTIFICATE_FOREIGN, PROOF_INVALID.
        """
        certificate, name, key = self._of_ours(request.certificate_pem)
        words = late_words(challenge, certificate.public_bytes(Encoding.DER), request.csr_pem)
        _check_signed(key, request.signature, words)
        return Device(name, certificates.serial_text(certificate))

    def check_signed(self, request: pb.RenewRequest, certificate_pem: bytes) -> None:
        """Whether a renewal that a proxy brings is signed with the certificate's key.

        Without that, a proxy could have its own keys certified, and be laptops when it is no longer believed.
        Raises RefusedError: CERTIFICATE_FOREIGN, PROOF_INVALID.
        """
        certificate, _, key = self._of_ours(certificate_pem)
        _check_signed(
            key, request.signature, renewal_words(certificate.public_bytes(Encoding.DER), request.csr_pem)
        )

    def _of_ours(self, pem: bytes) -> tuple[x509.Certificate, str, ec.EllipticCurvePublicKey]:
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            name = certificates.device_name(certificate)
            key = certificate.public_key()
        except Exception as error:  # whatever a hostile certificate makes the parser raise
            raise _foreign() from error
        ours = self._authority.current().has_issued(certificate)
        if name is None or not ours or not isinstance(key, ec.EllipticCurvePublicKey):
            raise _foreign()
        return certificate, name, key

    async def renew_late(self, device: Device, csr_pem: bytes, *, address: str = "") -> Enrolled:
        """The next certificate of a device that has `proven` who it is, and whose certificate may have ended.

        Raises RefusedError: CERTIFICATE_EXPIRED (too long ago, or by a later one), RENEWAL_TOO_EARLY, CSR_INVALID.
        """
        await self._check_time(device)
        late = timedelta(days=self.limits.renew_expired_days)
        return await self._follow(device, csr_pem, Origin("device", address), late)

    async def _check_time(self, device: Device) -> None:
        issued, expires = await self._registry.life(device.serial)
        opens = issued + (expires - issued) / 2
        if self._calendar() < opens:
            raise RefusedError(
                f"the certificate of {device.name} can be renewed from {opens:%Y-%m-%d %H:%M} UTC on",
                reason="RENEWAL_TOO_EARLY",
                fix="nothing needs doing before then",
            )

    async def _follow(
        self, device: Device, csr_pem: bytes, by: Origin, late: timedelta = timedelta()
    ) -> Enrolled:
        authority = self._authority.current()
        signed = authority.sign_device(csr_pem, device.name)
        await self._registry.add_certificate(signed, renewed=device.serial, late=late, by=by)
        return Enrolled(signed.pem, authority.ca_pem, authority.bundle_signatures(csr_pem))


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
        except Exception as error:  # as above
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


def laptop_name(person: Person, laptop: str) -> str:
    """The name of a device, of its owner's and the laptop's; always one that a device may have.

    >>> laptop_name(Person(subject="17", name="Alice.M@example.org", team="", devices=1), "ThinkPad X1")
    'alice.m-thinkpad-x1'
    """
    words = (_plain(person.name.partition("@")[0]), _plain(laptop))
    return (
        "-".join(filter(None, words)) or f"device-{hashlib.sha256(person.subject.encode()).hexdigest()[:8]}"
    )


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text[:255].lower()).strip("-.")[:31].rstrip("-.")


def _check_signed(key: ec.EllipticCurvePublicKey, signature: bytes, words: bytes) -> None:
    try:
        key.verify(signature, words, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise RefusedError(
            "the request is not signed with the certificate's key",
            reason="PROOF_INVALID",
            fix="update umi on the laptop; an older one renews at the enrolment port once its certificate has ended",
        ) from error


def _foreign() -> RefusedError:
    return RefusedError(
        "the certificate is not one that this server's authority gave to a device",
        reason="CERTIFICATE_FOREIGN",
        fix="enrol again with a new token from the operator",
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


def _address(peer: str) -> str:
    """`ipv4:10.0.0.1:5000` to `10.0.0.1`; an IPv6 address to its /64, since one host may own all of it."""
    try:
        address = ipaddress.ip_address(host_of(peer))
    except ValueError:
        return peer[:64]
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
