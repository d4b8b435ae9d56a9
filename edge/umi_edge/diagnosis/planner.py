"""The connection to the planner: enrolled, valid, reachable, and answering this device."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import grpc
import grpc.aio
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from umi_edge.connection.connection import (
    NEW_TOKEN,
    Connection,
    check_certificate,
    check_dates,
    is_enrolled,
    open_channel,
)
from umi_edge.connection.reachability import PLANNER, admission
from umi_edge.connection.renewal import renewal_due
from umi_edge.diagnosis.finding import Finding, broken, fine, from_error, warning
from umi_edge.runtime.config import EdgeConfig
from umi_shared.enrolment_token import split_address
from umi_shared.errors import ConfigError

__all__ = ["connection", "server"]

_CONNECT_SECONDS = 10.0
_CALL_SECONDS = 10.0
_SOON_DAYS = 14
_LATE = timedelta(days=365)
"""No planner renews a certificate later than this."""
_ASK_OPERATOR = "ask the planner's operator"


async def connection(config: EdgeConfig, now: datetime) -> AsyncIterator[Finding]:
    """Whether this device is enrolled, and its certificate good now."""
    if not is_enrolled(config.connection):
        message = "this device is not enrolled with any planner"
        fix = "`umi enroll TOKEN`, with a token from the planner's operator; or try `umi demo`"
        found = warning if config.offline == "device" else broken
        yield found("connection", message, fix)
        return
    here = Connection.load(config.connection)
    ended = f"it expired at {here.expires:%Y-%m-%d %H:%M} UTC"
    if here.expires <= now < here.expires + _LATE:
        yield fine("connection", f"this device is {here.device!r} at {here.service_address}")
        yield warning("certificate", ended, "use umi: it is renewed first, unless that was too long ago")
        return
    check_certificate(here, now)
    yield fine("connection", f"this device is {here.device!r} at {here.service_address}")
    until = f"{here.expires:%Y-%m-%d %H:%M} UTC"
    if renewal_due(here, now):
        yield warning(
            "certificate", f"it expires at {until}", "use umi while online before then: it renews itself"
        )
    else:
        yield fine("certificate", f"good until {until}; this device's clock fits it")
    if os.name == "posix" and here.key.stat().st_mode & 0o077:
        yield warning("certificate", f"others can read the key {here.key}", f"chmod 600 {here.key}")


async def server(config: EdgeConfig, now: datetime) -> AsyncIterator[Finding]:
    """Whether the planner answers over mTLS, with a certificate that holds, and serves this device."""
    try:
        here = Connection.load(config.connection)
        check_certificate(here, now)
    except ConfigError:
        return  # the check of the connection says so
    if now >= here.expires:
        return  # as before
    # (1) The handshake, and the server's certificate. (2) Its health. (3) What it says to this device.
    refused = False
    async for finding in _handshake(here, now):  # (1)
        refused = refused or finding.status == "broken"
        yield finding
    if refused:
        return
    async with open_channel(here) as channel:
        healthy = await _health(channel, here)  # (2)
        yield healthy
        if healthy.status == "fine":
            yield await _admission(channel, here)  # (3)


async def _handshake(here: Connection, now: datetime) -> AsyncIterator[Finding]:
    address = here.service_address
    try:
        der = await _shown(here)
    except ssl.SSLCertVerificationError as error:
        reason = "".join(character for character in error.verify_message if character.isprintable())
        fix = f"check this device's clock; if it is right, {_ASK_OPERATOR}, or {NEW_TOKEN}"
        yield broken("planner", f"{address} shows a certificate that does not hold: {reason[:120]}", fix)
        return
    except ssl.SSLError:
        yield broken("planner", f"what answers at {address} does not speak umi's TLS", _ASK_OPERATOR)
        return
    except (OSError, TimeoutError) as error:
        why = "no answer" if isinstance(error, TimeoutError) else type(error).__name__
        fix = "check your network, VPN and firewall; then ask its operator whether it runs"
        yield broken("planner", f"{address} cannot be reached ({why})", fix)
        return
    certificate = x509.load_der_x509_certificate(der)
    try:
        check_dates(certificate, now, "the planner's certificate")
    except ConfigError as error:
        yield from_error("planner", error)
        return
    until = certificate.not_valid_after_utc
    if (until - now).days < _SOON_DAYS:
        message = f"the planner's certificate expires at {until:%Y-%m-%d %H:%M} UTC"
        yield warning("planner", message, "tell its operator: `umi-cloud ca init --renew-server` renews it")
    else:
        yield fine("planner", f"{address} answers over mTLS; its certificate is good until {until:%Y-%m-%d}")


async def _shown(here: Connection) -> bytes:
    """The certificate that the server shows, verified against this connection's CA and name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(here.ca)
    context.load_cert_chain(here.certificate, here.key)
    context.set_alpn_protocols(["h2"])
    host, port = split_address(here.service_address)
    async with asyncio.timeout(_CONNECT_SECONDS):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=here.server_name)
    der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
    return der


async def _health(channel: grpc.aio.Channel, here: Connection) -> Finding:
    request = health_pb2.HealthCheckRequest(service=PLANNER)
    try:
        reply = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=_CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        code = error.code()
        if code is grpc.StatusCode.UNAVAILABLE:
            return broken(
                "planner",
                f"{here.service_address} ends the connection: it may not accept this device",
                NEW_TOKEN,
            )
        return broken(
            "planner", f"{here.service_address} says nothing of its health ({code.name})", _ASK_OPERATOR
        )
    if reply.status == health_pb2.HealthCheckResponse.SERVING:
        return fine("planner", "its health is SERVING")
    word = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
    return warning(
        "planner", f"its health is {word}: it loads its model, or is about to stop", "try again in a minute"
    )


async def _admission(channel: grpc.aio.Channel, here: Connection) -> Finding:
    """An empty request: refused as malformed by a planner that knows this device, before anything is counted."""
    code, reason = await admission(channel, _CALL_SECONDS)
    if reason.startswith("CERTIFICATE_"):
        return broken("planner", f"it does not accept this device ({reason})", NEW_TOKEN)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return warning("planner", f"it accepts this device, and is busy ({reason})", "try again in a minute")
    if code is not grpc.StatusCode.INVALID_ARGUMENT:
        return broken("planner", f"it fails ({code.name} {reason})".replace(" )", ")"), _ASK_OPERATOR)
    return fine("planner", f"it accepts this device as {here.device!r}")
