"""Who may hold connections open, and for how long: the decision, and real sockets."""

import asyncio
import errno
import logging
import socket
from contextlib import ExitStack

import pytest

from umi_cloud import connection_watch
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.credentials import server_credentials
from umi_cloud.connection_watch import ConnectionWatch, make_room
from umi_cloud.connections import ConnectionLimits, Peer, Seen, excess
from umi_cloud.device_gate import UnsafeLoopbackGate
from umi_cloud.server import CloudServer, ServerLimits

LIMITS = ConnectionLimits(strangers_per_address=2, per_device=3, silent_seconds=30)


def seen(address: str, count: int, since: float = 0.0) -> list[Seen]:
    return [Seen(Peer(address, port), since + port) for port in range(count)]


def test_the_newest_strangers_above_an_addresss_cap_go():
    found = seen("10.0.0.1", 5) + seen("10.0.0.2", 1)
    assert excess(found, {}, LIMITS, 5) == {Peer("10.0.0.1", port) for port in (2, 3, 4)}


def test_thousands_of_laptops_behind_one_address_are_no_strangers():
    found = seen("10.0.0.1", 3000)
    certificates = {one.peer: f"laptop-{one.peer.port}" for one in found}
    assert excess(found, certificates, LIMITS, 10_000) == set()


def test_a_stranger_that_is_silent_goes():
    found = [Seen(Peer("10.0.0.1", 1), 0.0), Seen(Peer("10.0.0.1", 2), 1.0)]
    assert excess(found, {found[0].peer: "a"}, LIMITS, 31.5) == {Peer("10.0.0.1", 2)}


def test_a_device_has_so_many_connections_from_wherever():
    found = [Seen(Peer(f"10.0.0.{number}", 1), number) for number in range(5)]
    devices = {one.peer: "a" for one in found}
    assert excess(found, devices, LIMITS, 5) == {Peer("10.0.0.3", 1), Peer("10.0.0.4", 1)}


def test_a_host_cannot_walk_through_its_ipv6_network():
    found = [Seen(Peer.of(f"2001:db8::{number:x}", 1), number) for number in range(4)]
    assert len(excess(found, {}, LIMITS, 5)) == 2


async def gone(client: socket.socket) -> bool:
    """Whether the other side has ended a connection."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


async def all_gone(clients: list[socket.socket], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not all([await gone(client) for client in clients]):  # noqa: ASYNC110  # the kernel's state
            await asyncio.sleep(0.05)


@pytest.fixture
async def served(tmp_path, request):
    """A TLS server with the limits that a test names, and its port."""
    Authority.init(tmp_path)
    server = CloudServer(UnsafeLoopbackGate(), ServerLimits(connections=request.param))
    port = await server.start("127.0.0.1:0", server_credentials(tmp_path))
    yield port
    await server.drain(0)


def silent(stack: ExitStack, port: int, count: int) -> list[socket.socket]:
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for client in clients:
        stack.callback(client.close)
    return clients


@pytest.mark.parametrize("served", [ConnectionLimits(handshake_seconds=0.5)], indirect=True)
async def test_a_connection_without_a_handshake_ends_soon(served):
    """Trial: a thousand silent connections ate the descriptors of the process for as long as one liked."""
    with ExitStack() as stack:
        await all_gone(silent(stack, served, 50), 10)


@pytest.mark.parametrize("served", [ConnectionLimits(open=20, handshake_seconds=100)], indirect=True)
async def test_more_connections_than_there_is_room_for_are_refused_at_once(served):
    with ExitStack() as stack:
        clients = silent(stack, served, 40)
        await asyncio.sleep(0.2)
        async with asyncio.timeout(10):
            while sum([await gone(client) for client in clients]) < 20:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert sum([await gone(client) for client in clients]) == 20


@pytest.mark.parametrize("served", [ConnectionLimits(handshake_seconds=100)], indirect=True)
async def test_one_address_cannot_hold_more_than_its_share_open(served, monkeypatch):
    monkeypatch.setattr(connection_watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(connection_watch, "COST_SHARE", 1)
    watch = ConnectionWatch(ConnectionLimits(strangers_per_address=5))
    watching = asyncio.create_task(watch.run(served))
    with ExitStack() as stack:
        first = silent(stack, served, 5)
        async with asyncio.timeout(20):
            while len(watch._since) < 5:  # noqa: ASYNC110  # the kernel's state
                await asyncio.sleep(0.05)
        await all_gone(silent(stack, served, 100), 20)
        assert not any([await gone(client) for client in first])
    watching.cancel()


async def test_a_process_that_is_out_of_descriptors_looks_again_and_warns_once(monkeypatch, caplog):
    """Trial: it never looked again, and the caps were gone for good."""
    monkeypatch.setattr(connection_watch, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(connection_watch, "COST_SHARE", 1)
    looks = 0
    again = asyncio.Event()
    loop = asyncio.get_running_loop()

    def sockets(_port: int) -> dict[Peer, int]:
        nonlocal looks
        looks += 1
        if looks <= 3:
            raise OSError(errno.EMFILE, "Too many open files")
        loop.call_soon_threadsafe(again.set)
        return {}

    monkeypatch.setattr(connection_watch, "_sockets", sockets)
    watching = asyncio.create_task(ConnectionWatch(LIMITS).run(1))
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(5):
            await again.wait()
    watching.cancel()
    assert [record.getMessage() for record in caplog.records] == ["connections cannot be looked at: OSError"]


def test_a_look_leaves_no_descriptor_open(tmp_path):
    """Trial: each look left a copy of every file that was open, until there was room for no more."""
    with (tmp_path / "file").open("w"):
        before = len(list(connection_watch._DESCRIPTORS.iterdir()))
        connection_watch._sockets(1)
        assert len(list(connection_watch._DESCRIPTORS.iterdir())) == before


def test_connections_that_cannot_be_seen_for_want_of_descriptors_are_not_taken_to_be_gone(monkeypatch):
    def full(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(connection_watch.socket, "fromfd", full)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(OSError, match="Too many"):
        connection_watch._sockets(1)


async def test_only_the_connection_that_is_meant_is_shut_down():
    """A descriptor may be another socket's by the time it is shut down."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not connection_watch._shut_down(ours.fileno(), Peer("10.0.0.1", 5))
        theirs.send(b"x")
        assert ours.recv(1) == b"x"


def test_descriptors_are_raised_as_far_as_the_system_lets_and_no_further():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        assert make_room(300) is None
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
        if hard != resource.RLIM_INFINITY:
            assert make_room(hard + 1) == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
