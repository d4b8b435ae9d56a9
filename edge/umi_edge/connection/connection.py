"""The connection to the planner: key, certificate, CA, address, as files in one directory.

`connection.json` names the other files and is written last. Until it is replaced the old files are used, after that
the new ones; there is no moment at which half of each are.

I7: docs/design.md#i7-the-ledger-has-every-byte-that-left
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from filelock import FileLock, Timeout

from umi_shared.durable_file import make_private_directory, write_durably
from umi_shared.enrolment_token import check_device_name, join_address, split_address
from umi_shared.errors import ConfigError

__all__ = [
    "CLOCKS_DIFFER",
    "SENT_ONCE",
    "SOON_AGAIN",
    "UNPROBED",
    "CertificateError",
    "Connection",
    "ConnectionDraft",
    "channel_credentials",
    "channel_options",
    "check_certificate",
    "check_dates",
    "default_directory",
    "device_private_key",
    "drafted",
    "is_enrolled",
    "load_certificates",
    "open_channel",
    "open_enrolment_channel",
]

FILE_NAME = "connection.json"
VERSION = 1
MAX_FILE_BYTES = 64 * 1024
LOCK_SECONDS = 45.0
"""How long a change waits for another: longer than one takes."""
_LOCK_LOOK_SECONDS = 0.05
CLOCKS_DIFFER = timedelta(hours=1)
"""How far this device's clock and the planner's may be apart."""
SENT_ONCE = ("grpc.enable_retries", 0)
"""Without it gRPC sends a message again by itself when a server claims not to have seen it (GOAWAY): it would leave
twice, and be in the ledger once (I7)."""
UNPROBED = ("grpc.http2.bdp_probe", 0)
"""Without it gRPC pings the planner at nearly every plan, to find out what the connection takes. Answers are small."""
SOON_AGAIN = (
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 10_000),  # also how long one try may take: a slow link needs seconds
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.keepalive_time_ms", 20_000),
    (
        "grpc.keepalive_timeout_ms",
        20_000,
    ),  # also how long the system waits for a word that what was sent is there
)
"""A planner that restarts, or another behind the same address, is found within seconds. A connection that died unseen,
as where a laptop comes to another network, is noticed while something waits; else it would be for a quarter of an hour.
"""
NEW_TOKEN = "enrol again: `umi enroll TOKEN`, with a new token from your operator"  # noqa: S105  # advice


def default_directory() -> Path:
    """Where this user's connection is kept."""
    return platformdirs.user_config_path("umi", appauthor=False) / "connection"


def is_enrolled(directory: Path) -> bool:
    """Whether this device was enrolled; the files may be damaged all the same."""
    return (directory / FILE_NAME).exists()


class CertificateError(ConfigError):
    """The certificate of this device cannot be used now; `reason` is MISSING, EXPIRED, CLOCK_BEHIND or DAMAGED."""

    def __init__(self, message: str, *, reason: str, fix: str) -> None:
        super().__init__(message, fix=fix)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where the planner is, and the files that prove who this device is."""

    directory: Path
    device: str
    """The name the operator gave this device."""
    service_address: str
    """`HOST:PORT` of the planner and the summarizer."""
    enrolment_address: str
    """`HOST:PORT` of the port that asks for no certificate; the next one, where that was not kept."""
    server_name: str
    """The name that the server's certificate must have."""
    starts: datetime
    expires: datetime
    key: Path
    certificate: Path
    ca: Path

    @classmethod
    def load(cls, directory: Path) -> "Connection":
        """Read the connection in `directory`.

        Raises ConfigError when this device has not been enrolled, or the file is damaged.
        """
        path = directory / FILE_NAME
        try:
            fields = json.loads(
                _read(path, "connect this device: `umi enroll TOKEN`; or plan here: `offline: device`")
            )
            return cls._from_fields(directory, fields)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigError(f"{path} is damaged", fix=NEW_TOKEN) from error

    @classmethod
    def _from_fields(cls, directory: Path, fields: Mapping[str, Any]) -> "Connection":
        if fields["version"] != VERSION:
            raise ConfigError(
                f"{directory / FILE_NAME} was written by another version of umi",
                fix="update umi, or " + NEW_TOKEN,
            )
        host, port = split_address(fields["service_address"])
        enrolment = fields.get("enrolment_address") or join_address(host, min(port + 1, 65535))
        split_address(enrolment)
        return cls(
            directory=directory,
            device=check_device_name(fields["device"]),
            service_address=fields["service_address"],
            enrolment_address=enrolment,
            server_name=str(fields["server_name"]),
            starts=_utc(fields["starts"]),
            expires=_utc(fields["expires"]),
            key=directory / _plain_name(fields["key"]),
            certificate=directory / _plain_name(fields["certificate"]),
            ca=directory / _plain_name(fields["ca"]),
        )


