"""The mTLS port: who gets through, and what becomes of those who must not. Real servers, real TLS."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from umi_cloud.auth.abort import abort_refused
from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_cloud.auth.credentials import server_credentials
from umi_cloud.auth.identity import Device, identify
from umi_cloud.auth.registry import Registry
from umi_shared.errors import ConfigError, RefusedError
from umi_shared.refusal import refusal_from_metadata


@dataclass
class Port:
    """A server with one method, which answers with the device's name."""

    number: int
    devices: list[Device] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.number}"


@dataclass
class Identity:
    """A device's key and certificate."""

    key_pem: bytes = field(repr=False)
    certificate_pem: bytes

    @classmethod
    def of(cls, authority: Authority, name: str = "a") -> "Identity":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        pem = authority.sign_device(request.public_bytes(serialization.Encoding.PEM), name).pem
        return cls(_key_pem(key), pem)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


async def enrol(registry: Registry, authority: Authority, name: str = "a") -> Identity:
    """Register an identity as the enrolment port does."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    csr_pem = request.public_bytes(serialization.Encoding.PEM)
    digest = hashlib.sha256(csr_pem).digest()
    await registry.add_token(name, digest, timedelta(hours=1))
    signed = await registry.redeem(digest, lambda given: authority.sign_device(csr_pem, given))
    return Identity(_key_pem(key), signed.pem)


@pytest.fixture
async def port(authority: Authority, registry: Registry, state: Path) -> AsyncIterator[Port]:
    async def who(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        try:
            device = identify(context)
            await registry.check(device)
        except RefusedError as error:
            await abort_refused(context, error)
        port.devices.append(device)
        return device.name.encode()

    handler = grpc.method_handlers_generic_handler(
        "test.Who", {"Ask": grpc.unary_unary_rpc_method_handler(who)}
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = Port(server.add_secure_port("127.0.0.1:0", server_credentials(state)))
    await server.start()
    yield port
    await server.stop(None)


def channel(port: Port, authority: Authority, identity: Identity | None) -> grpc.aio.Channel:
    if identity is None:
        credentials = grpc.ssl_channel_credentials(authority.ca_pem)
    else:
        credentials = grpc.ssl_channel_credentials(
            authority.ca_pem, identity.key_pem, identity.certificate_pem
        )
    return grpc.aio.secure_channel(port.address, credentials)


async def ask(channel: grpc.aio.Channel) -> bytes:
    return await channel.unary_unary("/test.Who/Ask")(b"", timeout=10)


async def reason(channel: grpc.aio.Channel) -> str:
    """Why the server's code, not its TLS, refuses a call."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(channel)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    refusal = refusal_from_metadata(caught.value.trailing_metadata())
    assert refusal is not None
    return refusal.reason


async def test_an_enrolled_device_gets_through_under_its_name(port, authority, registry):
    identity = await enrol(registry, authority, "alices-laptop")
    async with channel(port, authority, identity) as open_channel:
        assert await ask(open_channel) == b"alices-laptop"
    (device,) = port.devices
    await registry.check(device)


@dataclass
class Forger:
    """Makes the certificates that must not get through."""

    authority: Authority
    clock: Callable[[], datetime]
    state: Path

    def expired(self) -> Identity:
        self.clock.advance(days=-100)
        return Identity.of(self.authority)

    def not_yet_valid(self) -> Identity:
        """Issued when the server's clock was two days ahead."""
        self.clock.advance(days=2)
        return Identity.of(self.authority)

    def of_another_ca(self) -> Identity:
        return Identity.of(Authority.init(self.state / "other", clock=self.clock))

    def of_a_ca_with_our_name(self) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        return Identity.of(
            Authority(
                ca_certificate=self.authority.ca_certificate,
                server_certificate=self.authority.server_certificate,
                ca_key=key,
                clock=self.clock,
            )
        )

    def of_the_server(self) -> Identity:
        pem = AuthorityFiles(self.state).server.read_bytes()
        return Identity(pem, pem)

    def none(self) -> None:
        return None


