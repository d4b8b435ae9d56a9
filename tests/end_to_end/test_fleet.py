"""Three servers over one PostgreSQL: what holds on one holds on all, and what becomes of them when it is gone."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from grpc_health.v1 import health_pb2, health_pb2_grpc

from umi_cloud.auth.allowance import STREAM_RETRY_SECONDS, Quota
from umi_cloud.auth.audit import Origin
from umi_cloud.auth.authority import Authority, AuthorityFiles
from umi_cloud.auth.backup import back_up, restore
from umi_cloud.auth.call_groups import PATIENCE_SECONDS
from umi_cloud.auth.call_operations import FRONT_SILENT_SECONDS
from umi_cloud.auth.registry import Registry
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.auth.store import Operation, Read, Write
from umi_cloud.auth.tokens import mint
from umi_cloud.config import CloudConfig, ScriptedSettings
from umi_cloud.deployment import Deployment
from umi_cloud.testing import refusal_of_call
from umi_edge.connection.connection import Connection, open_channel
from umi_edge.connection.enroll import enroll, renew_late
from umi_edge.egress.cloud_client import Cloud, Sent
from umi_edge.egress.cloud_client import CloudConfig as CloudClientConfig
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.vault import Vault
from umi_edge.ledger import Ledger
from umi_proto.v1 import agent_pb2 as pb
from umi_proto.v1 import agent_pb2_grpc as pb_grpc
from umi_shared.enrolment_token import SECRET_BYTES, EnrolmentToken
from umi_shared.errors import RefusedError
from umi_shared.labels import PLANNER
from umi_shared.released import mint as mint_view
from umi_shared.transcript import Decision, Instruction, Next, RationaleDelta, View

DONE = "Nothing is left to do. Next: summarizer."
REQUEST = pb.PlanRequest(
    request_id="r1",
    view=pb.View(
        entries=[pb.Entry(instruction=pb.Instruction(text=pb.Text(segments=[pb.Segment(clear="Hi")])))]
    ),
)


@dataclass
class Fronts:
    """Servers that share a registry, and the laptops that were enrolled at the first."""

    folder: Path
    database: str
    deployments: list[Deployment]
    operator: Registry
    stack: AsyncExitStack
    channels: dict[str, list[grpc.aio.Channel]] = field(default_factory=dict)

    async def laptop(self, name: str) -> list["pb_grpc.PlannerAsyncStub"]:
        """A new laptop's way to each of the servers."""
        first = self.deployments[0]
        minted = await mint(
            Authority.load(self.folder),
            self.operator,
            name,
            service_address=first.address.replace("127.0.0.1", "localhost"),
            enrolment_address=first.enrol_address,
        )
        connection = (await enroll(minted.token.text(), self.folder / name)).connection
        channels = []
        for deployment in self.deployments:
            address = deployment.address.replace("127.0.0.1", "localhost")
            channels.append(open_channel(replace(connection, service_address=address)))
            await self.stack.enter_async_context(channels[-1])
        self.channels[name] = channels
        return [pb_grpc.PlannerStub(channel) for channel in channels]

    def made_up_token(self) -> str:
        """A token that looks like any other; no registry knows it."""
        return EnrolmentToken(
            device="carol",
            enrolment_address=self.deployments[0].enrol_address,
            service_address=self.deployments[0].address.replace("127.0.0.1", "localhost"),
            server_fingerprint=Authority.load(self.folder).server_fingerprint,
            secret=bytes(SECRET_BYTES),
        ).text()

    async def none_open(self) -> bool:
        """Whether every call is accounted for, which it is a moment after its end."""

        def open_calls(_now: float) -> Operation[int]:
            (rows,) = yield (Read("SELECT count(*) FROM calls", {}),)
            return int(rows[0][0])

        return await self.operator.store.read(open_calls) == 0

    async def health(self, name: str, service: str = "") -> list[str]:
        """What each server says of a service."""
        said = []
        for channel in self.channels[name]:
            reply = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service)
            )
            said.append(health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status))
        return said