class ConnectionDraft:
    """A connection being set up: the key is written first, and `commit` puts the connection into use.

    A commit removes the files of all others, drafts included: where several programs may be at it, use `drafted`.
    """

    def __init__(self, directory: Path) -> None:
        """Make the directory. Raises ConfigError when it cannot be written to."""
        generation = secrets.token_hex(4)
        self.directory = directory
        self._key = directory / f"device-{generation}.key"
        self._certificate = directory / f"device-{generation}.pem"
        self._ca = directory / f"ca-{generation}.pem"
        self._committed = False
        make_private_directory(directory)

    def write_key(self, key_pem: bytes) -> None:
        """Write the private key. This comes before the token is spent, so that a full disk does not waste one."""
        write_durably(self._key, key_pem)

    def commit(
        self,
        certificate_pem: bytes,
        ca_pem: bytes,
        *,
        device: str,
        service_address: str,
        server_name: str,
        enrolment_address: str = "",
    ) -> Connection:
        """Write the other files, put the connection into use, and remove the files of earlier ones."""
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        write_durably(self._certificate, certificate_pem, private=False)
        write_durably(self._ca, ca_pem, private=False)
        fields = {
            "version": VERSION,
            "device": device,
            "service_address": service_address,
            "enrolment_address": enrolment_address,
            "server_name": server_name,
            "starts": certificate.not_valid_before_utc.isoformat(),
            "expires": certificate.not_valid_after_utc.isoformat(),
            "key": self._key.name,
            "certificate": self._certificate.name,
            "ca": self._ca.name,
        }
        write_durably(self.directory / FILE_NAME, (json.dumps(fields, indent=2) + "\n").encode())
        self._committed = True
        self._drop_others()
        return Connection.load(self.directory)

    def commit_copy(self, connection: Connection) -> Connection:
        """Put a connection whose files are elsewhere into use here: its key, its certificates and its addresses."""
        self.write_key(connection.key.read_bytes())
        return self.commit(
            connection.certificate.read_bytes(),
            connection.ca.read_bytes(),
            device=connection.device,
            service_address=connection.service_address,
            enrolment_address=connection.enrolment_address,
            server_name=connection.server_name,
        )

    def discard(self) -> None:
        """Remove the files that were written, unless `commit` has put them into use."""
        if self._committed:
            return
        for path in (self._key, self._certificate, self._ca):
            path.unlink(missing_ok=True)

    def _drop_others(self) -> None:
        ours = {self._key, self._certificate, self._ca}
        for pattern in ("device-????????.key", "device-????????.pem", "ca-????????.pem"):
            for path in set(self.directory.glob(pattern)) - ours:
                with contextlib.suppress(OSError):  # Windows keeps a file that a program has open
                    path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def drafted(directory: Path) -> AsyncIterator[ConnectionDraft]:
    """A draft, while no other program and no other session has one; what is not committed is removed.

    Raises ConfigError when the directory cannot be written to, or another takes too long.
    """
    make_private_directory(directory)
    lock = FileLock(directory / "connection.lock", mode=0o600)
    loop = asyncio.get_running_loop()
    patience = loop.time() + LOCK_SECONDS
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout as error:
            if loop.time() >= patience:
                raise ConfigError(
                    f"{directory} is being changed by another program", fix="wait for it, or end it"
                ) from error
        await asyncio.sleep(_LOCK_LOOK_SECONDS)
    try:
        draft = ConnectionDraft(directory)
        try:
            yield draft
        finally:
            draft.discard()
    finally:
        lock.release()


