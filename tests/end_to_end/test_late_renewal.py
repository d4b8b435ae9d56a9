"""A laptop that was off for a month comes back with the key it has; nobody else does. Real TLS, real dates."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.end_to_end.enrolling import Clock, Deployment, ask, serving
from umi_cloud.auth import renewal_service
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_edge.connection import kept_renewal as kept_module
from umi_edge.connection import move as move_module
from umi_edge.connection import renewal as renewal_module
from umi_edge.connection.connection import Connection, check_certificate, open_enrolment_channel
from umi_edge.connection.enroll import _csr_pem, enroll, renew, renew_late
from umi_edge.connection.enrolment_refusals import explained
from umi_edge.connection.move import move
from umi_edge.connection.renewal import in_date
from umi_lab.chaos.link import link
from umi_proto.v1 import enrolment_pb2 as pb
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.enrolment_token import split_address
from umi_shared.errors import PeerError, RefusedError, TransportError
from umi_shared.refusal import refusal_from_metadata
from umi_shared.renewal_proof import late_words

MONTH = timedelta(days=30)
DAYS = timedelta(days=1)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Deployment]:
    """It was set up 100 days ago, so that certificates of then have really ended."""
    clock = Clock()
    clock.offset = -100 * DAYS
    async with serving(tmp_path / "cloud", clock, EnrolmentLimits(renew_expired_days=60)) as deployment:
        yield deployment


@pytest.fixture
def enrolled(cloud, tmp_path) -> Callable:
    """Enrols a laptop so long ago; afterwards it is today."""

    async def make(ago: timedelta, name: str = "alices-laptop", folder: str = "laptop") -> Connection:
        cloud.clock.offset = -ago
        text = await cloud.text(name)
        connection = (await enroll(text, tmp_path / folder, clock=cloud.clock)).connection
        cloud.clock.offset = timedelta()
        return connection

    return make


async def now_in_date(connection: Connection) -> Connection:
    return await in_date(connection, datetime.now(UTC))


async def reason(connection: Connection) -> str:
    with pytest.raises(RefusedError) as caught:
        await now_in_date(connection)
    return caught.value.reason


async def test_a_laptop_that_was_off_for_a_month_renews_unseen_and_calls(cloud, enrolled):
    old = await enrolled(MONTH)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(old)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    new = await now_in_date(old)
    assert await ask(new) == "alices-laptop"
    assert new.key != old.key
    assert Connection.load(old.directory) == new
    *_, last = [entry async for entry in cloud.registry.audit(datetime.now(UTC) - MONTH)]
    assert (last.event, last.device, last.who, last.address) == (
        "renewed",
        "alices-laptop",
        "device",
        "127.0.0.1",
    )
    assert "which had expired" in last.detail


async def test_one_that_was_off_for_too_long_enrols_again(cloud, enrolled):
    old = await enrolled(70 * DAYS)
    with pytest.raises(RefusedError, match="expired too long ago") as caught:
        await now_in_date(old)
    assert caught.value.reason == "CERTIFICATE_EXPIRED"
    assert "umi-cloud enroll alices-laptop" in caught.value.fix
    assert Connection.load(old.directory) == old


async def test_a_revoked_or_replaced_laptop_does_not_come_back(cloud, enrolled):
    revoked = await enrolled(MONTH)
    await cloud.registry.revoke("alices-laptop")
    assert await reason(revoked) == "CERTIFICATE_REVOKED"
    lost = await enrolled(MONTH, "bobs-laptop", "bob")
    lost = replace(lost, directory=lost.directory.parent / "thief")
    keys = [(path, path.read_bytes()) for path in (lost.key, lost.certificate, lost.ca)]
    await enrolled(20 * DAYS, "bobs-laptop", "bob")
    for path, content in keys:
        path.write_bytes(content)
    assert await reason(lost) == "CERTIFICATE_REVOKED"


async def test_a_certificate_that_a_later_one_has_followed_is_good_for_nothing(cloud, enrolled):
    """Such as the key in a backup of the laptop's disk."""
    old = await enrolled(MONTH)
    keys = [(path, path.read_bytes()) for path in (old.key, old.certificate, old.ca)]
    assert await ask(await now_in_date(old)) == "alices-laptop"
    old = replace(old, directory=old.directory.parent / "thief")
    for path, content in keys:
        path.write_bytes(content)
    assert await reason(old) == "CERTIFICATE_EXPIRED"


