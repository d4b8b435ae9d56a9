"""The kinds of certificate in a deployment: its CA's, its server's, its devices' and its proxies'. No files here."""

import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from umi_shared.errors import ConfigError

__all__ = [
    "DEFAULT_LIFETIMES",
    "DEVICE_URI",
    "PROXY_URI",
    "Lifetimes",
    "certificate_pem",
    "device_name",
    "fingerprint",
    "key_pem",
    "make_ca",
    "make_device",
    "make_proxy",
    "make_server",
    "serial_text",
    "server_names",
    "subject_names",
]

DEVICE_URI = "umi://device/"
PROXY_URI = "umi://proxy/"

_DNS_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long certificates are valid, in days."""

    ca_days: int = 3650
    server_days: int = 365
    """Apple's TLS stacks refuse server certificates of more than 825 days."""
    device_days: int = 7
    backdated_seconds: int = 86_400
    """A certificate is valid from this long ago, so that a laptop whose clock is hours behind accepts it."""

    def __post_init__(self) -> None:
        if not (0 < self.ca_days <= 7300 and 0 < self.server_days <= 825 and 0 < self.device_days <= 825):
            raise ConfigError(
                "a certificate's lifetime is out of range",
                fix="use 1 to 7300 days for the CA, 1 to 825 for the server and the devices",
            )


DEFAULT_LIFETIMES = Lifetimes()


def make_ca(now: datetime, lifetimes: Lifetimes) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A new P-256 key and its self-signed CA certificate, which can sign devices and servers, and no other CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A random part in the name tells two deployments' authorities apart in messages and key stores.
    name = _name(f"umi CA {secrets.token_hex(4)}")
    builder = _builder(
        key.public_key(),
        subject=name,
        issuer=name,
        start=now - timedelta(seconds=lifetimes.backdated_seconds),
        end=now + timedelta(days=lifetimes.ca_days),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def make_server(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    hosts: Sequence[str],
    *,
    now: datetime,
    lifetimes: Lifetimes,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A new key and the certificate that names `hosts` (DNS names and IP addresses)."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _make_leaf(
        ca,
        ca_key,
        key.public_key(),
        common_name="umi server",
        names=[_general_name(host) for host in hosts],
        usages=[ExtendedKeyUsageOID.SERVER_AUTH],
        now=now,
        life=timedelta(days=lifetimes.server_days),
        lifetimes=lifetimes,
    )
    return key, certificate


def make_device(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    public_key: ec.EllipticCurvePublicKey,
    *,
    name: str,
    now: datetime,
    lifetimes: Lifetimes,
) -> x509.Certificate:
    """The certificate with which the owner of `public_key` can call as `name`."""
    return _make_leaf(
        ca,
        ca_key,
        public_key,
        common_name=name,
        names=[x509.UniformResourceIdentifier(DEVICE_URI + name)],
        usages=[ExtendedKeyUsageOID.CLIENT_AUTH],
        now=now,
        life=timedelta(days=lifetimes.device_days),
        lifetimes=lifetimes,
    )


def make_proxy(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    name: str,
    hosts: Sequence[str],
    *,
    now: datetime,
    lifetimes: Lifetimes,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A new key and the certificate of a proxy: to fronts it is `name`, to laptops a server of `hosts`."""
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
    certificate = _make_leaf(
        ca,
        ca_key,
        key.public_key(),
        common_name=f"umi proxy {name}"[:64],
        names=[*map(_general_name, hosts), x509.UniformResourceIdentifier(PROXY_URI + name)],
        usages=usages,
        now=now,
        life=timedelta(days=lifetimes.server_days),
        lifetimes=lifetimes,
    )
    return key, certificate


def device_name(certificate: x509.Certificate) -> str | None:
    """The device a certificate names, or None when it is not a device's."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    devices = [uri.removeprefix(DEVICE_URI) for uri in uris if uri.startswith(DEVICE_URI)]
    return devices[0] if len(devices) == 1 else None


def subject_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The DNS names and the URIs that a certificate is made out to."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return (), ()
    return (
        tuple(names.get_values_for_type(x509.DNSName)),
        tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
    )


def server_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and IP addresses of a server's certificate, in order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def serial_text(certificate: x509.Certificate) -> str:
    """The serial number in hexadecimal, as the registry keeps it."""
    return f"{certificate.serial_number:x}"


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the certificate in DER."""
    return certificate.fingerprint(hashes.SHA256())


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private key in PEM, not encrypted: the file's mode protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _make_leaf(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    public_key: ec.EllipticCurvePublicKey,
    *,
    common_name: str,
    names: Sequence[x509.GeneralName],
    usages: Sequence[x509.ObjectIdentifier],
    now: datetime,
    life: timedelta,
    lifetimes: Lifetimes,
) -> x509.Certificate:
    if ca.not_valid_after_utc <= now:
        raise ConfigError(
            f"the certificate authority expired at {ca.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
            fix="move its directory away, run `umi-cloud ca init`, and enrol every device again",
        )
    builder = _builder(
        public_key,
        subject=_name(common_name),
        issuer=ca.subject,
        start=now - timedelta(seconds=lifetimes.backdated_seconds),
        end=min(now + life, ca.not_valid_after_utc),
    )
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(authority_key, critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def _builder(
    public_key: ec.EllipticCurvePublicKey,
    *,
    subject: x509.Name,
    issuer: x509.Name,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not _DNS_NAME.fullmatch(host) or len(host) > 253:
        raise ConfigError(
            f"{host[:80]!r} is neither a host name nor an IP address",
            fix="give each --host as a name such as planner.example, or as an address",
        )
    return x509.DNSName(host.lower())
