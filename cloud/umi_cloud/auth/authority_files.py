"""The files of a deployment's certificates: where they are, and what is in them."""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from umi_shared.errors import ConfigError

__all__ = ["AuthorityFiles", "read_certificates", "read_keys"]

_KEY_END = b"-----END PRIVATE KEY-----"


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
        """The CA's key, and that of the next while both are trusted. Whoever has it can admit devices and pose as the
        server.
        """
        return self.directory / "ca.key"

    @property
    def ca_certificate(self) -> Path:
        """What every device trusts: the CA's certificate, and after it that of the next while both are trusted."""
        return self.directory / "ca.pem"

    @property
    def server(self) -> Path:
        """The server's key and certificate, in one file so that a renewal replaces both at once."""
        return self.directory / "server.pem"

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Differs from an earlier one when a file was replaced. Raises `OSError`."""
        found = [path.stat() for path in (self.ca_certificate, self.ca_key, self.server)]
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates in a file, one at least. Raises ConfigError."""
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise ConfigError(
            f"{path} holds no certificate", fix=f"restore {path.parent} from your backup"
        ) from error


def read_keys(path: Path) -> list[ec.EllipticCurvePrivateKey]:
    """The keys in a file, one at least. Raises ConfigError."""
    pems = _read(path).split(_KEY_END)
    return [_key(pem + _KEY_END, path) for pem in pems[: max(1, len(pems) - 1)]]


def _key(pem: bytes, path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        # `from None`: nothing of a key file may reach a traceback.
        raise ConfigError(f"{path} holds no key", fix=f"restore {path.parent} from your backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} holds no EC key", fix=f"restore {path.parent} from your backup")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {os.strerror(error.errno or 0)}",
            fix="run `umi-cloud ca init`, or name the state directory with --state",
        ) from error