async def test_a_registry_that_does_not_know_the_laptop_renews_nothing(cloud, enrolled, tmp_path):
    async with serving(tmp_path / "other", cloud.clock, EnrolmentLimits()) as other:
        old = await enrolled(MONTH)
        theirs = tmp_path / "theirs.pem"
        theirs.write_bytes(other.authority.ca_pem)
        asked = replace(old, enrolment_address=other.enrolment_address, ca=theirs)
        assert await reason(asked) == "CERTIFICATE_FOREIGN"


async def late(
    connection: Connection,
    sign: Callable[[bytes, bytes, bytes], bytes],
    certificate_pem: bytes | None = None,
) -> str:
    """What the server says to an answer that is signed otherwise."""
    certificate = x509.load_pem_x509_certificate(connection.certificate.read_bytes())
    der = certificate.public_bytes(Encoding.DER)
    csr_pem = _csr_pem(ec.generate_private_key(ec.SECP256R1()), connection.device)
    async with open_enrolment_channel(connection) as channel:
        call = pb_grpc.LateRenewalStub(channel).RenewLate(timeout=20)
        challenge = (await call.read()).challenge
        pem = certificate.public_bytes(Encoding.PEM) if certificate_pem is None else certificate_pem
        signature = sign(challenge, der, csr_pem)
        await call.write(pb.RenewLateRequest(certificate_pem=pem, csr_pem=csr_pem, signature=signature))
        try:
            answered = await call.read()
        except grpc.aio.AioRpcError as error:
            return refusal_from_metadata(error.trailing_metadata()).reason
    return answered.WhichOneof("step")


async def test_only_who_has_the_key_and_answers_this_challenge_is_renewed(cloud, enrolled):
    old = await enrolled(MONTH)
    key = load_pem_private_key(old.key.read_bytes(), None)
    other = ec.generate_private_key(ec.SECP256R1())

    def signed(with_key, change: Callable[..., bytes] = late_words) -> Callable[..., bytes]:
        return lambda *words: with_key.sign(change(*words), ec.ECDSA(hashes.SHA256()))

    assert await late(old, signed(other)) == "PROOF_INVALID"
    assert await late(old, lambda *_: b"") == "PROOF_INVALID"
    assert await late(old, signed(key, lambda _c, d, r: late_words(bytes(32), d, r))) == "PROOF_INVALID"
    assert await late(old, signed(key, lambda c, d, _r: late_words(c, d, b""))) == "PROOF_INVALID"
    assert await late(old, signed(key), certificate_pem=b"garbage") == "CERTIFICATE_FOREIGN"
    server = cloud.authority.server_certificate.public_bytes(Encoding.PEM)
    assert await late(old, signed(key), certificate_pem=server) == "CERTIFICATE_FOREIGN"
    assert await late(old, signed(key)) == "renewed"


async def test_strangers_who_prove_nothing_take_nothing_from_laptops_behind_their_address(cloud, enrolled):
    old = await enrolled(MONTH)
    said = [await late(old, lambda *_: b"") for _ in range(12)]
    assert said == ["PROOF_INVALID"] * 9 + ["RATE_LIMITED"] * 3  # the enrolment was the first of ten
    assert await ask(await now_in_date(old)) == "alices-laptop"


async def test_a_laptop_that_renews_again_and_again_is_slowed_down_alone(cloud, enrolled):
    old, bobs = await enrolled(MONTH), await enrolled(MONTH, "bobs-laptop", "bob")
    key = load_pem_private_key(old.key.read_bytes(), None)

    def sign(*words: bytes) -> bytes:
        return key.sign(late_words(*words), ec.ECDSA(hashes.SHA256()))

    assert [await late(old, sign) for _ in range(5)] == ["renewed"] * 4 + ["RATE_LIMITED"]
    assert await ask(await now_in_date(bobs)) == "bobs-laptop"


