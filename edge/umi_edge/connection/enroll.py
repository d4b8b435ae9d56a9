"""Enrolment: from the operator's one-time token to a certificate of this device's own.

Invariants: the private key is made here and never leaves; nothing is sent, the token's secret least of all, before
the server has shown the very certificate whose fingerprint the token carries; the token is not spent when the
result could not be kept; files appear together or not at all.

I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from umi_edge.connection.connection import (
    Connection,
    check_certificate,
    check_dates,
    device_private_key,
    drafted,
    is_enrolled,
    load_certificates,
    open_channel,
    open_enrolment_channel,
)
from umi_edge.connection.enrolment_refusals import explained
from umi_edge.connection.login_address import LoginAddress
from umi_edge.connection.provider import Provider
from umi_proto.v1 import enrolment_pb2 as pb
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.enrolment_token import EnrolmentToken, check_device_name, split_address
from umi_shared.errors import MalformedError, PeerError, TransportError
from umi_shared.login_nonce import login_nonce
from umi_shared.renewal_proof import bundle_words, late_words, renewal_words

__all__ = [
    "Connection",
    "Enrolment",
    "EnrolmentTimeouts",
    "check_certificate",
    "enroll",
    "enroll_by_login",
    "names_in",
    "renew",
    "renew_late",
    "shown_certificate",
]

MAX_REPLY_BYTES = 64 * 1024
MAX_AUTHORITIES = 4
MAX_SCOPES = 16
DEVICE_URI = "umi://device/"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentTimeouts:
    """How long each part may take."""

    connect_seconds: float = 10.0
    call_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The result of an enrolment."""

    connection: Connection
    replaced: bool
    """Whether this device had a connection before, which this one has replaced."""


