"""The wire between hosts: what arrives, what is lost, what is late; and real hosts where this machine allows them."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator

import pytest

from umi_lab.chaos.network import Host, Network, Trouble, network, why_not
from umi_lab.chaos.process import Process
from umi_shared.errors import ConfigError

PACKETS = 400
ECHO = """
import socket, sys
here = socket.create_server(("0.0.0.0", 7))
print("{}", flush=True)
while True:
    conversation, _ = here.accept()
    conversation.sendall(conversation.recv(9))
    conversation.close()
"""
ASKER = """
import json, socket, sys
print("{}", flush=True)
for line in sys.stdin:
    try:
        with socket.create_connection((json.loads(line)["address"], 7), timeout=1.5) as conversation:
            conversation.sendall(b"x")
            said = conversation.recv(9).decode()
    except OSError as error:
        said = type(error).__name__
    print(json.dumps({"said": said}), flush=True)
"""


class Wire:
    """Two hosts whose interfaces are pairs of sockets, and what came to the second."""

    def __init__(self) -> None:
        self.ends: list[tuple[socket.socket, socket.socket]] = [
            socket.socketpair(type=socket.SOCK_DGRAM) for _ in range(2)
        ]
        for end in (one for pair in self.ends for one in pair):
            end.setblocking(False)
        self.hosts = [
            Host(name, number, near.fileno())
            for number, (name, (near, _)) in enumerate(zip("ab", self.ends, strict=True), 1)
        ]
        self.network = Network(self.hosts)

    def send(self, count: int = 1, *, back: bool = False) -> None:
        """Packets from the first host to the second, or `back`."""
        sender, receiver = reversed(self.hosts) if back else self.hosts
        for _ in range(count):
            header = bytearray(20)
            header[0] = 4 << 4
            header[16:20] = socket.inet_aton(receiver.address)
            self.ends[self.hosts.index(sender)][1].send(header)
            self.network.carry(sender)

    def came(self, *, back: bool = False) -> int:
        """How many came since the last look."""
        count = 0
        try:
            while os.read(self.ends[0 if back else 1][1].fileno(), 99):
                count += 1
        except BlockingIOError:
            return count
        return count


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A wire that nothing troubles."""
    made = Wire()
    yield made
    for end in (one for pair in made.ends for one in pair):
        end.close()


async def test_packets_arrive_where_nothing_troubles_them(wire):
    for back in (False, True):
        wire.send(3, back=back)
        assert wire.came(back=back) == 3


async def test_a_packet_to_nobody_goes_nowhere(wire):
    wire.hosts[1].address = "10.77.0.99"
    wire.network.hosts["b"] = Host("b", 2, wire.hosts[1].tun)
    wire.send()
    assert wire.came() == 0


async def test_one_direction_may_be_shut_alone(wire):
    with wire.network.trouble(Trouble(host="a", hears=False, lost=1.0)):
        wire.send()
        wire.send(back=True)
        assert (wire.came(), wire.came(back=True)) == (0, 1)
    wire.send()
    assert wire.came() == 1


async def test_a_share_is_lost_and_two_troubles_lose_more(wire):
    with wire.network.trouble(Trouble(host="a", lost=0.5)):
        for _ in range(PACKETS):
            wire.send()
            wire.came()
        arrived = 0
        with wire.network.trouble(Trouble(host="b", lost=0.5)):
            for _ in range(PACKETS):
                wire.send()
                arrived += wire.came()
    assert 0.15 * PACKETS < arrived < 0.35 * PACKETS


async def test_a_late_packet_arrives_when_its_time_has_come(wire):
    loop = asyncio.get_running_loop()
    began = loop.time()
    with wire.network.trouble(Trouble(host="b", delay_seconds=0.05, jitter_seconds=0.05)):
        wire.send()
    assert wire.came() == 0
    await loop.sock_recv(wire.ends[1][1], 99)
    assert loop.time() - began >= 0.05


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
async def test_real_hosts_reach_each_other_unless_a_link_is_down_and_come_back_at_another_address(tmp_path):
    async with network(("a", "b")) as made:
        echo = Process((*made.hosts["b"].enter, sys.executable, "-c", ECHO), tmp_path / "echo.log")
        asker = Process((*made.hosts["a"].enter, sys.executable, "-c", ASKER), tmp_path / "asker.log")

        async def asked() -> str:
            answer = await asker.ask({"address": made.hosts["b"].address})
            assert answer is not None
            return str(answer["said"])

        try:
            await asyncio.gather(echo.start(), asker.start())
            assert await asked() == "x"
            down = asyncio.create_task(made.disturb("link down", "b", 2.0))
            await asyncio.sleep(0.2)
            assert await asked() == "TimeoutError"
            await down
            assert await asked() == "x"
            old = made.hosts["b"].address
            await made.disturb("new address", "b", 0.0)
            assert made.hosts["b"].address != old
            assert await asked() == "x"
        finally:
            await asker.kill()
            await echo.kill()


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
async def test_what_cannot_be_done_there_says_what_was_tried():
    async with network(("a",)) as made:
        host = made.hosts["a"]
        with pytest.raises(ConfigError, match="ip link set nothing up"):
            await host.ip("link", "set", "nothing", "up")
    assert host.tun == -1, "a packet that is late would go into another file"


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_a_machine_that_lets_a_host_be_made_but_not_set_up_says_why_not(monkeypatch):
    def refuse(*command: str) -> None:
        raise ConfigError(f"`{' '.join(command)}` failed: Operation not permitted")

    monkeypatch.setattr("umi_lab.chaos.network._run", refuse)
    assert "Operation not permitted" in str(why_not())