async def test_who_answers_no_challenge_is_hung_up_on(cloud, enrolled, monkeypatch):
    monkeypatch.setattr(renewal_service, "ANSWER_SECONDS", 0.05)
    old = await enrolled(MONTH)
    async with open_enrolment_channel(old) as channel:
        call = pb_grpc.LateRenewalStub(channel).RenewLate(timeout=20)
        await call.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert refusal_from_metadata(caught.value.trailing_metadata()).reason == "PROOF_INVALID"


async def test_a_stranger_who_leaves_challenges_unanswered_shuts_nobody_else_out(enrolled, tmp_path, cloud):
    """He held all calls of the port, ten seconds each, over one connection."""
    old = await enrolled(MONTH)
    limits = EnrolmentLimits().concurrent_calls
    async with AsyncExitStack() as stack:
        stranger = pb_grpc.LateRenewalStub(await stack.enter_async_context(open_enrolment_channel(old)))
        held = [stranger.RenewLate(timeout=20) for _ in range(limits // 2)]
        for call in held:
            assert (await call.read()).challenge
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stranger.RenewLate(timeout=20).read()
        assert refusal_from_metadata(caught.value.trailing_metadata()).reason == "RATE_LIMITED"
        bobs = (await enroll(await cloud.text("bobs-laptop"), tmp_path / "bob")).connection
        assert await ask(bobs) == "bobs-laptop"
        for call in held:
            call.cancel()
    assert await ask(await now_in_date(old)) == "alices-laptop"


async def test_two_sessions_renew_at_once_and_have_the_same_certificate_afterwards(cloud, enrolled):
    """One took the other's key away, and the laptop had to be enrolled again."""
    old = await enrolled(MONTH)
    first, second = await asyncio.gather(now_in_date(old), now_in_date(old))
    assert first == second == Connection.load(old.directory)
    check_certificate(first, datetime.now(UTC))
    assert await ask(first) == "alices-laptop"


async def test_a_program_whose_certificate_another_has_renewed_takes_that_one(cloud, enrolled):
    """A daemon's, say, that slept meanwhile: the files of its own are gone."""
    old = await enrolled(MONTH)
    new = await now_in_date(old)
    assert await ask(new) == "alices-laptop"
    assert await now_in_date(old) == new
    assert await renew(old) == new


async def test_nothing_is_asked_while_the_certificate_is_good(cloud, enrolled):
    good = await enrolled(timedelta())
    away = replace(good, enrolment_address="127.0.0.1:1")
    assert await now_in_date(away) is away


@pytest.mark.parametrize("minutes", [-59, 59])
async def test_a_clock_that_is_an_hour_off_neither_locks_out_nor_blocks(cloud, enrolled, minutes):
    """Around the end of a certificate it may be good yet: a planner that cannot be reached ends nothing."""
    good = await enrolled(timedelta())
    about = good.expires + timedelta(minutes=minutes)
    away = replace(good, enrolment_address="127.0.0.1:1")
    async with asyncio.timeout(20):
        assert await in_date(away, about) is away
        with pytest.raises(TransportError, match="certificate has ended, and it cannot be renewed now"):
            await in_date(away, good.expires + timedelta(minutes=61))


async def test_a_clock_that_is_ahead_renews_what_has_not_ended_yet(cloud, enrolled):
    """The laptop believes that its certificate has ended; the server knows better, and renews it all the same."""
    nearly = await enrolled(6 * DAYS)
    renewed = await renew_late(nearly)
    assert renewed.expires > nearly.expires
    assert await ask(renewed) == "alices-laptop"


async def test_a_planner_that_is_not_the_one_gets_no_proof(cloud, enrolled, tmp_path):
    """Its certificate is of another authority: TLS ends before anything is said."""
    old = await enrolled(MONTH)
    async with serving(tmp_path / "impostor", cloud.clock, EnrolmentLimits()) as impostor:
        asked = replace(old, enrolment_address=impostor.enrolment_address)
        with pytest.raises(TransportError):
            await now_in_date(asked)


async def test_a_move_that_is_not_admitted_changes_nothing_and_uses_nothing_up(cloud, enrolled):
    """Trial: it committed the renewal, for the new address, before that had admitted the laptop."""
    old = await enrolled(MONTH)
    with pytest.raises(PeerError, match="UNIMPLEMENTED"):  # the service port here plans nothing
        await move(old, cloud.service_address, enrolment_address=cloud.enrolment_address)
    entries = [entry async for entry in cloud.registry.audit(datetime.now(UTC) - MONTH)]
    assert entries[-1].event == "renewed"
    assert Connection.load(old.directory) == old
    assert (
        len(list(old.directory.glob(".move-*"))) == 1
    )  # what it got is kept until it is known to be needless
    new = await now_in_date(old)
    assert await ask(new) == "alices-laptop"
    assert await now_in_date(new) is new
    assert not list(old.directory.glob(".move-*"))


class Killed(BaseException):
    """The program is no more."""


@pytest.fixture
async def killed_move(cloud, enrolled, monkeypatch) -> Connection:
    """A laptop whose move had renewed its certificate and used it, when it was killed: it can be renewed no more."""
    old = await enrolled(MONTH)

    async def admitted_and_killed(moved: Connection) -> None:
        assert await ask(moved) == "alices-laptop"
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(move_module, "_check_admission", admitted_and_killed)
        with pytest.raises(Killed):
            await move(old, cloud.service_address, enrolment_address=cloud.enrolment_address)
    assert Connection.load(old.directory) == old
    with pytest.raises(RefusedError) as caught:
        await renew_late(old)
    assert caught.value.reason == "CERTIFICATE_EXPIRED"
    return old


async def test_what_a_killed_move_had_renewed_is_taken_up_at_the_next_start(killed_move):
    """Trial: the laptop had to be enrolled again, and the folder stayed for ever."""
    started = await now_in_date(killed_move)
    assert await ask(started) == "alices-laptop"
    assert started == Connection.load(killed_move.directory)
    assert started.service_address == killed_move.service_address
    assert started.ca.read_bytes()
    assert await now_in_date(started) is started
    assert not list(started.directory.glob(".move-*"))


async def test_a_move_after_a_killed_move_has_what_that_had_renewed(cloud, killed_move, monkeypatch):
    async def admitted(moved: Connection) -> None:
        assert await ask(moved) == "alices-laptop"

    monkeypatch.setattr(move_module, "_check_admission", admitted)
    moved = await move(killed_move, cloud.service_address, enrolment_address=cloud.enrolment_address)
    assert moved == Connection.load(killed_move.directory)
    assert await ask(moved) == "alices-laptop"


async def test_half_of_what_a_move_was_to_get_is_not_taken_up(killed_move):
    (folder,) = killed_move.directory.glob(".move-*")
    left = Connection.load(folder)
    left.key.unlink()
    assert await reason(killed_move) == "CERTIFICATE_EXPIRED"


async def test_a_clock_that_is_set_far_back_throws_away_nothing_that_a_move_has_left(killed_move):
    """Trial: an ended certificate looked good then, and what was to follow it was removed: the laptop enrolled anew."""
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    assert await in_date(killed_move, long_ago) is killed_move
    assert await ask(await now_in_date(killed_move)) == "alices-laptop"


@pytest.mark.parametrize("seconds", [0, -(10**9), 10**9])
async def test_a_folder_of_a_move_that_runs_is_left_alone(enrolled, seconds):
    """However this laptop's clock is set meanwhile."""
    good = await enrolled(timedelta())
    with kept_module.move_folder(good.directory) as folder:
        begun = folder.stat().st_mtime + seconds
        os.utime(folder, (begun, begun))
        assert await now_in_date(good) is good
        assert folder.is_dir()
    assert not folder.exists()


async def test_what_a_killed_move_left_unfinished_is_removed(enrolled):
    good = await enrolled(timedelta())
    left = good.directory / ".move-killed"
    left.mkdir()
    (left / "device-00000000.key").write_bytes(b"")
    assert await now_in_date(good) is good
    assert not left.exists()


async def test_laptops_that_come_back_at_once_all_renew_though_the_port_is_full(tmp_path, monkeypatch):
    """Trial: a thousand laptops after a holiday, and 32 calls; who found the port full had no session."""
    monkeypatch.setattr(renewal_module, "_PAUSE_SECONDS", 0.05)
    clock = Clock()
    clock.offset = -100 * DAYS
    limits = EnrolmentLimits(concurrent_calls=4, attempts_per_minute_per_peer=100)
    async with serving(tmp_path / "cloud", clock, limits) as cloud:
        clock.offset = -MONTH
        laptops = [
            (await enroll(await cloud.text(f"d{number}"), tmp_path / f"d{number}", clock=clock)).connection
            for number in range(8)
        ]
        clock.offset = timedelta()
        told: list[str] = []
        renewed = await asyncio.gather(
            *(in_date(one, datetime.now(UTC), tell=told.append) for one in laptops)
        )
        assert [one.device for one in renewed] == [one.device for one in laptops]
    assert 0 < len(told) <= len(laptops)  # once each
    assert all("trying to renew this laptop's certificate for two minutes" in line for line in told)


async def test_a_port_that_ends_connections_for_a_while_is_full_and_asked_again(cloud, enrolled, monkeypatch):
    """Trial: of a hundred laptops behind one address a third had no session, for the port ends all but sixteen."""
    monkeypatch.setattr(renewal_module, "_PAUSE_SECONDS", 0.05)
    old = await enrolled(MONTH)
    host, port = split_address(cloud.enrolment_address)
    async with link([(host, port)]) as full:
        full.cut()
        asked = replace(old, enrolment_address=f"localhost:{full.port}")
        renewing = asyncio.create_task(now_in_date(asked))
        while full.turned_away < 5:
            await asyncio.sleep(0.01)
            assert not renewing.done()
        full.mend()
        assert await ask(await renewing) == "alices-laptop"


async def test_a_laptop_that_found_the_port_full_for_too_long_keeps_what_it_has_and_renews_later(
    cloud, enrolled, monkeypatch
):
    monkeypatch.setattr(renewal_module, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(renewal_module, "PATIENCE_SECONDS", 0.5)
    old = await enrolled(MONTH)
    files = {path.name: path.read_bytes() for path in old.directory.iterdir()}
    host, port = split_address(cloud.enrolment_address)
    async with link([(host, port)]) as full:
        full.cut()
        asked = replace(old, enrolment_address=f"localhost:{full.port}")
        async with asyncio.timeout(20):
            with pytest.raises(TransportError, match="cannot be renewed now"):
                await now_in_date(asked)
        assert full.turned_away > 1
        left = {path.name: path.read_bytes() for path in old.directory.iterdir()}
        assert {name: left[name] for name in files} == files
        assert not [name for name in left.keys() - files.keys() if name != "connection.lock"]
        full.mend()
        assert await ask(await now_in_date(asked)) == "alices-laptop"


async def test_a_laptop_that_is_refused_for_good_or_is_offline_does_not_wait(cloud, enrolled, monkeypatch):
    monkeypatch.setattr(renewal_module, "_PAUSE_SECONDS", 0.05)
    told: list[str] = []
    old = await enrolled(70 * DAYS)
    with pytest.raises(RefusedError):
        await in_date(old, datetime.now(UTC), tell=told.append)
    assert told == []
    with pytest.raises(TransportError, match="has ended, and it cannot be renewed now"):
        await in_date(replace(old, enrolment_address="127.0.0.1:9"), datetime.now(UTC), tell=told.append)
    assert len(told) == 1


def test_a_port_that_takes_no_more_calls_says_so():
    """gRPC itself refuses then, with a text of its own."""
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.aio.Metadata(), grpc.aio.Metadata(), "Concurrent RPC limit"
    )
    refused = explained(error, "planner.example:7444", "a")
    assert (refused.reason, refused.retry_after_seconds) == ("OVERLOADED", 1.0)