@pytest.fixture
async def fronts(request, tmp_path: Path, database: str) -> AsyncIterator[Fronts]:
    """Three; a parameter is the pause between two pieces of a reply."""
    Authority.init(tmp_path)
    config = CloudConfig(
        listen="127.0.0.1:0",
        enrol_listen="127.0.0.1:0",
        state=database,
        certificates=tmp_path,
        engine=ScriptedSettings(replies=(DONE,), pause_seconds=getattr(request, "param", 0.0)),
        quota=Quota(requests_per_minute=6, concurrent=2),
        state_outage_seconds=5.0,
    )
    async with AsyncExitStack() as stack:
        deployments = []
        for _ in range(3):
            deployments.append(await Deployment.start(config))
            stack.push_async_callback(deployments[-1].stop, 0)
            await deployments[-1].load()
        operator = await stack.enter_async_context(registry_at(database))
        yield Fronts(tmp_path, database, deployments, operator, stack)


async def plan(stub: "pb_grpc.PlannerAsyncStub") -> None:
    events = [event async for event in stub.Plan(REQUEST, timeout=20)]
    assert events[-1].WhichOneof("event") == "usage"
    await asyncio.sleep(4 * PATIENCE_SECONDS)  # other fronts know of its end a moment later


async def reason(stub: "pb_grpc.PlannerAsyncStub") -> str:
    return (await refusal_of_call(stub.Plan(REQUEST, timeout=20)))[1].reason


