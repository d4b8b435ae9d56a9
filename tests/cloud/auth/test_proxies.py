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
from umi_cloud.auth.proxies import Proxies
from umi_cloud.auth.proxy_settings import ProxySettings
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
            says_all(front.proxy().certificate_pem),
        ):
            assert await front.plan(proxy, plan_request, *headers) == "PROXY_INVALID"
        assert await front.plan(proxy, plan_request, says(stranger)) == "CERTIFICATE_FOREIGN"
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
            (named, (says(forged.certificate_pem),), "CERTIFICATE_FOREIGN"),
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


@dataclass
class Row:
    """Who is believed where several proxies stand in a row, without a server."""

    authority: Authority
    proxies: Proxies
    folder: Path

    def proxy(self, name: str) -> bytes:
        target = self.folder / f"{name}.pem"
        if not target.exists():
            self.authority.issue_proxy(name, (), target, 60)
        pem = target.read_bytes()
        return pem[pem.index(b"-----BEGIN CERTIFICATE") :]

    def laptop(self, name: str) -> bytes:
        return self.authority.sign_device(csr(), name).pem

    def caller(self, peer: bytes, *shown: bytes | str) -> str:
        """The device whose call `peer` brings, by elements for these certificates, or why it brings nobody's."""
        header = ",".join(one if isinstance(one, str) else says(one)[1] for one in shown)
        try:
            ((pem,),) = self.proxies.caller(Call(peer, header)).auth_context().values()
        except RefusedError as refused:
            return refused.reason
        return certificates.device_name(x509.load_pem_x509_certificate(pem))


@dataclass
class Call:
    peer: bytes
    header: str

    def auth_context(self):
        return {"x509_pem_cert": [self.peer]}

    def invocation_metadata(self):
        return [("x-forwarded-client-cert", self.header)]


@pytest.fixture
def row(tmp_path) -> Row:
    authority = Authority.init(tmp_path / "state")
    named = ProxySettings(names=("edge", "middle", "inner"))
    return Row(authority, Proxies(named, authority), tmp_path)


def test_of_proxies_in_a_row_each_says_who_called_it(row):
    edge, middle, inner, other = map(row.proxy, ("edge", "middle", "inner", "other"))
    alice, bob = row.laptop("alice"), row.laptop("bob")
    assert row.caller(inner, alice) == "alice"
    assert row.caller(inner, alice, edge) == "alice"
    assert row.caller(inner, alice, edge, middle) == "alice"
    # Whatever a laptop has written stands before the element that tells of the laptop.
    for own in ((bob,), (bob, edge), (bob, edge, middle), ("By=x;Hash=",), (other,)):
        assert row.caller(inner, *own, alice) == "alice"
        assert row.caller(inner, *own, alice, edge) == "alice"
        assert row.caller(inner, *own, alice, edge, middle) == "alice"


def test_a_row_ends_at_whoever_is_not_named(row, caplog):
    edge, middle, inner, other = map(row.proxy, ("edge", "middle", "inner", "other"))
    alice = row.laptop("alice")
    for shown in (
        (alice, other),
        (alice, edge, other),
        (alice, other, edge),
        (alice, inner),  # itself
        (alice, edge, middle, edge),
        (alice, certificates.certificate_pem(row.authority.server_certificate)),
        (alice, 'Hash="x"'),
        ("", edge),
    ):
        assert row.caller(inner, *shown) == "PROXY_INVALID"
    assert row.caller(other, alice, edge) != "alice"  # not named, so no proxy at all
    said = "\n".join(record.message for record in caplog.records)
    assert (
        "in the element of inner: the certificate itself is missing, it says Hash: have it add Cert" in said
    )
    assert "edge stands twice in a row of proxies" in said


def test_a_proxy_that_overwrites_the_word_of_the_one_before_it_is_told_so(row, caplog):
    assert row.caller(row.proxy("inner"), row.proxy("edge")) == "PROXY_INVALID"
    (record,) = caplog.records
    assert record.message == (
        "the proxy inner is not believed: it was called by the proxy edge, and there is no element of edge's: have "
        "inner append to x-forwarded-client-cert (Envoy: APPEND_FORWARD), and edge write it"
    )


def test_a_laptop_of_a_retired_authority_hears_that_it_must_enrol_again(row, caplog):
    """Trial: it was told that a proxy does not say who calls."""
    inner, alice = row.proxy("inner"), row.laptop("alice")
    state = row.folder / "state"
    row.authority.rotate(state, at_once=True).retire(state)
    row.proxies = Proxies(
        ProxySettings(names=("inner",)), LaterAuthority(row.authority, Authority.load(state))
    )
    assert row.caller(inner, alice) == "alice"
    row.proxies._source.retired = True
    row.proxies._looked_at = float("-inf")
    renewed = Authority.load(state).issue_proxy("inner", (), row.folder / "next.pem", 10)
    inner = certificates.certificate_pem(renewed)
    assert row.caller(inner, alice) == "CERTIFICATE_FOREIGN"
    assert "one that was retired; the laptop enrols again (`umi-cloud enroll NAME`)" in caplog.text


@dataclass
class LaterAuthority:
    first: Authority
    next: Authority
    retired: bool = False

    def current(self) -> Authority:
        return self.next if self.retired else self.first


