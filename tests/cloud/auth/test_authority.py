"""The certificate authority: what it makes, what it signs, what it refuses."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from umi_cloud.auth import authority as authority_module
from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_cloud.auth.certificates import Lifetimes
from umi_shared.errors import ConfigError, RefusedError


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


def test_the_server_certificate_names_the_hosts_and_this_machine(authority):
    assert authority.server_names == ("planner.example", "localhost", "127.0.0.1", "::1")


def test_an_independent_verifier_accepts_the_server_for_each_of_its_names(authority, clock):
    verifier = PolicyBuilder().store(Store([authority.ca_certificate])).time(clock.moment)
    for name in ("planner.example", "localhost"):
        verifier.build_server_verifier(x509.DNSName(name)).verify(authority.server_certificate, [])


def test_an_independent_verifier_accepts_a_device_and_reads_its_name(authority, clock, csr_pem):
    signed = authority.sign_device(csr_pem, "alices-laptop")
    builder = PolicyBuilder().store(Store([authority.ca_certificate])).time(clock.moment)
    verified = builder.build_client_verifier().verify(x509.load_pem_x509_certificate(signed.pem), [])
    assert verified.subjects == [x509.UniformResourceIdentifier("umi://device/alices-laptop")]


def test_server_and_device_cannot_take_each_others_part(authority, csr_pem):
    device = x509.load_pem_x509_certificate(authority.sign_device(csr_pem, "a").pem)
    assert list(extension(device, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    server = authority.server_certificate
    assert list(extension(server, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extension(device, x509.BasicConstraints).ca
    assert extension(authority.ca_certificate, x509.BasicConstraints).path_length == 0


def test_certificates_start_a_day_early_for_clocks_that_are_behind_and_end_on_time(authority, clock, csr_pem):
    device = x509.load_pem_x509_certificate(authority.sign_device(csr_pem, "a").pem)
    assert device.not_valid_before_utc == clock.moment - timedelta(days=1)
    assert device.not_valid_after_utc == clock.moment + timedelta(days=7)
    assert authority.server_certificate.not_valid_after_utc == clock.moment + timedelta(days=365)
    assert authority.ca_certificate.not_valid_after_utc == clock.moment + timedelta(days=3650)


def test_no_leaf_outlives_the_ca_and_an_expired_ca_signs_nothing(authority, clock, csr_pem):
    clock.advance(days=3645)
    signed = authority.sign_device(csr_pem, "a")
    assert signed.expires == authority.ca_certificate.not_valid_after_utc
    clock.advance(days=6)
    with pytest.raises(ConfigError, match="authority expired"):
        authority.sign_device(csr_pem, "a")


def test_what_the_request_says_about_itself_is_ignored(authority):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "admin")])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("planner.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = authority.sign_device(request.public_bytes(serialization.Encoding.PEM), "a").pem
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.subject.rfc4514_string() == "CN=a"
    assert not extension(certificate, x509.BasicConstraints).ca
    assert list(extension(certificate, x509.SubjectAlternativeName)) == [
        x509.UniformResourceIdentifier("umi://device/a")
    ]
    assert certificate.public_key() == key.public_key()


def signed_by_another_key() -> bytes:
    """A request whose signature is that of another request of the same length."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    while True:
        ders = [
            builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
                serialization.Encoding.DER
            )
            for _ in range(2)
        ]
        signatures = [x509.load_der_x509_csr(der).signature for der in ders]
        if len(signatures[0]) == len(signatures[1]):
            mixed = x509.load_der_x509_csr(ders[0].replace(signatures[0], signatures[1]))
            return mixed.public_bytes(serialization.Encoding.PEM)


def over(key) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
    return request.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"no request at all",
        lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        lambda: b"x" * 5000,
        lambda: over(rsa.generate_private_key(65537, 2048)),
        lambda: over(ec.generate_private_key(ec.SECP384R1())),
        lambda: over(ed25519.Ed25519PrivateKey.generate()),
        signed_by_another_key,
    ],
    ids=["empty", "text", "damaged", "huge", "rsa", "p384", "ed25519", "signed by another key"],
)
def test_a_request_that_is_not_a_signed_p256_one_is_refused(authority, make):
    with pytest.raises(RefusedError) as caught:
        authority.sign_device(make(), "a")
    assert caught.value.reason == "CSR_INVALID"


def test_init_refuses_to_overwrite(authority, state):
    before = {path.name: path.read_bytes() for path in AuthorityFiles(state).directory.iterdir()}
    with pytest.raises(ConfigError, match="already"):
        Authority.init(state)
    assert {path.name: path.read_bytes() for path in AuthorityFiles(state).directory.iterdir()} == before


def test_of_two_inits_at_once_one_wins_and_its_files_fit_together(state):
    def attempt(_):
        try:
            return Authority.init(state)
        except ConfigError:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = [one for one in pool.map(attempt, range(4)) if one]
    assert len(made) == 1
    assert Authority.load(state).server_fingerprint == made[0].server_fingerprint
    assert [path.name for path in state.iterdir()] == ["ca"]


def test_a_failure_halfway_leaves_nothing(state, monkeypatch):
    def fail_at_server(path, content, *, private=True):
        if path.name == "server.pem":
            raise ConfigError("the disk is full")
        path.write_bytes(content)

    monkeypatch.setattr(authority_module, "write_durably", fail_at_server)
    with pytest.raises(ConfigError, match="disk is full"):
        Authority.init(state)
    assert list(state.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists instead of modes")
def test_keys_are_their_owners_alone(authority, state):
    files = AuthorityFiles(state)
    for path in (files.ca_key, files.server):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.directory.stat().st_mode) == 0o700


def test_renewing_the_server_keeps_the_ca_and_the_names_and_adds_one(authority, state):
    renewed = authority.issue_server(state, ["new.example"])
    loaded = Authority.load(state)
    assert loaded.ca_pem == authority.ca_pem
    assert loaded.server_fingerprint == renewed.server_fingerprint != authority.server_fingerprint
    assert loaded.server_names == ("planner.example", "new.example", "localhost", "127.0.0.1", "::1")


def test_a_missing_damaged_or_foreign_file_is_named(authority, state, tmp_path):
    files = AuthorityFiles(state)
    with pytest.raises(ConfigError, match=r"ca\.pem") as caught:
        Authority.load(tmp_path / "nowhere")
    assert "umi-cloud ca init" in caught.value.fix
    other = AuthorityFiles(tmp_path / "other")
    Authority.init(other.state)
    good = files.ca_key.read_bytes()
    files.ca_key.write_bytes(other.ca_key.read_bytes())
    with pytest.raises(ConfigError, match=r"ca\.key is not the key of"):
        Authority.load(state)
    files.ca_key.write_bytes(good[:100])
    with pytest.raises(ConfigError, match=r"ca\.key holds no key"):
        Authority.load(state)
    files.ca_key.write_bytes(good)
    files.server.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"server\.pem holds no certificate"):
        Authority.load(state)


def test_no_key_is_in_a_repr(authority):
    assert "PrivateKey" not in repr(authority)
    assert "PRIVATE" not in repr(authority)


@pytest.mark.parametrize("host", ["", "a b", "planner.example:7443", "-x", "a" * 300, "https://x"])
def test_a_host_that_is_none_is_refused_before_anything_is_written(state, host):
    with pytest.raises(ConfigError, match="neither a host name nor an IP address"):
        Authority.init(state, [host])
    assert not state.exists()


def test_lifetimes_beyond_what_clients_accept_are_refused():
    with pytest.raises(ConfigError, match="out of range"):
        Lifetimes(server_days=826)
