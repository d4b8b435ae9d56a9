"""Enrolment and renewal: a one-time token, or a certificate, and a signing request in, the next certificate out.

`EnrolmentDesk` decides and knows no gRPC; `enrolment_service` and `renewal_service` carry its answers. Covered:
replayed, expired, guessed and raced tokens, keys of certificates that were replaced since, oversized and malformed
requests, floods from one address and from many.
Not covered: a flood that fills the network, or a thief who is faster than the token's owner (the owner then
sees TOKEN_USED, and the operator revokes the name).
"""

import hashlib
import ipaddress
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from umi_cloud.auth import certificates
from umi_cloud.auth.abort import Abortable
from umi_cloud.auth.audit import Origin
from umi_cloud.auth.bucket import TokenBucket
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_cloud.auth.identity import Device, host_of
from umi_cloud.auth.live_authority import AuthoritySource
from umi_cloud.auth.login import LoginDesk, LoginSettings, Person
from umi_cloud.auth.registry import Ownership, Registry
from umi_cloud.auth.tokens import secret_digest
from umi_cloud.refusal_log import RefusalLog, Refused
from umi_cloud.status import abort, refusal_of
from umi_proto.v1 import enrolment_pb2 as pb
from umi_shared.errors import RefusedError
from umi_shared.renewal_proof import late_words, renewal_words

__all__ = ["Enrolled", "EnrolmentDesk", "Refusable"]

MAX_SECRET_CHARACTERS = 64
_LIMITS = EnrolmentLimits()


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


class EnrolmentDesk:
    """Gives certificates out. For one event loop."""

    def __init__(
        self,
        authority: AuthoritySource,
        registry: Registry,
        limits: EnrolmentLimits = _LIMITS,
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


def _address(peer: str) -> str:
    """`ipv4:10.0.0.1:5000` to `10.0.0.1`; an IPv6 address to its /64, since one host may own all of it."""
    try:
        address = ipaddress.ip_address(host_of(peer))
    except ValueError:
        return peer[:64]
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
