"""From the operator's `enroll` to a laptop's calls over mTLS. Real servers and real TLS on loopback."""

import asyncio
import contextlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

import umi_edge.connection.enroll
from tests.end_to_end.enrolling import Clock, Deployment, ask, serving
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.credentials import enrolment_credentials, server_credentials
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_edge.connection.connection import CertificateError, Connection, channel_credentials
from umi_edge.connection.enroll import (
    _csr_pem,
    check_certificate,
    enroll,
    renew,
)
from umi_edge.connection.renewal import renewal_due
from umi_proto.v1 import enrolment_pb2 as pb
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.enrolment_token import EnrolmentToken, TokenError
from umi_shared.errors import ConfigError, MalformedError, PeerError, RefusedError, TransportError


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with serving(tmp_path / "cloud", Clock(), EnrolmentLimits()) as deployment:
        yield deployment


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "laptop" / "connection"


def written(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if path.suffix != ".lock") if home.exists() else []


async def test_an_enrolled_laptop_calls_under_its_own_name(cloud, home):
    enrolment = await enroll(await cloud.text(), home)
    connection = enrolment.connection
    assert await ask(connection) == "alices-laptop"
    assert (connection.device, enrolment.replaced) == ("alices-laptop", False)
    assert Connection.load(home) == connection
    check_certificate(connection, datetime.now(UTC))
    assert connection.expires > datetime.now(UTC) + timedelta(days=6)