def check_certificate(connection: Connection, now: datetime) -> None:
    """Check, before a call, that the certificate can be used at `now`.

    Raises `CertificateError`, whose text has the file or both times, and the fix.
    """
    certificate = load_certificates(connection.certificate)[0]
    trusted = load_certificates(connection.ca)
    device_private_key(connection)
    check_dates(certificate, now, "this device's certificate")
    # Of an authority and the next, the one that is good longest.
    check_dates(max(trusted, key=lambda ca: ca.not_valid_after_utc), now, "the planner's CA")


def device_private_key(connection: Connection) -> ec.EllipticCurvePrivateKey:
    """The key of this device's certificate. Raises `CertificateError`."""
    certificate = load_certificates(connection.certificate)[0]
    with contextlib.suppress(ValueError, TypeError):
        key = load_pem_private_key(_read(connection.key, NEW_TOKEN), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key():
            return key
    raise CertificateError(
        f"{connection.key} is not the key of {connection.certificate}", reason="DAMAGED", fix=NEW_TOKEN
    )


def check_dates(certificate: x509.Certificate, now: datetime, whose: str) -> None:
    """Raise CertificateError unless `now` is in the certificate's time; the text has both times.

    A clock that is an hour ahead is forgiven: whether the certificate has ended, the other side decides.
    """
    starts, expires = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < starts:
        raise CertificateError(
            f"{whose} is valid from {_time(starts)} on, but this device's clock says {_time(now)}: "
            "the clock is behind",
            reason="CLOCK_BEHIND",
            fix="set this device's clock (turn on automatic time), then try again",
        )
    if now - CLOCKS_DIFFER >= expires:
        raise CertificateError(
            f"{whose} expired at {_time(expires)}; this device's clock says {_time(now)}",
            reason="EXPIRED",
            fix=f"if that clock is right, {NEW_TOKEN}; else set the clock",
        )


def channel_credentials(connection: Connection) -> grpc.ChannelCredentials:
    """Trust this planner's CA and no other; show this device's certificate. Raises ConfigError."""
    return grpc.ssl_channel_credentials(
        _read(connection.ca, NEW_TOKEN),
        _read(connection.key, NEW_TOKEN),
        _read(connection.certificate, NEW_TOKEN),
    )


def channel_options(connection: Connection, address: str = "") -> list[tuple[str, Any]]:
    """Channel options that go with the credentials. They name the server where its address has another name.

    The operator is told the version of umi, a constant of the program, and sees which laptops are behind.
    """
    host, _ = split_address(address or connection.service_address)
    agent = ("grpc.primary_user_agent", f"umi/{version('umi-runtime')}")
    options = [SENT_ONCE, UNPROBED, *SOON_AGAIN, agent]
    if host.lower() == connection.server_name:
        return options
    return [*options, ("grpc.ssl_target_name_override", connection.server_name)]


def open_channel(connection: Connection) -> grpc.aio.Channel:
    """A channel to the planner of a connection; whoever opens it closes it. Raises ConfigError."""
    return grpc.aio.secure_channel(
        connection.service_address, channel_credentials(connection), options=channel_options(connection)
    )


def open_enrolment_channel(connection: Connection) -> grpc.aio.Channel:
    """A channel to the port that asks for no certificate; whoever opens it closes it. Raises ConfigError."""
    return grpc.aio.secure_channel(
        connection.enrolment_address,
        grpc.ssl_channel_credentials(_read(connection.ca, NEW_TOKEN)),
        options=channel_options(connection, connection.enrolment_address),
    )


def load_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates in a file of a connection, one at least. Raises CertificateError."""
    try:
        return x509.load_pem_x509_certificates(_read(path, NEW_TOKEN))
    except ValueError as error:
        raise CertificateError(f"{path} holds no certificate", reason="DAMAGED", fix=NEW_TOKEN) from error


def _read(path: Path, fix: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise CertificateError(f"{path} is not there", reason="MISSING", fix=fix) from error
    except OSError as error:
        raise CertificateError(
            f"cannot read {path}: {error.strerror or error}", reason="MISSING", fix=fix
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise CertificateError(f"{path} is too large", reason="DAMAGED", fix=fix)
    return content


def _plain_name(name: str) -> str:
    if name != Path(name).name or name in {"", ".", ".."}:
        raise ValueError("a file name with a path in it")
    return name


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC)


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
