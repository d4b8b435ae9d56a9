"""The certificates that the gRPC ports show, and those that they ask for."""

from collections.abc import Callable
from pathlib import Path

import grpc
from cryptography import x509

from umi_cloud.auth.authority import AuthorityFiles
from umi_cloud.auth.proxy_settings import ProxySettings
from umi_shared.errors import ConfigError

__all__ = ["enrolment_credentials", "server_credentials"]

_NO_PROXIES = ProxySettings()
More = Callable[[], bytes]
"""Gives the certificates (PEM) of more authorities whose clients may connect. Raises ConfigError."""


def server_credentials(state: Path, proxies: ProxySettings = _NO_PROXIES) -> grpc.ServerCredentials:
    """For the service port: shows the server's certificate, and asks for one that the deployment's CA signed.

    Or that the proxies' authority signed, where they have one of their own: `Proxies` tells who may do what.

    A new server certificate or authority (`umi-cloud ca`) is used from the next connection on.
    """
    return _credentials(AuthorityFiles(state), proxies.authority_pem)


def enrolment_credentials(state: Path) -> grpc.ServerCredentials:
    """For the enrolment port: shows the server's certificate and asks for none. Reloads like the other."""
    return _credentials(AuthorityFiles(state), None)


def _credentials(files: AuthorityFiles, more: "More | None") -> grpc.ServerCredentials:
    seen = _stamp(files)
    return grpc.dynamic_ssl_server_credentials(
        _configuration(files, more),
        # The type stub forgets that None is allowed; gRPC's documentation says "or None for no change".
        _reloader(files, seen, more),  # type: ignore[arg-type]
        more is not None,
    )


def _reloader(
    files: AuthorityFiles, seen: tuple[tuple[int, int, int], ...], more: "More | None"
) -> Callable[[], grpc.ServerCertificateConfiguration | None]:
    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC before each handshake; None means no change."""
        nonlocal seen
        try:
            stamp = _stamp(files)
            if stamp == seen:
                return None
            configuration = _configuration(files, more)
        except ConfigError:
            return None  # what is in memory is still good: a damaged file must not stop a running server
        seen = stamp
        return configuration

    return fetch


def _stamp(files: AuthorityFiles) -> tuple[tuple[int, int, int], ...]:
    try:
        return files.stamp()
    except OSError as error:
        raise _unreadable(files.directory) from error


def _configuration(files: AuthorityFiles, more: "More | None") -> grpc.ServerCertificateConfiguration:
    try:
        pair = files.server.read_bytes()
        ca = files.ca_certificate.read_bytes()
        x509.load_pem_x509_certificate(pair)
        x509.load_pem_x509_certificates(ca)
    except (OSError, ValueError) as error:
        raise _unreadable(files.directory) from error
    # Key and certificate are in one file; BoringSSL finds in a PEM text the part that it needs.
    return grpc.ssl_server_certificate_configuration([(pair, pair)], None if more is None else ca + more())


def _unreadable(path: Path) -> ConfigError:
    return ConfigError(
        f"cannot read the server's certificates at {path}",
        fix="run `umi-cloud ca init`, or name the state directory with --state",
    )