async def test_the_key_is_the_laptops_alone(cloud, home):
    connection = (await enroll(await cloud.text(), home)).connection
    key_pem = connection.key.read_bytes()
    key = load_pem_private_key(key_pem, None)
    certificate = x509.load_pem_x509_certificate(connection.certificate.read_bytes())
    assert key.public_key() == certificate.public_key()
    if os.name != "nt":
        assert stat.S_IMODE(connection.key.stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    body = key_pem.splitlines()[1]
    assert all(body not in path.read_bytes() for path in cloud.state.rglob("*") if path.is_file())


async def test_a_token_works_once(cloud, home, tmp_path):
    text = await cloud.text()
    await enroll(text, home)
    with pytest.raises(RefusedError, match="used already") as caught:
        await enroll(text, tmp_path / "thief")
    assert caught.value.reason == "TOKEN_USED"
    assert written(tmp_path / "thief") == []


async def test_of_two_laptops_with_one_token_one_gets_a_certificate(cloud, tmp_path):
    text = await cloud.text()
    homes = [tmp_path / f"laptop{number}" for number in range(4)]
    outcomes = await asyncio.gather(*(enroll(text, home) for home in homes), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Enrolment"] + ["RefusedError"] * 3
    assert sum(bool(written(home)) for home in homes) == 1


async def test_an_expired_token_is_refused(cloud, home):
    text = await cloud.text()
    cloud.clock.offset = timedelta(minutes=61)
    with pytest.raises(RefusedError, match="has expired") as caught:
        await enroll(text, home)
    assert caught.value.reason == "TOKEN_EXPIRED"
    assert "umi-cloud enroll alices-laptop" in caught.value.fix


async def test_a_token_nobody_made_is_refused(cloud, home):
    forged = replace(await cloud.token(), secret=b"x" * 20)
    with pytest.raises(RefusedError, match="does not know") as caught:
        await enroll(forged.text(), home)
    assert caught.value.reason == "TOKEN_UNKNOWN"


async def test_a_mistyped_token_is_found_before_anything_is_sent(home):
    token = EnrolmentToken(
        device="a",
        enrolment_address="unreachable.invalid:1",
        service_address="unreachable.invalid:2",
        server_fingerprint=b"f" * 32,
        secret=b"s" * 20,
    )
    text = token.text()
    wrong = text[:50] + ("a" if text[50] != "a" else "b") + text[51:]
    with pytest.raises(TokenError, match="mistyped or cut off"):
        await enroll(wrong, home)
    assert not home.parent.exists()


async def test_another_server_is_recognised_and_never_sees_the_secret(cloud, home, tmp_path):
    """An interceptor with a certificate of its own, whose names all fit."""
    seen = []
    impostor_state = tmp_path / "impostor"
    Authority.init(impostor_state)

    class Listener(pb_grpc.EnrolmentServicer):
        async def Enrol(self, request, context):  # noqa: N802
            seen.append(request)

    server = grpc.aio.server()
    pb_grpc.add_EnrolmentServicer_to_server(Listener(), server)
    port = server.add_secure_port("127.0.0.1:0", enrolment_credentials(impostor_state))
    await server.start()
    diverted = replace(await cloud.token(), enrolment_address=f"127.0.0.1:{port}")
    with pytest.raises(PeerError, match="intercepting") as caught:
        await enroll(diverted.text(), home)
    await server.stop(None)
    assert seen == []
    assert diverted.secret_text not in str(caught.value)
    assert written(home) == []


async def test_a_server_that_shows_the_right_certificate_but_lacks_its_key_gets_nothing(
    cloud, home, monkeypatch
):
    """The fingerprint is fetched on a connection of its own: the call must be held to it too."""
    other = Authority.init(home.parent / "other")
    token = await cloud.token()

    async def shown(address, timeout_seconds):
        return cloud.authority.server_certificate.public_bytes(Encoding.DER)

    monkeypatch.setattr(umi_edge.connection.enroll, "shown_certificate", shown)
    desk_seen = []

    class Listener(pb_grpc.EnrolmentServicer):
        async def Enrol(self, request, context):  # noqa: N802
            desk_seen.append(request)

    server = grpc.aio.server()
    pb_grpc.add_EnrolmentServicer_to_server(Listener(), server)
    port = server.add_secure_port("127.0.0.1:0", enrolment_credentials(home.parent / "other"))
    await server.start()
    diverted = replace(token, enrolment_address=f"127.0.0.1:{port}")
    with pytest.raises(TransportError):
        await enroll(diverted.text(), home)
    await server.stop(None)
    assert desk_seen == []
    assert other.server_fingerprint != token.server_fingerprint


async def test_where_nothing_or_something_else_answers_the_address_is_named(cloud, home):
    async def hang_up(reader, writer):
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    talker = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = talker.sockets[0].getsockname()[1]
    elsewhere = replace(await cloud.token(), enrolment_address=f"127.0.0.1:{port}")
    with pytest.raises(PeerError, match=rf"127\.0\.0\.1:{port} does not speak TLS"):
        await enroll(elsewhere.text(), home)
    talker.close()
    await talker.wait_closed()
    with pytest.raises(TransportError, match=rf"no planner answers at 127\.0\.0\.1:{port}"):
        await enroll(elsewhere.text(), home)


async def test_a_clock_that_is_behind_is_named_with_both_times_and_costs_no_token(cloud, home):
    text = await cloud.text()
    behind = datetime.now(UTC) - timedelta(days=400)
    with pytest.raises(CertificateError, match="clock is behind") as caught:
        await enroll(text, home, clock=lambda: behind)
    assert f"{behind:%Y-%m-%d %H:%M}" in str(caught.value)
    assert f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}" in str(caught.value)
    assert "set this device's clock" in caught.value.fix
    assert (await enroll(text, home)).connection.device == "alices-laptop"


async def test_a_server_whose_clock_is_ahead_gives_no_certificate_that_cannot_be_used(tmp_path, home):
    clock = Clock()
    async with serving(tmp_path / "ahead", clock, EnrolmentLimits()) as cloud:
        clock.offset = timedelta(days=2)
        text = await cloud.text()
        with pytest.raises(CertificateError, match="clock is behind"):
            await enroll(text, home)
    assert written(home) == []


async def test_a_directory_that_cannot_be_written_costs_no_token(cloud, home):
    text = await cloud.text()
    home.parent.mkdir()
    home.write_text("a file where the directory should be")
    with pytest.raises(ConfigError, match="cannot write"):
        await enroll(text, home)
    home.unlink()
    await enroll(text, home)


def ca_without_its_right(authority: Authority) -> bytes:
    """The CA's name and key in a certificate that may not sign."""
    name = authority.ca_certificate.subject
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.public_key(authority.ca_key.public_key())
    builder = builder.not_valid_before(datetime.now(UTC) - timedelta(days=1))
    builder = builder.not_valid_after(datetime.now(UTC) + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.sign(authority.ca_key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("change", ["key", "device", "ca", "signer", "no ca", "garbage"])
async def test_a_reply_that_is_not_for_this_laptop_is_not_kept(change, cloud, home, tmp_path):
    """A server that holds the right key, and answers wrongly."""
    other = Authority.init(tmp_path / "other")

    class Liar(pb_grpc.EnrolmentServicer):
        async def Enrol(self, request, context):  # noqa: N802
            csr_pem = request.csr_pem
            if change == "key":
                csr_pem = _csr_pem(ec.generate_private_key(ec.SECP256R1()), "alices-laptop")
            name = "someone-else" if change == "device" else "alices-laptop"
            signer = other if change in {"ca", "signer"} else cloud.authority
            pem = signer.sign_device(csr_pem, name).pem if change != "garbage" else b"garbage"
            ca_pem = other.ca_pem if change == "ca" else cloud.authority.ca_pem
            if change == "no ca":
                ca_pem = ca_without_its_right(cloud.authority)
            return pb.EnrolResponse(certificate_pem=pem, ca_pem=ca_pem)

    server = grpc.aio.server()
    pb_grpc.add_EnrolmentServicer_to_server(Liar(), server)
    port = server.add_secure_port("127.0.0.1:0", enrolment_credentials(cloud.state))
    await server.start()
    token = replace(await cloud.token(), enrolment_address=f"127.0.0.1:{port}")
    with pytest.raises(MalformedError, match="reply to the enrolment is wrong"):
        await enroll(token.text(), home)
    await server.stop(None)
    assert written(home) == []


async def test_a_failed_enrolment_leaves_the_old_connection_working(cloud, home):
    first = (await enroll(await cloud.text(), home)).connection
    forged = replace(await cloud.token("other"), secret=b"x" * 20)
    with pytest.raises(RefusedError):
        await enroll(forged.text(), home)
    assert Connection.load(home) == first
    assert await ask(first) == "alices-laptop"


async def test_enrolling_again_replaces_all_files_and_ends_the_old_certificate(cloud, home):
    first = (await enroll(await cloud.text(), home)).connection
    stolen = [path.read_bytes() for path in (first.key, first.certificate)]
    second = await enroll(await cloud.text(), home)
    assert second.replaced
    assert await ask(second.connection) == "alices-laptop"
    assert len(written(home)) == 4
    for path, content in zip((first.key, first.certificate), stolen, strict=True):
        path.write_bytes(content)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(replace(first, ca=second.connection.ca))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_revoked_laptop_is_refused_from_the_next_call_on(cloud, home):
    connection = (await enroll(await cloud.text(), home)).connection
    assert await ask(connection) == "alices-laptop"
    await cloud.registry.revoke("alices-laptop")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(connection)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_certificate_is_renewed_in_its_last_days_only(cloud, home):
    connection = (await enroll(await cloud.text(), home)).connection
    now = datetime.now(UTC)
    assert not renewal_due(connection, now)
    with pytest.raises(RefusedError) as caught:
        await renew(connection)
    assert caught.value.reason == "RENEWAL_TOO_EARLY"
    assert Connection.load(home) == connection
    cloud.clock.offset = timedelta(days=6)
    later = now + cloud.clock.offset
    assert renewal_due(connection, later)
    renewed = await renew(connection, clock=lambda: later)
    assert renewed.expires > connection.expires
    assert renewed.key != connection.key
    assert len(written(home)) == 4
    check_certificate(renewed, later)


async def test_a_renewal_under_another_ca_is_not_kept(cloud, home, tmp_path):
    """Trust comes with a token, never with a renewal."""
    connection = (await enroll(await cloud.text(), home)).connection
    other = Authority.init(tmp_path / "other")

    class Usurper(pb_grpc.RenewalServicer):
        async def Renew(self, request, context):  # noqa: N802
            pem = other.sign_device(request.csr_pem, "alices-laptop").pem
            return pb.RenewResponse(certificate_pem=pem, ca_pem=other.ca_pem)

    server = grpc.aio.server()
    pb_grpc.add_RenewalServicer_to_server(Usurper(), server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(cloud.state))
    await server.start()
    with pytest.raises(MalformedError, match="another CA"):
        await renew(replace(connection, service_address=f"localhost:{port}"))
    await server.stop(None)
    assert Connection.load(home) == connection
    assert len(written(home)) == 4


async def test_a_revoked_laptop_cannot_renew(cloud, home):
    connection = (await enroll(await cloud.text(), home)).connection
    await cloud.registry.revoke("alices-laptop")
    with pytest.raises(RefusedError, match="has revoked this device") as caught:
        await renew(connection)
    assert caught.value.reason == "CERTIFICATE_REVOKED"


async def test_a_stolen_certificate_that_was_revoked_keeps_no_laptop_from_renewing(cloud, home, tmp_path):
    stolen = (await enroll(await cloud.text(), tmp_path / "thief")).connection
    mine = (await enroll(await cloud.text(), home)).connection
    for _ in range(EnrolmentLimits().renewals_per_minute_per_device + 1):
        with pytest.raises(RefusedError) as caught:
            await renew(stolen)
        assert caught.value.reason == "CERTIFICATE_REVOKED"
    with pytest.raises(RefusedError) as caught:
        await renew(mine)
    assert caught.value.reason == "RENEWAL_TOO_EARLY"


async def test_a_flood_of_attempts_is_slowed_down(tmp_path, home):
    limits = EnrolmentLimits(attempts_per_minute_per_peer=2)
    async with serving(tmp_path / "cloud", Clock(), limits) as cloud:
        forged = replace(await cloud.token(), secret=b"x" * 20).text()
        reasons = []
        for _ in range(3):
            with pytest.raises(RefusedError) as caught:
                await enroll(forged, home)
            reasons.append(caught.value.reason)
    assert reasons == ["TOKEN_UNKNOWN", "TOKEN_UNKNOWN", "RATE_LIMITED"]
    assert caught.value.retry_after_seconds == pytest.approx(30, abs=5)


async def test_an_oversized_request_is_refused_before_it_is_read(cloud):
    credentials = grpc.ssl_channel_credentials(cloud.authority.ca_pem)
    async with grpc.aio.secure_channel(cloud.enrolment_address, credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.EnrolmentStub(channel).Enrol(pb.EnrolRequest(csr_pem=b"x" * 1_000_000), timeout=10)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_the_enrolment_port_does_not_renew_and_the_service_port_does_not_enrol(cloud, home):
    connection = (await enroll(await cloud.text(), home)).connection
    trust = grpc.ssl_channel_credentials(cloud.authority.ca_pem)
    calls = [
        (
            cloud.enrolment_address,
            trust,
            lambda channel: pb_grpc.RenewalStub(channel).Renew(pb.RenewRequest()),
        ),
        (
            cloud.service_address,
            channel_credentials(connection),
            lambda channel: pb_grpc.EnrolmentStub(channel).Enrol(pb.EnrolRequest()),
        ),
    ]
    for address, credentials, call in calls:
        async with grpc.aio.secure_channel(address, credentials) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(channel)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_secret_is_in_no_repr_and_no_error(cloud, home):
    token = await cloud.token()
    secret = token.secret_text
    for form in (secret, token.secret.hex(), repr(token.secret)):
        assert form not in repr(token)
    used = token.text()
    enrolment = await enroll(used, home)
    assert "PRIVATE" not in repr(enrolment)
    assert secret not in repr(enrolment)
    with pytest.raises(RefusedError) as caught:
        await enroll(used, home)
    error: BaseException | None = caught.value
    while error is not None:
        assert secret not in f"{error!r} {error}"
        assert used not in f"{error!r} {error}"
        error = error.__cause__


def command(module: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    code = f"import sys; from {module}.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, **options
    )


async def test_the_commands_carry_the_token_from_operator_to_laptop(cloud, home):
    """`umi-cloud enroll` on one side, `umi enroll -` on the other, and nothing in between but the token."""
    state = ("--state", str(cloud.state))
    addresses = ("--address", cloud.service_address, "--enrol-address", cloud.enrolment_address)
    printed = await asyncio.to_thread(command, "umi_cloud", "enroll", "bobs-laptop", *state, *addresses)
    assert printed.returncode == 0, printed.stderr
    assert len(printed.stdout.split()) == 1
    enrolled = await asyncio.to_thread(
        command, "umi_edge", "enroll", "-", "--directory", str(home), "--json", input=printed.stdout
    )
    assert enrolled.returncode == 0, enrolled.stderr
    fields = json.loads(enrolled.stdout)
    assert (fields["device"], fields["service_address"]) == ("bobs-laptop", cloud.service_address)
    assert await ask(Connection.load(home)) == "bobs-laptop"
    listed = await asyncio.to_thread(command, "umi_cloud", "devices", *state, "--json")
    assert [(device["name"], device["status"]) for device in json.loads(listed.stdout)] == [
        ("bobs-laptop", "active")
    ]
    again = await asyncio.to_thread(
        command, "umi_edge", "enroll", printed.stdout.strip(), "--directory", str(home)
    )
    assert again.returncode == 5
    assert "used already" in again.stderr
    assert "Traceback" not in again.stderr
    revoked = await asyncio.to_thread(command, "umi_cloud", "revoke", "bobs-laptop", *state)
    assert revoked.returncode == 0
    with pytest.raises(grpc.aio.AioRpcError):
        await ask(Connection.load(home))