async def until(condition, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # another process's state
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("fronts", [30.0], indirect=True)
async def test_a_revocation_holds_on_every_front_and_ends_what_runs_within_a_second(fronts):
    alice, bob = await fronts.laptop("alice"), await fronts.laptop("bob")
    calls = [stub.Plan(REQUEST, timeout=60) for stub in (alice[0], alice[1], bob[2])]
    for call in calls:
        await anext(aiter(call))
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await fronts.operator.revoke("alice")
    for call in calls[:2]:
        code, refused = await refusal_of_call(call)
        assert (code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_REVOKED")
    assert loop.time() - began < 1
    assert [await reason(stub) for stub in alice] == ["CERTIFICATE_REVOKED"] * 3
    assert not calls[2].done()

    async def shut() -> bool:
        states = [channel.get_state() for channel in fronts.channels["alice"]]
        return grpc.ChannelConnectivity.READY not in states

    await until(shut)
    assert fronts.channels["bob"][2].get_state() is grpc.ChannelConnectivity.READY


async def test_what_the_operator_is_told_of_a_laptop_and_of_its_refusals(fronts, caplog):
    alice = await fronts.laptop("alice")
    await plan(alice[0])
    (record,) = await fronts.operator.devices()
    assert record.version == version("umi-runtime")
    assert record.last_seen is not None
    assert abs(datetime.now(UTC) - record.last_seen) < timedelta(minutes=1)
    assert [sum(record.use.values()) > 0, record.requests] == [True, 1]
    await fronts.operator.revoke("alice", by=Origin("operator ann"))
    assert [await reason(alice[1]) for _ in range(9)] == ["CERTIFICATE_REVOKED"] * 9
    with pytest.raises(RefusedError):
        await enroll(fronts.made_up_token(), fronts.folder / "carol")
    lines = [json.loads(one.message) for one in caplog.records if one.name == "umi_cloud.refusals"]
    assert lines == [
        {"refused": "CERTIFICATE_REVOKED", "device": "alice", "address": "127.0.0.1", "times": 1},
        {"refused": "TOKEN_UNKNOWN", "device": "", "address": "127.0.0.1", "times": 1},
    ]
    entries = [one async for one in fronts.operator.audit(datetime.now(UTC) - timedelta(hours=1))]
    assert [(one.event, one.who, one.address) for one in entries] == [
        ("invited", "program", ""),
        ("enrolled", "token", "127.0.0.1"),
        ("revoked", "operator ann", ""),
    ]


async def test_a_laptop_that_a_restore_holds_is_refused_on_every_front_until_it_is_released(fronts, tmp_path):
    alice = await fronts.laptop("alice")
    await plan(alice[0])
    await back_up(fronts.operator, fronts.folder, tmp_path / "backup", Origin("operator ann"))

    def lose(_now: float) -> Operation[None]:
        yield [Write(f"DELETE FROM {table}", {}) for table in ("calls", "certificates", "devices", "tokens")]

    await fronts.operator.store.write(lose, durable=True)
    assert [await reason(stub) for stub in alice] == ["CERTIFICATE_UNKNOWN"] * 3
    await restore(tmp_path / "backup", fronts.operator, fronts.folder, Origin("operator ann"))
    assert [await reason(stub) for stub in alice] == ["CERTIFICATE_HELD"] * 3
    await fronts.operator.release_all(["alice"])
    for stub in alice:
        await plan(stub)


async def test_limits_hold_over_all_fronts(fronts):
    alice = await fronts.laptop("alice")
    for _ in range(2):
        for stub in alice:
            await plan(stub)
    assert [await reason(stub) for stub in alice] == ["RATE_LIMITED"] * 3
    await until(fronts.none_open)
    (record,) = await fronts.operator.devices()
    assert record.requests == 6
    assert record.tokens == await fronts.operator.tokens_spent("alice") > 0


async def test_a_database_that_is_gone_keeps_known_devices_refuses_others_and_comes_back(fronts, postgres):
    alice, bob = await fronts.laptop("alice"), await fronts.laptop("bob")
    for stub in alice:
        await plan(stub)
    await until(fronts.none_open)
    used = await fronts.operator.tokens_spent("alice")
    await fronts.operator.add_token(
        "carol", bytes(32), timedelta(hours=1)
    )  # durable, and so is all before it
    postgres.stop(signal.SIGKILL)
    try:

        async def lost() -> bool:
            return set(await fronts.health("alice", "umi_proto.v1.Enrolment")) == {"NOT_SERVING"}

        await until(lost)
        assert set(await fronts.health("alice")) == {"SERVING"}
        for stub in alice:
            await plan(stub)
        assert [await reason(stub) for stub in bob] == ["STATE_UNAVAILABLE"] * 3
        with pytest.raises(RefusedError) as caught:
            await enroll(fronts.made_up_token(), fronts.folder / "carol")
        assert caught.value.reason == "STATE_UNAVAILABLE"

        async def outlived() -> bool:
            return set(await fronts.health("alice")) == {"NOT_SERVING"}

        await until(outlived)
        assert [await reason(stub) for stub in alice] == ["STATE_UNAVAILABLE"] * 3
    finally:
        postgres.start()

    async def back() -> bool:
        both = await fronts.health("alice") + await fronts.health("alice", "umi_proto.v1.Enrolment")
        return set(both) == {"SERVING"}

    await until(back)
    for stub in bob:
        await plan(stub)

    async def accounted() -> bool:
        return await fronts.operator.tokens_spent("alice") == 2 * used

    await until(accounted)


class Balancer:
    """Passes each new connection on to the first server that takes it, bytes as they are, as an L4 balancer does."""

    def __init__(self, addresses: list[str], *, turns: bool = False) -> None:
        """With `turns`, each connection begins with the next server."""
        self._turns = turns
        self._ports = [int(address.rpartition(":")[2]) for address in addresses]
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()
        waits = (writer.wait_closed() for writer in self._writers)
        await asyncio.gather(*self._tasks, *waits, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if self._turns:
            self._ports.append(self._ports.pop(0))
        for port in self._ports:
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            self._writers.append(far_writer)
            for one, other in ((reader, far_writer), (far_reader, writer)):
                self._tasks.add(asyncio.create_task(self._pass(one, other)))
            return
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()


@pytest.mark.parametrize("fronts", [0.1], indirect=True)
@pytest.mark.parametrize("patience", [0.0, None], ids=["cut off", "drained"])
async def test_a_laptop_moves_to_another_front_in_mid_session_under_the_same_request_id(fronts, patience):
    """A front that is stopped in the middle of a plan finishes it, or another does; nothing is lost or said twice."""
    view = mint_view(View(catalogue=(), entries=(Instruction(("Hi",)),)), PLANNER, ())
    await fronts.laptop("alice")
    connection = Connection.load(fronts.folder / "alice")
    async with Balancer([deployment.address for deployment in fronts.deployments]) as port:
        ledger = Ledger.open(fronts.folder / "ledger.jsonl", Ed25519PrivateKey.generate(), lambda: "now")
        fronts.stack.callback(ledger.close)
        behind = replace(connection, service_address=f"localhost:{port}")
        channel = await fronts.stack.enter_async_context(open_channel(behind))
        cloud = Cloud(channel, EgressGuard(Vault()), ledger, "word")
        stopping: list[asyncio.Task[int]] = []
        events = []
        async for event in cloud.plan(view, "r1"):
            events.append(event)
            if isinstance(event, RationaleDelta) and not stopping:
                (busy,) = [one for one in fronts.deployments if one.server.under_way]
                stopping.append(asyncio.create_task(busy.stop(patience)))
        later = [event async for event in cloud.plan(view, "r2")]
        ended = await stopping[0]
    assert Decision(Next.SUMMARIZER) in events
    assert Decision(Next.SUMMARIZER) in later
    tries = [event.sha256 for event in events if isinstance(event, Sent)]
    assert len(set(tries)) == 1
    assert (len(tries), ended) == ((2, 1) if patience == 0 else (1, 0))


async def test_only_certificates_that_are_let_in_count_as_a_devices_connections(fronts):
    """Trial: a stolen certificate, revoked, held the connections of the laptop that had replaced it."""
    old = await fronts.laptop("alice")
    new = await fronts.laptop("alice")
    assert await reason(old[0]) == "CERTIFICATE_REVOKED"
    await plan(new[0])
    (alice,) = await fronts.operator.devices()
    connections = fronts.deployments[0].server.connections
    assert [connections._shown[peer] for peer in connections._admitted] == [alice.serial]


async def test_enrolment_and_renewal_survive_a_balancer_that_sends_each_connection_to_another_front(fronts):
    """The token pins what all fronts show, so the look at the certificate and the call may reach different ones."""
    enrolments = [deployment.enrol_address for deployment in fronts.deployments]
    services = [deployment.address for deployment in fronts.deployments]
    async with (
        Balancer(enrolments, turns=True) as enrolment_port,
        Balancer(services, turns=True) as service_port,
    ):
        for name in ("alice", "bob", "carol", "dave"):
            minted = await mint(
                Authority.load(fronts.folder),
                fronts.operator,
                name,
                service_address=f"localhost:{service_port}",
                enrolment_address=f"localhost:{enrolment_port}",
            )
            connection = (await enroll(minted.token.text(), fronts.folder / name)).connection
            async with open_channel(connection) as channel:
                await plan(pb_grpc.PlannerStub(channel))
            with pytest.raises(RefusedError) as caught:  # it got through, by one connection, to one front
                await renew_late(connection)
            assert caught.value.reason == "RENEWAL_TOO_EARLY"
    said = await fronts.operator.devices()
    assert [(one.name, one.requests) for one in said] == [(n, 1) for n in ("alice", "bob", "carol", "dave")]


async def test_all_fronts_take_up_a_rotation_and_its_end_without_a_restart(fronts):
    old = await fronts.laptop("alice")
    await asyncio.to_thread(lambda: Authority.load(fronts.folder).rotate(fronts.folder, at_once=True))
    new = await fronts.laptop("bob")
    for stub in (*old, *new):
        await plan(stub)
    await asyncio.to_thread(lambda: Authority.load(fronts.folder).retire(fronts.folder))
    for name, well in (("alice", False), ("bob", True)):
        connection = Connection.load(fronts.folder / name)
        for deployment in fronts.deployments:
            address = deployment.address.replace("127.0.0.1", "localhost")
            fresh = open_channel(replace(connection, service_address=address))
            async with fresh:
                with nullcontext() if well else pytest.raises(grpc.aio.AioRpcError):
                    await plan(pb_grpc.PlannerStub(fresh))


async def test_fronts_do_not_renew_their_own_copies_of_the_servers_certificate(tmp_path, database):
    Authority.init(tmp_path, clock=lambda: datetime.now(UTC) - timedelta(days=340))
    before = AuthorityFiles(tmp_path).server.read_bytes()
    config = CloudConfig(
        listen="127.0.0.1:0",
        enrol_listen="",
        state=database,
        certificates=tmp_path,
        engine=ScriptedSettings(replies=(DONE,)),
    )
    deployment = await Deployment.start(config)
    await deployment.stop(0)
    assert AuthorityFiles(tmp_path).server.read_bytes() == before


def test_a_laptop_outwaits_the_places_that_a_dead_front_holds():
    """Trial: a front was killed under four sessions of a laptop; their next tries were refused until none was left."""
    waits = CloudClientConfig().tries - 1
    assert waits * STREAM_RETRY_SECONDS > FRONT_SILENT_SECONDS + 1