async def enroll(
    token_text: str,
    directory: Path,
    *,
    timeouts: EnrolmentTimeouts = EnrolmentTimeouts(),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Enrolment:
    """Spend a token for a certificate, and keep the connection in `directory`.

    Raises TokenError (mistyped), TransportError (nothing answers), PeerError (not the server of the token),
    CertificateError (clock), RefusedError with the server's reason, MalformedError (its reply is wrong).
    """
    # (1) The token. (2) The server shows the pinned certificate. (3) Both clocks agree on it. (4) A key, kept.
    # (5) The call, trusting that certificate alone. (6) The reply is for our key. (7) Commit.
    token = EnrolmentToken.parse(token_text)  # (1)
    server = await _pinned_certificate(token, timeouts)  # (2)
    check_dates(server, clock(), "the planner's certificate")  # (3)
    async with drafted(directory) as draft:
        replaced = is_enrolled(directory)
        key = ec.generate_private_key(ec.SECP256R1())  # (4)
        draft.write_key(_key_pem(key))
        reply = await _call_enrol(token, server, _csr_pem(key, token.device), timeouts)  # (5)
        trusted = _check_reply(reply.certificate_pem, reply.ca_pem, key, token.device, clock())  # (6)
        _require_issued(server, trusted, "the server's certificate was not signed by the CA it sent")
        connection = draft.commit(  # (7)
            reply.certificate_pem,
            reply.ca_pem,
            device=token.device,
            service_address=token.service_address,
            enrolment_address=token.enrolment_address,
            server_name=_server_name(server, token.service_address),
        )
    return Enrolment(connection, replaced)


async def enroll_by_login(
    planner: LoginAddress,
    directory: Path,
    log_in: Callable[[Provider, str], Awaitable[str]],
    *,
    laptop: str,
    timeouts: EnrolmentTimeouts = EnrolmentTimeouts(),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Enrolment:
    """Log in for a certificate, and keep the connection in `directory`.

    `log_in` is given where, and the nonce; it returns the ID token. Raises as `enroll` does, and what `log_in` raises.
    """
    # (1) The server shows a certificate that holds. (2) Where to log in. (3) A key. (4) The login, bound to the key.
    # (5) The key is kept. (6) The call, trusting that certificate alone. (7) The reply is for our key. (8) Commit.
    server = await _server_of(planner, timeouts)  # (1)
    check_dates(server, clock(), "the planner's certificate")
    described = await _by_login(
        planner,
        server,
        lambda stub, seconds: stub.DescribeLogin(pb.DescribeLoginRequest(), timeout=seconds),
        timeouts,
    )  # (2)
    split_address(described.service_address)
    provider = Provider(
        issuer=described.issuer,
        client_id=described.client_id,
        client_secret=described.client_secret,
        scopes=tuple(described.scopes)[:MAX_SCOPES],
    )
    key = ec.generate_private_key(ec.SECP256R1())  # (3)
    csr_pem = _csr_pem(key, "laptop")
    token = await log_in(provider, login_nonce(csr_pem))  # (4): minutes, in which sessions may renew
    request = pb.EnrolByLoginRequest(id_token=token, csr_pem=csr_pem, laptop=laptop)
    async with drafted(directory) as draft:
        replaced = is_enrolled(directory)
        draft.write_key(_key_pem(key))  # (5)
        reply = await _by_login(
            planner, server, lambda stub, seconds: stub.EnrolByLogin(request, timeout=seconds), timeouts
        )  # (6)
        device = check_device_name(reply.device)
        trusted = _check_reply(reply.certificate_pem, reply.ca_pem, key, device, clock())  # (7)
        _require_issued(server, trusted, "the server's certificate was not signed by the CA it sent")
        connection = draft.commit(  # (8)
            reply.certificate_pem,
            reply.ca_pem,
            device=device,
            service_address=described.service_address,
            enrolment_address=planner.address,
            server_name=_server_name(server, described.service_address),
        )
    return Enrolment(connection, replaced)


async def renew(
    connection: Connection,
    *,
    timeouts: EnrolmentTimeouts = EnrolmentTimeouts(),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Connection:
    """Exchange a certificate that is about to expire for one with a new key; the old one stays valid until its end.

    Where another program has done it in the meantime, what it got is the result. Raises RefusedError
    (RENEWAL_TOO_EARLY, CERTIFICATE_REVOKED, ...), TransportError, MalformedError.
    """

    async def ask(csr_pem: bytes) -> pb.RenewResponse:
        check_certificate(connection, clock())
        async with open_channel(connection) as channel:
            words = renewal_words(
                load_certificates(connection.certificate)[0].public_bytes(Encoding.DER), csr_pem
            )
            signature = device_private_key(connection).sign(words, ec.ECDSA(hashes.SHA256()))
            request = pb.RenewRequest(csr_pem=csr_pem, signature=signature)
            try:
                return await pb_grpc.RenewalStub(channel).Renew(request, timeout=timeouts.call_seconds)
            except grpc.aio.AioRpcError as error:
                raise explained(error, connection.service_address, connection.device) from error

    return await _renewed(connection, ask, clock)


async def renew_late(
    connection: Connection,
    *,
    timeouts: EnrolmentTimeouts = EnrolmentTimeouts(),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Connection:
    """Exchange a certificate that has ended, or is about to, at the port where TLS does not ask for it.

    The old key proves who this device is. Where another program has done it in the meantime, what it got is the
    result. Raises RefusedError (CERTIFICATE_EXPIRED: too long ago, ...), TransportError,
    MalformedError, CertificateError (its files are damaged).
    """

    async def ask(csr_pem: bytes) -> pb.RenewResponse:
        certificate = load_certificates(connection.certificate)[0]
        old_key = device_private_key(connection)
        try:
            async with asyncio.timeout(timeouts.call_seconds), open_enrolment_channel(connection) as channel:
                call = pb_grpc.LateRenewalStub(channel).RenewLate()
                asked = await call.read()
                if not isinstance(asked, pb.RenewLateResponse):
                    raise _malformed("it asked for no proof")
                words = late_words(asked.challenge, certificate.public_bytes(Encoding.DER), csr_pem)
                await call.write(
                    pb.RenewLateRequest(
                        certificate_pem=certificate.public_bytes(Encoding.PEM),
                        csr_pem=csr_pem,
                        signature=old_key.sign(words, ec.ECDSA(hashes.SHA256())),
                    )
                )
                answered = await call.read()
                if not isinstance(answered, pb.RenewLateResponse):
                    raise _malformed("it ended without an answer")
                return answered.renewed
        except grpc.aio.AioRpcError as error:
            raise explained(error, connection.enrolment_address, connection.device) from error
        except TimeoutError as error:
            raise TransportError(
                f"the planner at {connection.enrolment_address} does not renew this laptop's certificate in time",
                fix="check your network with `umi doctor`, then try again",
            ) from error

    return await _renewed(connection, ask, clock)


async def _renewed(
    connection: Connection,
    ask: Callable[[bytes], Awaitable[pb.RenewResponse]],
    clock: Callable[[], datetime],
) -> Connection:
    """Put what `ask` gives for a signing request into use. Trust comes from an authority that is trusted already."""
    async with drafted(connection.directory) as draft:
        if is_enrolled(connection.directory):
            latest = Connection.load(connection.directory)
            if latest.certificate != connection.certificate:  # another program has renewed, or enrolled
                return latest
        key = ec.generate_private_key(ec.SECP256R1())
        draft.write_key(_key_pem(key))
        csr_pem = _csr_pem(key, connection.device)
        reply = await ask(csr_pem)
        if reply.ca_pem != connection.ca.read_bytes():
            _require_handed_down(reply, csr_pem, connection)
        _check_reply(reply.certificate_pem, reply.ca_pem, key, connection.device, clock())
        return draft.commit(
            reply.certificate_pem,
            reply.ca_pem,
            device=connection.device,
            service_address=connection.service_address,
            enrolment_address=connection.enrolment_address,
            server_name=connection.server_name,
        )


def _require_handed_down(reply: pb.RenewResponse, csr_pem: bytes, connection: Connection) -> None:
    """Raise MalformedError unless an authority that this device trusts has signed the new ones, for this request."""
    words = bundle_words(csr_pem, reply.ca_pem)
    for ca in load_certificates(connection.ca):
        key = ca.public_key()
        for signature in reply.ca_signatures[:MAX_AUTHORITIES]:
            with contextlib.suppress(InvalidSignature):
                if isinstance(key, ec.EllipticCurvePublicKey):
                    key.verify(signature, words, ec.ECDSA(hashes.SHA256()))
                    return
    raise MalformedError(
        f"{connection.service_address} renewed under another CA, which the one that this laptop trusts did not sign",
        fix="ask your operator; such a CA needs a new token",
    )


async def _pinned_certificate(token: EnrolmentToken, timeouts: EnrolmentTimeouts) -> x509.Certificate:
    """The server's certificate, if it is the one that the token names."""
    der = await shown_certificate(token.enrolment_address, timeouts.connect_seconds)
    if not hmac.compare_digest(hashlib.sha256(der).digest(), token.server_fingerprint):
        raise PeerError(
            f"the server at {token.enrolment_address} is not the one this token was made for: its certificate "
            "has another fingerprint, so someone may be intercepting the connection. Nothing was sent",
            fix="try from another network; if it stays so, ask your operator for a new token "
            "(the server's certificate may have been renewed)",
        )
    return x509.load_der_x509_certificate(der)


async def shown_certificate(address: str, timeout_seconds: float, *, verified: bool = False) -> bytes:
    """The certificate that whoever answers at `address` shows, in DER; nothing is sent but the handshake.

    `verified`: an authority that this system trusts has to vouch for it.
    """
    context = ssl.create_default_context() if verified else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verified:
        # For the certificate is only compared with the fingerprint; the call itself is verified.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, port = split_address(address)
    try:
        async with asyncio.timeout(timeout_seconds):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        raise PeerError(
            f"no authority that this system trusts vouches for the planner at {address}. Nothing was sent",
            fix="ask your operator for the address with the server's fingerprint: https://HOST:PORT#FINGERPRINT",
        ) from error
    except ssl.SSLError as error:
        raise PeerError(
            f"whatever answers at {address} does not speak TLS",
            fix="ask your operator for the enrolment address, and a new token with it",
        ) from error
    except (OSError, TimeoutError) as error:
        raise TransportError(
            f"no planner answers at {address}",
            fix="check your network, and that `umi-cloud serve` is running there",
        ) from error
    der: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
    return der or b""


async def _server_of(planner: LoginAddress, timeouts: EnrolmentTimeouts) -> x509.Certificate:
    """The certificate of a planner that the address pins, or that an authority of this system vouches for."""
    pinned = planner.fingerprint is not None
    der = await shown_certificate(planner.address, timeouts.connect_seconds, verified=not pinned)
    if pinned and not hmac.compare_digest(hashlib.sha256(der).digest(), planner.fingerprint or b""):
        raise PeerError(
            f"the server at {planner.address} is not the one that the address names: its certificate has another "
            "fingerprint, so someone may be intercepting the connection. Nothing was sent",
            fix="ask your operator for the address again (the server's certificate may have been renewed)",
        )
    return x509.load_der_x509_certificate(der)


T = TypeVar("T")


async def _by_login(
    planner: LoginAddress,
    server: x509.Certificate,
    call: "Callable[[pb_grpc.EnrolmentAsyncStub, float], Awaitable[T]]",
    timeouts: EnrolmentTimeouts,
) -> T:
    async with _pinned_channel(planner.address, server) as channel:
        try:
            return await call(pb_grpc.EnrolmentStub(channel), timeouts.call_seconds)
        except grpc.aio.AioRpcError as error:
            raise explained(error, planner.address, "NAME") from error


def _pinned_channel(address: str, server: x509.Certificate) -> grpc.aio.Channel:
    """A channel that trusts this very certificate."""
    options = [
        ("grpc.enable_http_proxy", 0),  # the certificate was fetched without one
        ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
        ("grpc.ssl_target_name_override", _server_name(server, address)),
    ]
    credentials = grpc.ssl_channel_credentials(server.public_bytes(serialization.Encoding.PEM))
    return grpc.aio.secure_channel(address, credentials, options=options)


async def _call_enrol(
    token: EnrolmentToken, server: x509.Certificate, csr_pem: bytes, timeouts: EnrolmentTimeouts
) -> pb.EnrolResponse:
    async with _pinned_channel(token.enrolment_address, server) as channel:
        request = pb.EnrolRequest(token_secret=token.secret_text, csr_pem=csr_pem)
        try:
            return await pb_grpc.EnrolmentStub(channel).Enrol(request, timeout=timeouts.call_seconds)
        except grpc.aio.AioRpcError as error:
            raise explained(error, token.enrolment_address, token.device) from error


def _check_reply(
    certificate_pem: bytes, ca_pem: bytes, key: ec.EllipticCurvePrivateKey, device: str, now: datetime
) -> list[x509.Certificate]:
    """The CAs of the reply, once the reply is a certificate for our key and our name that one of them signed."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        trusted = x509.load_pem_x509_certificates(ca_pem)
        constraints = [ca.extensions.get_extension_for_class(x509.BasicConstraints).value for ca in trusted]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        ours = certificate.public_key() == key.public_key()
    except (ValueError, x509.ExtensionNotFound) as error:
        raise _malformed("its certificates do not parse") from error
    if not ours:
        raise _malformed("the certificate is for another key")
    if uris != [DEVICE_URI + device]:
        raise _malformed("the certificate is for another device")
    if len(trusted) > MAX_AUTHORITIES or not all(one.ca for one in constraints):
        raise _malformed("what it sent as its CA is not one")
    _require_issued(certificate, trusted, "the certificate was not signed by the CA it sent")
    check_dates(certificate, now, "this device's certificate")
    return trusted


def _require_issued(certificate: x509.Certificate, trusted: list[x509.Certificate], otherwise: str) -> None:
    for ca in trusted:
        with contextlib.suppress(ValueError, TypeError, InvalidSignature):
            certificate.verify_directly_issued_by(ca)
            return
    raise _malformed(otherwise)


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        f"the planner's reply to the enrolment is wrong: {what}",
        fix="ask your operator to check `umi-cloud ca init` on the server, and for a new token",
    )


def _server_name(server: x509.Certificate, address: str) -> str:
    """The name to hold the server to: the address's host, else one that the pinned certificate has."""
    host = split_address(address)[0].lower()
    known = names_in(server)
    hosts = [name for name in known if not _is_address(name)]
    return host if host in known or not hosts else hosts[0]


def names_in(server: x509.Certificate) -> list[str]:
    """The hosts that a server's certificate names."""
    try:
        names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]


def _is_address(name: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _csr_pem(key: ec.EllipticCurvePrivateKey, device: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)
