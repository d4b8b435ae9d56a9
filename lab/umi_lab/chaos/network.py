"""Hosts in network namespaces of their own, and all that may go wrong between them.

Each host has one interface, the kernel's own TCP, and nothing else: no way to the machine's network. What it sends
comes out of that interface (a TUN device) here and goes into that of the host with the address; on the way it may be
lost, late or stopped in one direction. Linux's netem does that in the kernel, and many kernels are built without it. A
namespace ends with the processes in it, its keeper with this one: nothing else is left behind. It needs root.
"""

import asyncio
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from umi_lab.chaos.kinds import LAPTOP, PLACES, Kind
from umi_shared.errors import ConfigError

__all__ = ["KINDS", "NETWORK", "Host", "Network", "Trouble", "network", "why_not"]

NETWORK = "10.77.0.0/24"
_LONGEST = 12.0
KINDS = {
    "link down": Kind(places=PLACES, longest=_LONGEST),
    "loss": Kind(places=PLACES, longest=_LONGEST),
    "delay": Kind(places=PLACES, longest=_LONGEST),
    "cannot send": Kind(places=PLACES, longest=_LONGEST),
    "cannot hear": Kind(places=PLACES, longest=_LONGEST),
    "new address": Kind(places=(LAPTOP,)),
}
"""What may go wrong, and where: as a laptop that roams has it, and as racks and their switches have it."""
_LOST = 0.25
_DELAY_SECONDS, _JITTER_SECONDS = 0.3, 0.2
_TUN, _PACKETS_ALONE = 0x0001, 0x1000
_MAKE_TUN = 0x400454CA  # TUNSETIFF of linux/if_tun.h
_TUN_DEVICE = Path("/dev/net/tun")
_MOST_BYTES = 65_536
_AT_ONCE = 64
_PROGRAMS = ("ip", "unshare", "nsenter", "setpriv", "cat")
_INTERFACE = "net0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What happens to packets of one host, or to it, while it lasts."""

    host: str
    sends: bool = True
    """Whether it is what the host sends that suffers."""
    hears: bool = True
    """Whether it is what is sent to it."""
    lost: float = 0.0
    """The share that does not arrive."""
    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    """How much later than that, at most: packets overtake each other."""

    def strikes(self, sender: str, receiver: str) -> bool:
        """Whether a packet between these two suffers."""
        return (self.sends and sender == self.host) or (self.hears and receiver == self.host)


_OF_KIND = {
    "loss": Trouble(host="", lost=_LOST),
    "delay": Trouble(host="", delay_seconds=_DELAY_SECONDS, jitter_seconds=_JITTER_SECONDS),
    "cannot send": Trouble(host="", hears=False, lost=1.0),
    "cannot hear": Trouble(host="", sends=False, lost=1.0),
}


class Host:
    """One host."""

    def __init__(self, name: str, number: int, tun: int, enter: tuple[str, ...] = ()) -> None:
        """`tun` is the near end of its interface, `enter` what a command begins with that runs there."""
        self.name = name
        self.address = _address(number)
        self.tun = tun
        self.enter = enter

    async def ip(self, *arguments: str) -> None:
        """Run `ip` there. Raises ConfigError."""
        await asyncio.to_thread(_run, *self.enter, "ip", *arguments)

    async def move(self, number: int) -> None:
        """Another address than until now; what was open over the old one hears nothing of it."""
        await self.ip("address", "flush", "dev", _INTERFACE)
        self.address = _address(number)
        await self.ip("address", "add", f"{self.address}/24", "dev", _INTERFACE)


class Network:
    """The hosts, and the wire between them."""

    kinds = KINDS

    def __init__(self, hosts: Sequence[Host], seed: int = 0) -> None:
        """`seed` chooses what is lost, and how late the rest is."""
        self.hosts = {host.name: host for host in hosts}
        self._draw = random.Random(seed)  # noqa: S311  # a test's choice
        self._troubles: list[Trouble] = []
        self._next = 100

    async def disturb(self, kind: str, where: str, seconds: float) -> None:
        """Let something of `KINDS` happen for a while. A new address stays. Raises ConfigError."""
        host = self.hosts[where]
        match kind:
            case "link down":
                await host.ip("link", "set", _INTERFACE, "down")
                await asyncio.sleep(seconds)
                await host.ip("link", "set", _INTERFACE, "up")
            case "new address":
                self._next += 1
                await host.move(self._next)
            case _:
                with self.trouble(replace(_OF_KIND[kind], host=where)):
                    await asyncio.sleep(seconds)

    @contextmanager
    def trouble(self, trouble: Trouble) -> Iterator[None]:
        """Packets suffer; several troubles add up."""
        self._troubles.append(trouble)
        try:
            yield
        finally:
            self._troubles.remove(trouble)

    def carry(self, sender: Host) -> None:
        """Take what a host has sent, and pass it on."""
        for _ in range(_AT_ONCE):
            try:
                packet = os.read(sender.tun, _MOST_BYTES)
            except BlockingIOError:
                return
            receiver = self._receiver(packet)
            if receiver is not None:
                self._pass_on(packet, sender, receiver)

    def _receiver(self, packet: bytes) -> Host | None:
        if packet[0] >> 4 != 4:  # the kernel looks for routers of IPv6
            return None
        address = socket.inet_ntoa(packet[16:20])
        return next((host for host in self.hosts.values() if host.address == address), None)

    def _pass_on(self, packet: bytes, sender: Host, receiver: Host) -> None:
        delay = 0.0
        for trouble in self._troubles:
            if trouble.strikes(sender.name, receiver.name):
                if self._draw.random() < trouble.lost:
                    return
                delay += trouble.delay_seconds + self._draw.uniform(0.0, trouble.jitter_seconds)
        if delay:
            asyncio.get_running_loop().call_later(delay, _arrive, packet, receiver)
        else:
            _arrive(packet, receiver)


