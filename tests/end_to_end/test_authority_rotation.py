"""An authority is followed by the next, and no laptop is enrolled again. Real TLS, real dates."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.end_to_end.enrolling import Clock, Deployment, ask, serving
from umi_cloud.auth import authority as module
from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_cloud.auth.credentials import server_credentials
from umi_cloud.auth.enrolment_limits import EnrolmentLimits
from umi_cloud.auth.server_certificate import check_certificates
from umi_cloud.cli import umi_cloud
from umi_edge.connection.connection import Connection, load_certificates
from umi_edge.connection.enroll import enroll, renew
from umi_edge.connection.renewal import in_date
from umi_proto.v1 import enrolment_pb2 as pb
from umi_proto.v1 import enrolment_pb2_grpc as pb_grpc
from umi_shared.errors import ConfigError, MalformedError
from umi_shared.renewal_proof import bundle_words

DAYS = timedelta(days=1)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Deployment]:
    """It was set up 100 days ago."""
    clock = Clock()
    clock.offset = -100 * DAYS
    async with serving(tmp_path / "cloud", clock, EnrolmentLimits()) as deployment:
        yield deployment


@pytest.fixture
def enrolled(cloud, tmp_path):
    """Enrols a laptop so long ago; afterwards it is today."""

    async def make(name: str, ago: timedelta = 5 * DAYS) -> Connection:
        cloud.clock.offset = -ago
        connection = (await enroll(await cloud.text(name), tmp_path / name, clock=cloud.clock)).connection
        cloud.clock.offset = timedelta()
        return connection

    return make


def ca(cloud: Deployment, *arguments: str) -> Result:
    return CliRunner().invoke(umi_cloud, ["ca", *arguments, "--state", str(cloud.state)])


async def run_ca(cloud: Deployment, *arguments: str) -> Result:
    return await asyncio.to_thread(ca, cloud, *arguments)


async def refused(connection: Connection) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(connection)
    return caught.value.code()


async def test_laptops_move_to_the_next_authority_with_their_renewals_and_the_old_one_ends(cloud, enrolled):
    """One that renews, one that was off for a month, one that is new; then the old authority is trusted no more."""
    alice, bob = await enrolled("alice"), await enrolled("bob", 30 * DAYS)
    assert await ask(alice) == "alice"
    assert (await run_ca(cloud, "rotate", "--at-once")).exit_code == 0
    assert await ask(alice) == "alice"
    first, following = Authority.load(cloud.state).trusted
    result = await run_ca(cloud, "retire")
    assert isinstance(result.exception, ConfigError)
    assert result.exception.message == "2 laptops would be locked out"
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["alice", "bob"]

    alice, bob = await renew(alice), await in_date(bob, cloud.clock())
    carol = (await enroll(await cloud.text("carol"), cloud.state.parent / "carol")).connection
    for connection, name in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        (own,) = load_certificates(connection.certificate)
        own.verify_directly_issued_by(following.certificate)
        assert load_certificates(connection.ca) == [first.certificate, following.certificate]
        assert await ask(connection) == name

    assert (await run_ca(cloud, "retire")).exit_code == 0
    check_certificates(cloud.state, cloud.clock())
    for connection, name in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        assert await ask(connection) == name
    text = await replace(cloud, authority=Authority.load(cloud.state)).text("dave")
    dave = (await enroll(text, cloud.state.parent / "dave")).connection
    assert load_certificates(dave.ca) == [following.certificate]
    assert await ask(dave) == "dave"
    said = [
        entry.detail
        async for entry in cloud.registry.audit(cloud.clock() - DAYS)
        if entry.event == "authority"
    ]
    assert said == [
        f"the next authority {following.name[:16]} is made",
        "the old authority is retired; locked out: 0",
    ]


async def test_who_is_locked_out_is_said_and_really_is(cloud, enrolled):
    alice = await enrolled("alice")
    await enrolled("bob")
    await cloud.registry.revoke("bob")
    await run_ca(cloud, "rotate")
    assert (await run_ca(cloud, "retire")).exit_code != 0
    assert await ask(alice) == "alice"
    result = await run_ca(cloud, "retire", "--lock-out", "--json")
    assert '"locked_out": ["alice"]' in result.stdout
    assert await refused(alice) is grpc.StatusCode.UNAVAILABLE


async def test_a_new_certificate_that_was_never_used_may_have_got_lost(cloud, enrolled):
    alice = await enrolled("alice")
    await run_ca(cloud, "rotate", "--at-once")
    following = Authority.load(cloud.state).following.name
    late = timedelta(days=90)
    renewed = await renew(alice)
    assert [one.name for one in await cloud.registry.stragglers(following, late)] == ["alice"]
    await ask(renewed)
    assert await cloud.registry.stragglers(following, late) == ()


async def test_the_next_authority_signs_an_hour_later_when_all_servers_have_it(cloud, enrolled):
    await run_ca(cloud, "rotate")
    authority = Authority.load(cloud.state, clock=cloud.clock)
    cloud.clock.offset = timedelta(minutes=59)
    assert authority.signer == authority.trusted[0]
    cloud.clock.offset = timedelta(minutes=61)
    assert authority.signer == authority.trusted[1]


async def test_there_is_one_next_authority_at_a_time(cloud):
    result = await run_ca(cloud, "retire")
    assert "umi-cloud ca rotate" in result.exception.fix
    await run_ca(cloud, "rotate")
    assert "umi-cloud ca retire" in (await run_ca(cloud, "rotate")).exception.fix


@pytest.mark.parametrize("command", ["rotate", "retire"])
async def test_what_is_cut_off_at_any_file_leaves_an_authority_that_works(
    cloud, enrolled, monkeypatch, command
):
    """And going on afterwards ends well."""
    alice = await enrolled("alice")
    if command == "retire":
        Authority.load(cloud.state).rotate(cloud.state, at_once=True)
        alice = await renew(alice)
    write = module.write_durably
    for cut in range(3 if command == "retire" else 2):
        left = [cut]

        def failing(path, content, *, private=True, left=left):
            if not left[0]:
                raise ConfigError("the disk is full")
            left[0] -= 1
            write(path, content, private=private)

        monkeypatch.setattr(module, "write_durably", failing)
        with pytest.raises(ConfigError, match="disk is full"):
            getattr(Authority.load(cloud.state), command)(cloud.state)
        monkeypatch.setattr(module, "write_durably", write)
        check_certificates(cloud.state, cloud.clock())
        assert await ask(alice) == "alice"
        if len(Authority.load(cloud.state).trusted) == 1 and command == "retire":
            break
    else:
        getattr(Authority.load(cloud.state), command)(cloud.state)
    assert len(Authority.load(cloud.state).trusted) == (2 if command == "rotate" else 1)
    assert await ask(alice) == "alice"


class Thief(pb_grpc.RenewalServicer):
    """Has the server's key, and hands down an authority of his own."""

    def __init__(self, own: Authority, sign) -> None:
        self._own = own
        self._sign = sign

    async def Renew(self, request, context):  # noqa: N802
        pem = self._own.sign_device(request.csr_pem, "alice").pem
        return pb.RenewResponse(
            certificate_pem=pem,
            ca_pem=self._own.ca_pem,
            ca_signatures=self._sign(request.csr_pem, self._own.ca_pem),
        )


@pytest.mark.parametrize(
    "signed_by", ["nobody", "the thief", "the server", "the authority, for another request"]
)
async def test_only_an_authority_that_is_trusted_names_the_next(cloud, enrolled, tmp_path, signed_by):
    alice = await enrolled("alice")
    thief = Authority.init(tmp_path / "thief")

    def sign(csr_pem: bytes, ca_pem: bytes) -> list[bytes]:
        match signed_by:
            case "nobody":
                return []
            case "the thief":
                return list(thief.bundle_signatures(csr_pem))
            case "the server":
                key = load_pem_private_key(AuthorityFiles(cloud.state).server.read_bytes(), None)
            case _:
                key, csr_pem = cloud.authority.ca_key, b"another"
        return [key.sign(bundle_words(csr_pem, ca_pem), ec.ECDSA(hashes.SHA256()))]

    server = grpc.aio.server()
    pb_grpc.add_RenewalServicer_to_server(Thief(thief, sign), server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(cloud.state))
    await server.start()
    with pytest.raises(MalformedError, match="another CA"):
        await renew(replace(alice, service_address=f"localhost:{port}"))
    await server.stop(None)
    assert Connection.load(alice.directory) == alice
