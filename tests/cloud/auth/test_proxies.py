"""A front behind proxies that end TLS: whose calls they bring, and who is not believed. Real servers, real TLS."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote_from_bytes

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cloud.auth.conftest import csr
from tests.cloud.auth.test_identity import Identity
from umi_cloud.auth import certificates
from umi_cloud.auth.allowance import Quota
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.certificates import key_pem
from umi_cloud.auth.proxies import Proxies, ProxySettings
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.config import CloudConfig, ScriptedSettings
from umi_cloud.deployment import Deployment
from umi_proto.v1 import agent_pb2_grpc, enrolment_pb2, enrolment_pb2_grpc
from umi_shared.errors import ConfigError, RefusedError
from umi_shared.refusal import refusal_from_metadata
from umi_shared.renewal_proof import renewal_words

DONE = "Nothing is left to do. Next: summarizer."
LONG_AGO = timedelta(days=5)
"""Before now: a certificate of then can be renewed."""


@dataclass
class Front:
    """A running front, its authority, and the keys of its laptops."""

    address: str
    authority: Authority
    deployment: Deployment
    state: Path

    def proxy(self, name: str = "edge") -> Identity:
        target = self.state.parent / f"{name}.pem"
        if not target.exists():
            self.authority.issue_proxy(name, (), target, 60)
        pem = target.read_bytes()
        return Identity(pem, pem[pem.index(b"-----BEGIN CERTIFICATE") :])

    async def enrol(self, name: str) -> tuple[Identity, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        request = csr(key, name)
        digest = hashlib.sha256(request).digest()
        dated = Authority.load(self.state, clock=lambda: datetime.now(UTC) - LONG_AGO)
        async with registry_at(str(self.state)) as registry:
            await registry.add_token(name, digest, timedelta(hours=1))
            signed = await registry.redeem(digest, lambda given: dated.sign_device(request, given))
        return Identity(key_pem(key), signed.pem), key

    @asynccontextmanager
    async def channel(self, identity: Identity) -> AsyncIterator[grpc.aio.Channel]:
        credentials = grpc.ssl_channel_credentials(
            self.authority.ca_pem, identity.key_pem, identity.certificate_pem
        )
        async with grpc.aio.secure_channel(self.address, credentials) as channel:
            yield channel

    async def plan(self, channel: grpc.aio.Channel, request, *headers: tuple[str, str]) -> str:
        """`ok`, or why not."""
        call = agent_pb2_grpc.PlannerStub(channel).Plan(request, metadata=headers)
        try:
            async for _ in call:
                pass
        except grpc.aio.AioRpcError as error:
            return refusal_from_metadata(error.trailing_metadata()).reason
        return "ok"


def says(pem: bytes) -> tuple[str, str]:
    digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
    return "x-forwarded-client-cert", f'Hash={digest};Cert="{quote_from_bytes(pem, safe="")}"'


@asynccontextmanager
async def front_with(folder: Path, **settings) -> AsyncIterator[Front]:
    state = folder / "state"
    authority = Authority.init(state)
    config = CloudConfig(
        listen="127.0.0.1:0",
        enrol_listen="",
        state=str(state),
        engine=ScriptedSettings(replies=(DONE,)),
        **settings,
    )
    deployment = await Deployment.start(config)
    try:
        await deployment.load()
        yield Front(f"localhost:{deployment.address.rpartition(':')[2]}", authority, deployment, state)
    finally:
        await deployment.stop(0)


@pytest.fixture
async def front(tmp_path) -> AsyncIterator[Front]:
    settings = ProxySettings(names=("edge",), address_header="x-forwarded-for")
    async with front_with(tmp_path, proxy=settings, quota=Quota(requests_per_minute=3)) as front:
        yield front


async def spent(front: Front) -> dict[str, int]:
    async with registry_at(str(front.state)) as registry:
        return {one.name: one.requests for one in await registry.devices()}


async def test_a_named_proxy_brings_calls_that_are_the_devices_own(front, plan_request):
    alice, _ = await front.enrol("alice")
    bob, _ = await front.enrol("bob")
    async with front.channel(front.proxy()) as proxy, front.channel(bob) as direct:
        assert await front.plan(proxy, plan_request, says(alice.certificate_pem)) == "ok"
        assert await front.plan(proxy, plan_request, says(bob.certificate_pem)) == "ok"
        assert await front.plan(direct, plan_request) == "ok"
        assert await spent(front) == {"alice": 1, "bob": 2}
        # The quota is the device's, however it comes.
        assert await front.plan(proxy, plan_request, says(bob.certificate_pem)) == "ok"
        assert await front.plan(direct, plan_request) == "RATE_LIMITED"
        assert await front.plan(proxy, plan_request, says(bob.certificate_pem)) == "RATE_LIMITED"
        assert await front.plan(proxy, plan_request, says(alice.certificate_pem)) == "ok"
        # So is a revocation.
        await front.deployment._fleet.registry.revoke("alice")
        assert await front.plan(proxy, plan_request, says(alice.certificate_pem)) == "CERTIFICATE_REVOKED"


async def test_what_a_device_wrote_before_the_proxys_element_is_not_read(front, plan_request):
    alice, _ = await front.enrol("alice")
    bob, _ = await front.enrol("bob")
    key, mine = says(alice.certificate_pem)
    async with front.channel(front.proxy()) as proxy:
        both = (key, f"{says(bob.certificate_pem)[1]},{mine}")
        assert await front.plan(proxy, plan_request, both) == "ok"
    assert await spent(front) == {"alice": 1, "bob": 0}


async def test_a_device_is_who_its_certificate_says_whatever_it_writes(front, plan_request):
    alice, _ = await front.enrol("alice")
    bob, _ = await front.enrol("bob")
    async with front.channel(bob) as direct:
        assert await front.plan(direct, plan_request, says(alice.certificate_pem)) == "ok"
    assert await spent(front) == {"alice": 0, "bob": 1}


async def test_a_proxy_that_is_not_named_is_nobody(front, plan_request):
    alice, _ = await front.enrol("alice")
    async with front.channel(front.proxy("other")) as proxy:
        assert await front.plan(proxy, plan_request, says(alice.certificate_pem)) == "CERTIFICATE_FOREIGN"


async def test_a_proxy_itself_can_do_nothing(front, plan_request, caplog):
    alice, _ = await front.enrol("alice")
    stranger = Authority.init(front.state / "other").sign_device(csr(), "alice").pem
    name, element = says(alice.certificate_pem)
    async with front.channel(front.proxy()) as proxy:
        for headers in (
            (),
            ((name, ""),),
            ((name, element), (name, element)),
            ((name, element + ";"),),
            says_all(stranger),
            says_all(front.proxy().certificate_pem),
        ):
            assert await front.plan(proxy, plan_request, *headers) == "PROXY_INVALID"
        request = enrolment_pb2.RenewRequest(csr_pem=csr())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await enrolment_pb2_grpc.RenewalStub(proxy).Renew(request)
        assert refusal_from_metadata(caught.value.trailing_metadata()).reason == "PROXY_INVALID"
    assert await spent(front) == {"alice": 0}
    said = [record.message for record in caplog.records if record.name == "umi_cloud.proxies"]
    assert "the proxy edge is not believed: it sends no x-forwarded-client-cert, or several" in said
    assert len(said) == len(set(said))


def says_all(pem: bytes) -> tuple[tuple[str, str], ...]:
    return (says(pem),)


async def test_a_certificate_renews_behind_a_proxy_by_the_devices_key_alone(front):
    """A proxy that could renew would collect certificates of its own keys, and be laptops for good."""
    alice, key = await front.enrol("alice")
    certificate = x509.load_pem_x509_certificate(alice.certificate_pem)
    der = certificate.public_bytes(certificates.serialization.Encoding.DER)
    next_csr, thiefs_csr = csr(), csr()
    signature = key.sign(renewal_words(der, next_csr), ec.ECDSA(hashes.SHA256()))

    async def renew(proxy: grpc.aio.Channel, csr_pem: bytes, signature: bytes) -> str:
        request = enrolment_pb2.RenewRequest(csr_pem=csr_pem, signature=signature)
        headers = (says(alice.certificate_pem), ("x-forwarded-for", "10.9.9.9, 203.0.113.7"))
        try:
            reply = await enrolment_pb2_grpc.RenewalStub(proxy).Renew(request, metadata=headers)
        except grpc.aio.AioRpcError as error:
            return refusal_from_metadata(error.trailing_metadata()).reason
        return certificates.device_name(x509.load_pem_x509_certificate(reply.certificate_pem))

    async with front.channel(front.proxy()) as proxy:
        assert await renew(proxy, thiefs_csr, b"") == "PROOF_INVALID"
        assert await renew(proxy, thiefs_csr, signature) == "PROOF_INVALID"
        assert await renew(proxy, next_csr, signature) == "alice"
    async with registry_at(str(front.state)) as registry:
        entries = [entry async for entry in registry.audit(datetime.now(UTC) - timedelta(minutes=1))]
    assert [(one.event, one.address) for one in entries if one.event == "renewed"] == [
        ("renewed", "203.0.113.7")
    ]


async def test_an_authority_for_proxies_says_nothing_of_devices(tmp_path, plan_request):
    """It is trusted to name proxies: a certificate of it that names a device, with a known number, is nobody's."""
    now, lifetimes = datetime.now(UTC), certificates.Lifetimes()
    meshs_key, mesh = certificates.make_ca(now, lifetimes)
    (tmp_path / "mesh.pem").write_bytes(certificates.certificate_pem(mesh))
    settings = ProxySettings(names=("edge.example",), authority=tmp_path / "mesh.pem")

    def of_mesh(names: list[x509.GeneralName], serial: int) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")]))
            .issuer_name(mesh.subject)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(meshs_key, hashes.SHA256())
        )
        return Identity(key_pem(key), certificates.certificate_pem(made))

    async with front_with(tmp_path, proxy=settings) as front:
        alice, _ = await front.enrol("alice")
        number = x509.load_pem_x509_certificate(alice.certificate_pem).serial_number
        named = of_mesh([x509.DNSName("edge.example")], 1)
        other = of_mesh([x509.DNSName("other.example")], 2)
        forged = of_mesh([x509.UniformResourceIdentifier("umi://device/alice")], number)
        header = says(alice.certificate_pem)
        watch = front.deployment.server.connections
        for identity, headers, expected in (
            (forged, (), "PROXY_INVALID"),
            (other, (header,), "PROXY_INVALID"),
        ):
            async with front.channel(identity) as channel:
                assert await front.plan(channel, plan_request, *headers) == expected
        assert watch._proxies == set()  # a stranger's connection has a stranger's limits
        for identity, headers, expected in (
            (named, (header,), "ok"),
            (named, (says(forged.certificate_pem),), "PROXY_INVALID"),
            (alice, (), "ok"),
        ):
            async with front.channel(identity) as channel:
                assert await front.plan(channel, plan_request, *headers) == expected


