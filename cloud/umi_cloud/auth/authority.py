"""The certificate authority of one deployment, and the certificate its server shows.

Invariants: a signing request gives its public key and nothing else (its subject and extensions are ignored); a
device's certificate is not valid for a server, nor the server's for a device; the CA signs no other CA.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from umi_cloud.auth import certificates
from umi_cloud.auth.certificates import DEFAULT_LIFETIMES, Lifetimes
from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.enrolment_token import check_device_name
from umi_shared.errors import ConfigError, RefusedError

__all__ = ["Authority", "AuthorityFiles", "SignedCertificate"]

MAX_CSR_BYTES = 4096
ALWAYS_NAMED = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class AuthorityFiles:
    """Where a deployment's certificates live, below its state directory."""

    state: Path

    @property
    def directory(self) -> Path:
        """All of them are in one directory, so that one rename makes them appear together."""
        return self.state / "ca"

    @property
    def ca_key(self) -> Path:
        """The CA's key. It must not leak: whoever has it can admit devices and pose as the server."""
        return self.directory / "ca.key"

    @property
    def ca_certificate(self) -> Path:
        """The CA's certificate, which every device trusts."""
        return self.directory / "ca.pem"

    @property
    def server(self) -> Path:
        """The server's key and certificate, in one file so that a renewal replaces both at once."""
        return self.directory / "server.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCertificate:
    """A certificate that a device was given."""

    name: str
    serial: str
    issued: datetime
    expires: datetime
    pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Signs devices' certificates; made once by `init`, read back by `load`."""

    ca_certificate: x509.Certificate
    server_certificate: x509.Certificate
    ca_key: ec.EllipticCurvePrivateKey = field(repr=False)
    lifetimes: Lifetimes = DEFAULT_LIFETIMES
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)

    @classmethod
    def init(
        cls,
        state: Path,
        hosts: Iterable[str] = (),
        *,
        lifetimes: Lifetimes = DEFAULT_LIFETIMES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> "Authority":
        """Make the CA and the server's certificate in `state`; all files appear at once, or none.

        Raises ConfigError when there is one already, or the files cannot be written.
        """
        files = AuthorityFiles(state)
        if files.directory.exists():
            raise _already_there(files)
        key, ca = certificates.make_ca(clock(), lifetimes)
        server_key, server = certificates.make_server(
            ca, key, _server_names(hosts), now=clock(), lifetimes=lifetimes
        )
        make_private_directory(state)
        draft = AuthorityFiles(state / f".ca-{secrets.token_hex(4)}")
        try:
            make_private_directory(draft.directory)
            write_durably(draft.ca_key, certificates.key_pem(key))
            write_durably(draft.ca_certificate, certificates.certificate_pem(ca), private=False)
            write_durably(draft.server, _server_pem(server_key, server))
            _move_into_place(draft.directory, files)
        finally:
            shutil.rmtree(draft.state, ignore_errors=True)
        return cls(ca_certificate=ca, server_certificate=server, ca_key=key, lifetimes=lifetimes, clock=clock)

    @classmethod
    def load(
        cls,
        state: Path,
        *,
        lifetimes: Lifetimes = DEFAULT_LIFETIMES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> "Authority":
        """Read the authority in `state`. Raises ConfigError, which names the file that is missing or wrong."""
        files = AuthorityFiles(state)
        ca = _read_certificate(files.ca_certificate)
        key = _read_key(files.ca_key)
        if key.public_key() != ca.public_key():
            raise ConfigError(
                f"{files.ca_key} is not the key of {files.ca_certificate}",
                fix=f"restore {files.directory} from your backup",
            )
        server = _read_certificate(files.server)
        return cls(ca_certificate=ca, server_certificate=server, ca_key=key, lifetimes=lifetimes, clock=clock)

    def issue_server(self, state: Path, hosts: Iterable[str] = ()) -> "Authority":
        """Replace the server's key and certificate in `state`; the names of the old one stay in it."""
        names = _server_names((*certificates.server_names(self.server_certificate), *hosts))
        key, server = certificates.make_server(
            self.ca_certificate, self.ca_key, names, now=self.clock(), lifetimes=self.lifetimes
        )
        write_durably(AuthorityFiles(state).server, _server_pem(key, server))
        return Authority(
            ca_certificate=self.ca_certificate,
            server_certificate=server,
            ca_key=self.ca_key,
            lifetimes=self.lifetimes,
            clock=self.clock,
        )

    def sign_device(self, csr_pem: bytes, name: str) -> SignedCertificate:
        """A certificate with which the holder of the request's key can call as `name`.

        Raises RefusedError with reason CSR_INVALID.
        """
        public_key = csr_public_key(csr_pem)
        certificate = certificates.make_device(
            self.ca_certificate,
            self.ca_key,
            public_key,
            name=check_device_name(name),
            now=self.clock(),
            lifetimes=self.lifetimes,
        )
        return SignedCertificate(
            name=name,
            serial=certificates.serial_text(certificate),
            issued=certificate.not_valid_before_utc,
            expires=certificate.not_valid_after_utc,
            pem=certificates.certificate_pem(certificate),
        )

    def derived_key(self, purpose: bytes) -> bytes:
        """A 32-byte secret for one purpose (HKDF, RFC 5869): the same wherever this authority's key is."""
        secret = self.ca_key.private_numbers().private_value.to_bytes(32)
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(secret)

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate."""
        return certificates.certificate_pem(self.ca_certificate)

    @property
    def server_fingerprint(self) -> bytes:
        """SHA-256 of the server's certificate, which an enrolment token pins."""
        return certificates.fingerprint(self.server_certificate)

    @property
    def server_names(self) -> tuple[str, ...]:
        """The hosts the server's certificate names."""
        return certificates.server_names(self.server_certificate)


def csr_public_key(csr_pem: bytes) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a signing request that its owner signed. Raises RefusedError (CSR_INVALID)."""
    if len(csr_pem) > MAX_CSR_BYTES:
        raise _csr_invalid(f"is longer than {MAX_CSR_BYTES} bytes")
    try:
        csr = x509.load_pem_x509_csr(csr_pem)
        public_key = csr.public_key()
        signed = csr.is_signature_valid
    except Exception as error:
        # Whatever a hostile request makes the parser raise is the request's fault.
        raise _csr_invalid("does not parse as PEM") from error
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != "secp256r1":
        raise _csr_invalid("is not over a P-256 key")
    if not signed:
        raise _csr_invalid("is not signed by its own key")
    return public_key


def _csr_invalid(what: str) -> RefusedError:
    return RefusedError(f"the certificate signing request {what}", reason="CSR_INVALID")


def _server_names(hosts: Iterable[str]) -> tuple[str, ...]:
    """The hosts, each once; those of this machine only come last, because the first is the default address."""
    named = [host.strip("[]").lower() for host in hosts]
    return tuple(dict.fromkeys((*(host for host in named if host not in ALWAYS_NAMED), *ALWAYS_NAMED)))


def _server_pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    return certificates.key_pem(key) + certificates.certificate_pem(certificate)


def _already_there(files: AuthorityFiles) -> ConfigError:
    return ConfigError(
        f"there is a certificate authority at {files.directory} already",
        fix="to replace only the server's certificate use `umi-cloud ca init --renew-server`; "
        "to start afresh move that directory away (every device must then enrol again)",
    )


def _move_into_place(draft: Path, files: AuthorityFiles) -> None:
    try:
        draft.rename(files.directory)
    except OSError as error:
        if files.directory.exists():  # another init won the race
            raise _already_there(files) from error
        raise ConfigError(
            f"cannot write {files.directory}: {error.strerror or error}",
            fix=f"make {files.state} a directory that you may write to",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {os.strerror(error.errno or 0)}",
            fix="run `umi-cloud ca init`, or name the state directory with --state",
        ) from error


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError as error:
        raise ConfigError(
            f"{path} holds no certificate", fix=f"restore {path.parent} from your backup"
        ) from error


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError):
        # `from None`: nothing of a key file may reach a traceback.
        raise ConfigError(f"{path} holds no key", fix=f"restore {path.parent} from your backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} holds no EC key", fix=f"restore {path.parent} from your backup")
    return key