@pytest.mark.parametrize(
    "kind", ["expired", "not_yet_valid", "of_another_ca", "of_a_ca_with_our_name", "of_the_server", "none"]
)
async def test_tls_refuses_a_certificate_that_is(kind, port, authority, registry, clock, state):
    async with channel(port, authority, await enrol(registry, authority, "good")) as open_channel:
        assert await ask(open_channel) == b"good"
    identity = getattr(Forger(authority, clock, state), kind)()
    async with channel(port, authority, identity) as open_channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(open_channel)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(port.devices) == 1


async def test_tls_refuses_plaintext(port, authority, registry):
    async with channel(port, authority, await enrol(registry, authority, "good")) as open_channel:
        assert await ask(open_channel) == b"good"
    async with grpc.aio.insecure_channel(port.address) as open_channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(open_channel)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(port.devices) == 1


async def test_a_revocation_counts_on_a_connection_that_is_open(port, authority, registry):
    async with channel(port, authority, await enrol(registry, authority)) as open_channel:
        assert await ask(open_channel) == b"a"
        await registry.revoke("a")
        assert await reason(open_channel) == "CERTIFICATE_REVOKED"
    assert len(port.devices) == 1


async def test_a_certificate_that_ends_while_a_connection_is_open_ends_the_calls(
    port, authority, registry, clock
):
    async with channel(port, authority, await enrol(registry, authority)) as open_channel:
        assert await ask(open_channel) == b"a"
        clock.advance(days=90)
        assert await reason(open_channel) == "CERTIFICATE_EXPIRED"


async def test_a_certificate_of_our_ca_that_the_registry_lacks_is_unknown(port, authority):
    """Such as one that a thief of a backup of the CA key made, or one from a registry that was lost."""
    async with channel(port, authority, Identity.of(authority)) as open_channel:
        assert await reason(open_channel) == "CERTIFICATE_UNKNOWN"


async def test_a_certificate_of_our_ca_that_names_no_device_is_foreign(port, authority, clock):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")]))
        .issuer_name(authority.ca_certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(authority.ca_key, hashes.SHA256())
    )
    identity = Identity(_key_pem(key), certificate.public_bytes(serialization.Encoding.PEM))
    async with channel(port, authority, identity) as open_channel:
        assert await reason(open_channel) == "CERTIFICATE_FOREIGN"


async def test_a_server_without_tls_identifies_nobody():
    """A plaintext port that was opened by mistake gives no device, so no call goes on."""
    reasons = []

    async def who(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        try:
            identify(context)
        except RefusedError as error:
            reasons.append(error.reason)
        return b""

    server = grpc.aio.server()
    handlers = {"Ask": grpc.unary_unary_rpc_method_handler(who)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Who", handlers),))
    number = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{number}") as open_channel:
        await ask(open_channel)
    await server.stop(None)
    assert reasons == ["CERTIFICATE_MISSING"]


async def test_a_renewed_server_certificate_is_shown_from_the_next_connection_on(
    port, authority, registry, state
):
    identity = await enrol(registry, authority)
    async with channel(port, authority, identity) as open_channel:
        await ask(open_channel)
    renewed = authority.issue_server(state)
    pinned = grpc.ssl_channel_credentials(
        renewed.server_certificate.public_bytes(serialization.Encoding.PEM),
        identity.key_pem,
        identity.certificate_pem,
    )
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(port.address, pinned, options=options) as open_channel:
        assert await ask(open_channel) == b"a"


async def test_a_damaged_renewal_does_not_stop_a_running_server(port, authority, registry, state):
    AuthorityFiles(state).server.write_bytes(b"damaged")
    async with channel(port, authority, await enrol(registry, authority)) as open_channel:
        assert await ask(open_channel) == b"a"


def test_a_server_does_not_start_without_its_certificates(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the server's certificates") as caught:
        server_credentials(tmp_path)
    assert "umi-cloud ca init" in caught.value.fix