class Mesh:
    """Another authority, which signs proxies by an intermediate one."""

    def __init__(self, folder: Path, name: str = "mesh") -> None:
        self.key, self.root = ec.generate_private_key(ec.SECP256R1()), None
        self.root = self._signed(self.key, name, ca=True)
        self.between_key = ec.generate_private_key(ec.SECP256R1())
        self.between = self._signed(self.between_key, f"{name} 2", ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificates.certificate_pem(self.root))

    def proxy(self, name: str, days: int = 10) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(key, "x", name=name, days=days)
        return certificates.certificate_pem(made)

    def chain(self, leaf: bytes) -> str:
        pem = leaf + certificates.certificate_pem(self.between)
        return f'Chain="{quote_from_bytes(pem, safe="")}"'

    def _signed(self, key, subject: str, *, ca: bool = False, name: str = "", days: int = 10):
        signer, issuer = (self.key, self.root) if ca else (self.between_key, self.between)
        named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
        now = datetime.now(UTC)
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        made = (
            x509.CertificateBuilder()
            .subject_name(named)
            .issuer_name(named if issuer is None else issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        )
        if name:
            kind = x509.UniformResourceIdentifier if ":" in name else x509.DNSName
            made = made.add_extension(x509.SubjectAlternativeName([kind(name)]), False)
        if ca:
            made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            made = made.add_extension(
                x509.KeyUsage(
                    digital_signature=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                    **usage,
                ),
                True,
            )
        return made.sign(signer, hashes.SHA256())


def test_a_row_of_another_authoritys_proxies_is_believed_by_its_signatures(row):
    edge_name = "spiffe://mesh.example/edge"
    mesh, strangers = Mesh(row.folder), Mesh(row.folder, "strangers")
    settings = ProxySettings(names=("inner.example", edge_name), authority=mesh.file)
    days = 0.0
    row.proxies = Proxies(
        settings, row.authority, calendar=lambda: datetime.now(UTC).timestamp() + days * 86_400
    )
    inner, edge, alice = mesh.proxy("inner.example"), mesh.proxy(edge_name, days=5), row.laptop("alice")
    assert row.caller(inner, alice, mesh.chain(edge)) == "alice"
    # Without what is between it and the root nobody can tell who has signed it.
    assert row.caller(inner, alice, edge) == "PROXY_INVALID"
    forged = strangers.proxy(edge_name)
    assert row.caller(inner, alice, strangers.chain(forged)) == "PROXY_INVALID"
    assert row.caller(inner, alice, mesh.chain(forged)) == "PROXY_INVALID"
    # It says nothing of laptops, in a row neither.
    bob = mesh.proxy("umi://device/bob")
    assert row.caller(inner, mesh.chain(bob)) == "CERTIFICATE_FOREIGN"
    assert row.caller(inner, mesh.chain(bob), mesh.chain(edge)) == "CERTIFICATE_FOREIGN"
    days = 6
    assert row.caller(inner, alice) == "alice"
    assert row.caller(inner, alice, mesh.chain(edge)) == "PROXY_INVALID"


async def test_a_call_through_two_proxies_is_the_devices_own(tmp_path, plan_request):
    settings = ProxySettings(names=("edge", "inner"))
    async with front_with(tmp_path, proxy=settings) as front:
        alice, _ = await front.enrol("alice")
        bob, _ = await front.enrol("bob")
        name, of_alice = says(alice.certificate_pem)
        by_inner = says(front.proxy("edge").certificate_pem)[1]
        async with front.channel(front.proxy("inner")) as inner:
            # bob's own element, and what else a hostile laptop writes before it: longer than a direct call may be.
            before = f"{says(bob.certificate_pem)[1]},{by_inner}," + "By=x;Hash=y," * 500
            for header in (f"{of_alice},{by_inner}", f"{before}{of_alice},{by_inner}"):
                assert await front.plan(inner, plan_request, (name, header)) == "ok"
        async with front.channel(front.proxy("edge")) as edge:
            assert await front.plan(edge, plan_request, (name, of_alice)) == "ok"
        assert await spent(front) == {"alice": 3, "bob": 0}


def test_a_certificate_that_a_mesh_renews_each_day_is_warned_of_only_if_it_is_not(row, caplog):
    mesh, began = Mesh(row.folder), datetime.now(UTC)
    hours = 0.0
    row.proxies = Proxies(
        ProxySettings(names=("edge.example",), authority=mesh.file),
        row.authority,
        calendar=lambda: began.timestamp() + hours * 3600,
    )
    alice, edges = row.laptop("alice"), [mesh.proxy("edge.example", days=1) for _ in range(3)]  # of two days
    for later in (0.0, 19.0):
        hours = later
        assert {row.caller(edge, alice) for edge in edges} == {"alice"}
        assert caplog.messages == []
    hours = 19.5
    assert {row.caller(edge, alice) for edge in edges} == {"alice"}
    (said,) = caplog.messages  # once, however many of its certificates there are
    assert said.startswith("the certificate of the proxy edge.example ends at")


def test_a_proxy_is_believed_until_its_certificate_ends_however_long_its_connection_lasts(tmp_path):
    authority = Authority.init(tmp_path / "state")
    pem = certificates.certificate_pem(authority.issue_proxy("edge", (), tmp_path / "edge.pem", 10))
    later = (datetime.now(UTC) + timedelta(days=11)).timestamp()
    proxies = Proxies(ProxySettings(names=("edge",)), authority, calendar=lambda: later)

    header = says(authority.sign_device(csr(), "a").pem)[1]
    with pytest.raises(RefusedError, match="does not say whose call"):
        proxies.caller(Call(pem, header)).auth_context()