@asynccontextmanager
async def network(names: Sequence[str] = PLACES) -> AsyncIterator[Network]:
    """Hosts of these names. Raises ConfigError where this machine cannot."""
    loop = asyncio.get_running_loop()
    keepers: list[subprocess.Popen[bytes]] = []
    hosts: list[Host] = []
    try:
        for number, name in enumerate(names, 1):
            host, keeper = await asyncio.to_thread(_host, name, number)
            hosts.append(host)
            keepers.append(keeper)
        made = Network(hosts)
        for host in hosts:
            loop.add_reader(host.tun, made.carry, host)
        yield made
    finally:
        for host in hosts:
            loop.remove_reader(host.tun)
            _close(host)
        for keeper in keepers:
            keeper.communicate()


def why_not() -> str | None:
    """Why this machine cannot have hosts of its own; None where it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid():
        return "network namespaces need root"
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"network namespaces need {', '.join(missing)} (Debian: iproute2 and util-linux)"
    try:
        host, keeper = _host("one", 1)
        _close(host)
        keeper.communicate()
    except (ConfigError, OSError) as error:
        return f"this machine allows no network namespaces or no TUN device: {error}"
    return None


def _address(number: int) -> str:
    return f"{NETWORK.rpartition('.')[0]}.{number}"


def _arrive(packet: bytes, receiver: Host) -> None:
    with suppress(OSError):  # its link is down, or all is over
        os.write(receiver.tun, packet)


def _host(name: str, number: int) -> "tuple[Host, subprocess.Popen[bytes]]":
    """A host, and what keeps it. Raises ConfigError and OSError."""
    keeper = _keeper()
    try:
        tun, interface = _tun()
        host = Host(name, number, tun, ("nsenter", f"--net=/proc/{keeper.pid}/ns/net"))
        try:
            _run("ip", "link", "set", interface, "netns", str(keeper.pid), "name", _INTERFACE)
            for command in (
                ("link", "set", "lo", "up"),
                ("address", "add", f"{host.address}/24", "dev", _INTERFACE),
                ("link", "set", _INTERFACE, "up"),
            ):
                _run(*host.enter, "ip", *command)
        except BaseException:
            _close(host)
            raise
    except BaseException:
        keeper.communicate()
        raise
    return host, keeper


def _close(host: Host) -> None:
    """What is still late for it goes nowhere: not into the next file that gets its descriptor."""
    tun, host.tun = host.tun, -1
    os.close(tun)


def _keeper() -> "subprocess.Popen[bytes]":
    """A process with a new network namespace, which ends when its input does. Raises ConfigError."""
    keeper = subprocess.Popen(
        ["unshare", "--net", "cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert keeper.stdin is not None  # noqa: S101  # it was asked for
    assert keeper.stdout is not None  # noqa: S101  # it was asked for
    with suppress(BrokenPipeError):
        keeper.stdin.write(b"\n")
        keeper.stdin.flush()
    if not keeper.stdout.readline():  # it ended instead
        _, said = keeper.communicate()
        raise ConfigError(f"no network namespace can be made: {said.decode(errors='replace').strip()}")
    return keeper


def _tun() -> tuple[int, str]:
    """A new TUN device and its name."""
    import fcntl  # noqa: PLC0415  # Windows has none, and relays

    tun = os.open(_TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        asked = struct.pack("16sH22x", b"umi%d", _TUN | _PACKETS_ALONE)
        made: bytes = fcntl.ioctl(tun, _MAKE_TUN, asked)
    except OSError:
        os.close(tun)
        raise
    return tun, made[:16].rstrip(b"\0").decode()


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
