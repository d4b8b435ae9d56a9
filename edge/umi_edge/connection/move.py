"""Moving to another address of the planner, or to an operator's new authorities, without enrolling again.

Right where the same registry is behind the new address: it knows this laptop's certificate. Everything is tried before
anything is changed.

I6: docs/design.md#i6-cloud-text-is-untrusted-input
"""

import asyncio
import contextlib
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
from cryptography import x509

from umi_edge.connection.connection import (
    Connection,
    check_certificate,
    drafted,
    load_certificates,
    open_channel,
)
from umi_edge.connection.enroll import names_in, shown_certificate
from umi_edge.connection.kept_renewal import move_folder
from umi_edge.connection.reachability import admission
from umi_edge.connection.renewal import in_date
from umi_shared.enrolment_token import join_address, split_address
from umi_shared.errors import ConfigError, PeerError, RefusedError, TransportError

__all__ = ["move"]

_SECONDS = 10.0
_HOSTNAME_MISMATCH, _IP_MISMATCH, _EXPIRED = 62, 64, 10
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH, _CERT_HAS_EXPIRED."""
_ENROL = "if it is another operator's, enrol there: `umi enroll TOKEN`, with a token from them"


async def move(
    connection: Connection, address: str, *, enrolment_address: str = "", authorities: Path | None = None
) -> Connection:
    """Use the planner at another address from now on, and trust `authorities` where that file is given.

    Raises TransportError (nothing answers), PeerError (not a planner that this laptop trusts, or by another name),
    RefusedError (it does not know this laptop), ConfigError (a file or an address is wrong).
    """
    # (1) What answers is trusted, by its new name. (2) An expired certificate is renewed there, aside, and kept if what
    # follows fails. (3) It accepts this laptop. (4) Commit.
    host, port = split_address(address)
    connection = Connection.load(connection.directory)  # another program may have renewed it just now
    moved = replace(
        connection,
        service_address=address,
        enrolment_address=enrolment_address or join_address(host, min(port + 1, 65535)),
        server_name=host.lower(),
        ca=authorities or connection.ca,
    )
    load_certificates(moved.ca)
    await _check_server(moved, given=authorities is not None)  # (1)
    with move_folder(connection.directory) as aside:
        moved = await in_date(
            replace(moved, directory=aside), datetime.now(UTC), left_in=connection.directory
        )  # (2)
        check_certificate(moved, datetime.now(UTC))
        await _check_admission(moved)  # (3)
        async with drafted(connection.directory) as draft:
            _check_unchanged(connection)
            return draft.commit_copy(moved)  # (4)


def _check_unchanged(connection: Connection) -> None:
    """Raise ConfigError where another program has renewed or enrolled meanwhile: what it got is not to be lost."""
    if Connection.load(connection.directory) != connection:
        raise ConfigError(
            "another program has renewed this laptop's certificate meanwhile; this laptop stays where it was",
            fix="run `umi connection move` again",
        )


async def _check_server(moved: Connection, *, given: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(moved.ca)
    context.set_alpn_protocols(["h2"])
    address = moved.service_address
    host, port = split_address(address)
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise await _not_trusted(error, address, given=given) from error
    except ssl.SSLError as error:
        raise PeerError(
            f"what answers at {address} does not speak umi's TLS",
            fix="check host and port with your operator",
        ) from error
    except (OSError, TimeoutError) as error:
        raise TransportError(
            f"nothing answers at {address}; this laptop stays where it was",
            fix="check the address, your network and VPN; then ask the planner's operator",
        ) from error
    writer.transport.abort()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()


async def _not_trusted(error: ssl.SSLCertVerificationError, address: str, *, given: bool) -> PeerError:
    host = split_address(address)[0]
    if error.verify_code in (_HOSTNAME_MISMATCH, _IP_MISMATCH):
        names = ", ".join(
            names_in(x509.load_der_x509_certificate(await shown_certificate(address, _SECONDS)))
        )
        return PeerError(
            f"the planner at {address} is one that this laptop trusts, but its certificate names {names}",
            fix=f"move to one of these names; or the operator runs `umi-cloud ca init --renew-server --host {host}`",
        )
    if error.verify_code == _EXPIRED:
        return PeerError(
            f"the certificate of the planner at {address} has expired",
            fix="check this device's clock; if it is right, tell the planner's operator",
        )
    if given:
        return PeerError(
            f"the planner at {address} was not certified by the authorities in the file",
            fix="ask its operator for the right file (`ca/ca.pem`)",
        )
    return PeerError(
        f"the planner at {address} was certified by another authority than the one that this laptop trusts",
        fix=f"if your operator has a new authority, say --ca FILE with the file they give you; {_ENROL}",
    )


async def _check_admission(moved: Connection) -> None:
    async with open_channel(moved) as channel:
        code, reason = await admission(channel, _SECONDS)
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED) or reason in (
        "LOADING",
        "ENGINE_UNREACHABLE",
    ):
        return
    if code is grpc.StatusCode.UNAVAILABLE and not reason:
        raise RefusedError(
            f"the planner at {moved.service_address} does not accept this laptop's certificate",
            reason="CERTIFICATE_FOREIGN",
            fix=_ENROL,
        )
    if reason.startswith("CERTIFICATE_"):
        raise RefusedError(
            f"the planner at {moved.service_address} does not know this laptop, or has shut it out ({reason})",
            reason=reason,
            fix=_ENROL,
        )
    raise PeerError(
        f"the planner at {moved.service_address} fails ({code.name})", fix="try again; then tell its operator"
    )