async def test_without_named_proxies_nobody_is_one(tmp_path, plan_request):
    async with front_with(tmp_path) as front:
        alice, _ = await front.enrol("alice")
        async with front.channel(front.proxy()) as proxy:
            header = says(alice.certificate_pem)
            assert await front.plan(proxy, plan_request, header) == "CERTIFICATE_FOREIGN"


@pytest.mark.parametrize(
    "settings",
    [
        {"authority": Path("mesh.pem")},
        {"names": ("",)},
        {"names": ("umi://device/a",)},
        {"names": ("edge",), "address_header": "X-Forwarded-Client-Cert"},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ConfigError):
        ProxySettings(**settings)


def test_an_authority_that_is_none_is_refused_at_the_start(tmp_path):
    authority = Authority.init(tmp_path / "state")
    for content in (b"", b"garbage", authority.sign_device(csr(), "a").pem):
        path = tmp_path / "mesh.pem"
        path.write_bytes(content)
        with pytest.raises(ConfigError):
            ProxySettings(names=("edge",), authority=path).authority_pem()


def test_a_proxys_certificate_is_made_once_and_is_no_devices(tmp_path):
    authority = Authority.init(tmp_path / "state")
    target = tmp_path / "edge.pem"
    made = authority.issue_proxy("edge", ["planner.example"], target, 10)
    assert certificates.device_name(made) is None
    assert certificates.subject_names(made) == (("planner.example",), ("umi://proxy/edge",))
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="already"):
        authority.issue_proxy("edge", [], target, 10)
    with pytest.raises(ConfigError):
        authority.issue_proxy("Not/a name", [], tmp_path / "other.pem", 10)


def test_a_proxy_is_believed_until_its_certificate_ends_however_long_its_connection_lasts(tmp_path):
    authority = Authority.init(tmp_path / "state")
    pem = certificates.certificate_pem(authority.issue_proxy("edge", (), tmp_path / "edge.pem", 10))
    later = (datetime.now(UTC) + timedelta(days=11)).timestamp()
    proxies = Proxies(ProxySettings(names=("edge",)), authority, calendar=lambda: later)

    class Context:
        def auth_context(self):
            return {"x509_pem_cert": [pem]}

        def invocation_metadata(self):
            return (says(authority.sign_device(csr(), "a").pem),)

    with pytest.raises(RefusedError, match="does not say whose call"):
        proxies.caller(Context()).auth_context()
