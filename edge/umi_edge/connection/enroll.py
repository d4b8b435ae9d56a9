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

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from umi_edge.connection.connection import (
    Connection,
    ConnectionDraft,
    check_certificate,
    check_dates,
    device_private_key,
    load_certificates,
    open_channel,
    open_enrolment_channel,
)
from umi_proto.v1 import enrolment_pb2 as pb
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.enrolment_token import EnrolmentToken, split_address
from umi_shared.errors import MalformedError, PeerError, RefusedError, TransportError
from umi_shared.refusal import refusal_from_metadata
from umi_shared.renewal_proof import bundle_words, late_words

__all__ = [
    "Connection",
    "Enrolment",
    "EnrolmentTimeouts",
    "check_certificate",
    "enroll",
    "names_in",
    "renew",
    "renew_late",
    "shown_certificate",
]

MAX_REPLY_BYTES = 64 * 1024
MAX_AUTHORITIES = 4
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
    replaced = (directory / "connection.json").exists()
    draft = ConnectionDraft(directory)
    try:
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
    except BaseException:
        draft.discard()
        raise
    return Enrolment(connection, replaced)


async def renew(
    connection: Connection,
    *,
    timeouts: EnrolmentTimeouts = EnrolmentTimeouts(),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Connection:
    """Exchange a certificate that is about to expire for one with a new key; the old one stays valid until its end.

    Raises RefusedError (RENEWAL_TOO_EARLY, CERTIFICATE_REVOKED, ...), TransportError, MalformedError.
    """
    check_certificate(connection, clock())

    async def ask(csr_pem: bytes) -> pb.RenewResponse:
        async with open_channel(connection) as channel:
            request = pb.RenewRequest(csr_pem=csr_pem)
            try:
                return await pb_grpc.RenewalStub(channel).Renew(request, timeout=timeouts.call_seconds)
            except grpc.aio.AioRpcError as error:
                raise _explained(error, connection.service_address, connection.device) from error

    return await _renewed(connection, ask, clock)


async def renew_late(
    connection: Connection,
    *,
    timeouts: EnrolmentTimeouts = EnrolmentTimeouts(),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Connection:
    """Exchange a certificate that has ended, or is about to, at the port where TLS does not ask for it.

    The old key proves who this device is. Raises RefusedError (CERTIFICATE_EXPIRED: too long ago, ...), TransportError,
    MalformedError, CertificateError (its files are damaged).
    """
    certificate = load_certificates(connection.certificate)[0]
    old_key = device_private_key(connection)

    async def ask(csr_pem: bytes) -> pb.RenewResponse:
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
            raise _explained(error, connection.enrolment_address, connection.device) from error
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
    draft = ConnectionDraft(connection.directory)
    try:
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
    except BaseException:
        draft.discard()
        raise


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


async def shown_certificate(address: str, timeout_seconds: float) -> bytes:
    """The certificate that whoever answers at `address` shows, in DER; nothing is sent but the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Not verified, for the certificate is only compared with the fingerprint; the call itself is verified.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, port = split_address(address)
    try:
        async with asyncio.timeout(timeout_seconds):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
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


async def _call_enrol(
    token: EnrolmentToken, server: x509.Certificate, csr_pem: bytes, timeouts: EnrolmentTimeouts
) -> pb.EnrolResponse:
    credentials = grpc.ssl_channel_credentials(server.public_bytes(serialization.Encoding.PEM))
    options = [
        ("grpc.enable_http_proxy", 0),  # the certificate was fetched without one
        ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
        ("grpc.ssl_target_name_override", _server_name(server, token.enrolment_address)),
    ]
    async with grpc.aio.secure_channel(token.enrolment_address, credentials, options=options) as channel:
        request = pb.EnrolRequest(token_secret=token.secret_text, csr_pem=csr_pem)
        try:
            return await pb_grpc.EnrolmentStub(channel).Enrol(request, timeout=timeouts.call_seconds)
        except grpc.aio.AioRpcError as error:
            raise _explained(error, token.enrolment_address, token.device) from error


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


_NEW_TOKEN = "ask your operator for a new token: `umi-cloud enroll {device}`"  # noqa: S105  # advice
_REASONS = {
    "TOKEN_UNKNOWN": ("does not know this token", _NEW_TOKEN),
    "TOKEN_EXPIRED": ("says that this token has expired", _NEW_TOKEN),
    "TOKEN_USED": (
        "says that this token was used already, or revoked",
        _NEW_TOKEN + "; if it was not you who used it, have {device} revoked first",
    ),
    "CSR_INVALID": ("did not accept this device's key", "update umi here or on the server"),
    "RATE_LIMITED": ("has had too many attempts", "wait a minute, then try again with the same token"),
    "STATE_UNAVAILABLE": (
        "cannot read its list of devices now",
        "try again in a moment, with the same token",
    ),
    "RENEWAL_TOO_EARLY": ("says that it is too early to renew", "nothing needs doing yet"),
    "CERTIFICATE_REVOKED": ("has revoked this device", _NEW_TOKEN),
    "CERTIFICATE_EXPIRED": ("says that this device's certificate expired too long ago", _NEW_TOKEN),
    "CERTIFICATE_UNKNOWN": ("does not know this device's certificate", _NEW_TOKEN),
    "CERTIFICATE_HELD": (
        "was restored from a backup, and holds this device back",
        "ask your operator to release it",
    ),
    "CERTIFICATE_FOREIGN": ("does not know the authority that signed this device's certificate", _NEW_TOKEN),
    "PROOF_INVALID": ("did not accept the proof of this device's key", _NEW_TOKEN),
}


def _explained(error: grpc.aio.AioRpcError, address: str, device: str) -> RefusedError | TransportError:
    """A failed call in our words. The server's own text is not repeated: it is not trusted (I6)."""
    refusal = refusal_from_metadata(error.trailing_metadata())
    if refusal is not None:
        what, fix = _REASONS.get(refusal.reason, (f"refused ({refusal.reason})", "ask your operator"))
        return RefusedError(
            f"the planner at {address} {what}",
            reason=refusal.reason,
            retry_after_seconds=refusal.retry_after_seconds,
            fix=fix.format(device=device),
        )
    return TransportError(
        f"the connection to the planner at {address} failed ({error.code().name})",
        fix="check your network, and that `umi-cloud serve` is running there; then try again",
    )
