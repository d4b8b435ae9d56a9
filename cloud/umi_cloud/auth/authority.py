"""The certificate authority of one deployment, and the certificate its server shows.

An authority can be followed by the next while both are trusted: devices get to know it with their renewals, which it
signs, while the server goes on to show a certificate of the first, which all of them trust.

Invariants: a signing request gives its public key and nothing else (its subject and extensions are ignored); a
device's certificate is not valid for a server, nor the server's for a device; the CA signs no other CA.
"""

import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from umi_cloud.auth import certificates
from umi_cloud.auth.authority_files import AuthorityFiles, read_certificates, read_keys
from umi_cloud.auth.certificates import DEFAULT_LIFETIMES, Lifetimes
from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.enrolment_token import check_device_name
from umi_shared.errors import ConfigError, RefusedError
from umi_shared.renewal_proof import bundle_words

__all__ = ["Authority", "AuthorityFiles", "KeyPair", "SignedCertificate", "csr_public_key"]

MAX_CSR_BYTES = 4096
SETTLING = timedelta(hours=1)
"""How old a new CA must be before it signs: until then the files reach all fronts."""
ALWAYS_NAMED = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCertificate:
    """A certificate that a device was given."""

    name: str
    serial: str
    issued: datetime
    expires: datetime
    pem: bytes
    authority: str = ""
    """SHA-256 of the certificate of the authority that signed it, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The certificate of a CA, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def name(self) -> str:
        """SHA-256 of the certificate, in hexadecimal: how the registry names it."""
        return certificates.fingerprint(self.certificate).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Signs devices' certificates; made once by `init`, read back by `load`."""

    ca_certificate: x509.Certificate
    server_certificate: x509.Certificate
    ca_key: ec.EllipticCurvePrivateKey = field(repr=False)
    following: KeyPair | None = None
    """The next CA, while both are trusted."""
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
        trusted, keys = read_certificates(files.ca_certificate), read_keys(files.ca_key)
        # A rotation that was cut off leaves a key without its certificate, never the other way round.
        pairs = [KeyPair(one, key) for one in trusted for key in keys if key.public_key() == one.public_key()]
        if len(pairs) != len(trusted):
            raise ConfigError(
                f"{files.ca_key} is not the key of {files.ca_certificate}",
                fix=f"restore {files.directory} from your backup",
            )
        if len(pairs) > 2:
            raise ConfigError(
                f"{files.ca_certificate} holds more than an authority and the next",
                fix=f"restore {files.directory} from your backup",
            )
        return cls(
            ca_certificate=pairs[0].certificate,
            server_certificate=read_certificates(files.server)[0],
            ca_key=pairs[0].key,
            following=pairs[1] if len(pairs) > 1 else None,
            lifetimes=lifetimes,
            clock=clock,
        )

    def current(self) -> "Authority":
        """Itself: `LiveAuthority` follows the files."""
        return self

    def issue_server(self, state: Path, hosts: Iterable[str] = ()) -> "Authority":
        """Replace the server's key and certificate in `state`; the names of the old one stay in it."""
        names = _server_names((*self.server_names, *hosts))
        key, server = certificates.make_server(
            self.ca_certificate, self.ca_key, names, now=self.clock(), lifetimes=self.lifetimes
        )
        write_durably(AuthorityFiles(state).server, _server_pem(key, server))
        return replace(self, server_certificate=server)

    def issue_proxy(self, name: str, hosts: Iterable[str], target: Path, days: int) -> x509.Certificate:
        """Write the key and the certificate of a proxy that is to be named in `proxy: {names: …}` into a new file.

        With `hosts` it can show the certificate to laptops, too. Raises ConfigError.
        """
        if target.exists():
            raise ConfigError(f"there is a file {target} already", fix="name another with --to")
        signer = self.signer
        key, certificate = certificates.make_proxy(
            signer.certificate,
            signer.key,
            check_device_name(name),
            tuple(hosts),
            now=self.clock(),
            lifetimes=replace(self.lifetimes, server_days=days),
        )
        write_durably(target, _server_pem(key, certificate))
        return certificate

    def rotate(
        self, state: Path, *, at_once: bool = False, announce: Callable[[str], None] = lambda _name: None
    ) -> "Authority":
        """Make the next CA, which is trusted from now on, and signs devices' certificates in an hour (or at once).

        `announce` is told its name before it is. Raises ConfigError when there is one already.
        """
        if self.following is not None:
            raise ConfigError(
                "there is a next authority already",
                fix="`umi-cloud ca retire` ends the old one, once every laptop has a certificate of the next",
            )
        made = self.clock() - SETTLING if at_once else self.clock()
        key, certificate = certificates.make_ca(made, self.lifetimes)
        rotated = replace(self, following=KeyPair(certificate, key))
        announce(KeyPair(certificate, key).name)
        files = AuthorityFiles(state)
        write_durably(files.ca_key, certificates.key_pem(self.ca_key) + certificates.key_pem(key))
        write_durably(files.ca_certificate, rotated.ca_pem, private=False)
        return rotated

    def retire(self, state: Path) -> "Authority":
        """End the first CA: the next takes its place, and signs the server's certificate anew.

        Devices that hold no certificate of the next are locked out. Raises ConfigError when there is no next.
        """
        if self.following is None:
            raise ConfigError("there is no next authority", fix="`umi-cloud ca rotate` makes it")
        only = replace(
            self, ca_certificate=self.following.certificate, ca_key=self.following.key, following=None
        )
        files = AuthorityFiles(state)
        # In this order each state in between is a whole one: who trusts both accepts the new server's certificate.
        retired = only.issue_server(state)
        write_durably(files.ca_certificate, retired.ca_pem, private=False)
        write_durably(files.ca_key, certificates.key_pem(retired.ca_key))
        return retired

    def sign_device(self, csr_pem: bytes, name: str) -> SignedCertificate:
        """A certificate with which the holder of the request's key can call as `name`.

        Raises RefusedError with reason CSR_INVALID.
        """
        public_key = csr_public_key(csr_pem)
        signer = self.signer
        certificate = certificates.make_device(
            signer.certificate,
            signer.key,
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
            authority=signer.name,
        )

    def derived_key(self, purpose: bytes) -> bytes:
        """A 32-byte secret for one purpose (HKDF, RFC 5869): the same wherever this authority's key is."""
        secret = self.ca_key.private_numbers().private_value.to_bytes(32)
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(secret)

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Whether a CA that is trusted now has signed a certificate; its dates are not looked at."""
        for ca in self.trusted:
            try:
                certificate.verify_directly_issued_by(ca.certificate)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return True
        return False

    def bundle_signatures(self, csr_pem: bytes) -> tuple[bytes, ...]:
        """Each CA's word to the maker of a request that `ca_pem` is what to trust from now on."""
        words = bundle_words(csr_pem, self.ca_pem)
        return tuple(ca.key.sign(words, ec.ECDSA(hashes.SHA256())) for ca in self.trusted)

    @property
    def trusted(self) -> tuple[KeyPair, ...]:
        """The CA, and the next where there is one."""
        first = KeyPair(self.ca_certificate, self.ca_key)
        return (first,) if self.following is None else (first, self.following)

    @property
    def signer(self) -> KeyPair:
        """The CA that signs devices' certificates now."""
        first, *others = self.trusted
        backdated = timedelta(seconds=self.lifetimes.backdated_seconds)
        settled = [
            ca for ca in others if self.clock() >= ca.certificate.not_valid_before_utc + backdated + SETTLING
        ]
        return settled[-1] if settled else first

    @property
    def ca_pem(self) -> bytes:
        """What devices are to trust: the certificates of the CA, and of the next."""
        return b"".join(certificates.certificate_pem(ca.certificate) for ca in self.trusted)

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
