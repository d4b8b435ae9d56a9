"""Looks at this process's connections now and then, and ends those that have no business here.

gRPC has no caps by address or by device. A socket that is shut down is to it one whose peer has left, so that is what
is done: under a descriptor of our own, and after looking once more that it is the socket that is meant.
"""

import asyncio
import errno
import logging
import os
import socket
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from umi_cloud.auth.identity import AuthContext, identify
from umi_cloud.connections import ConnectionLimits, Peer, Seen, excess
from umi_shared.errors import RefusedError

__all__ = ["ConnectionWatch", "make_room"]

LOOK_SECONDS = 1.0
COST_SHARE = 20
"""A look may take one part in so many of the time."""
WARN_SECONDS = 60.0
_DESCRIPTORS = Path("/dev/fd")
"""On Linux and macOS; Windows has none."""
_log = logging.getLogger("umi_cloud.connections")


class ConnectionWatch:
    """The connections of some ports. For one event loop."""

    def __init__(self, limits: ConnectionLimits, *, strangers_only: bool = False) -> None:
        """`strangers_only` is for a port where nobody shows a device."""
        self._limits = limits
        self._strangers_only = strangers_only
        self._since: dict[Peer, float] = {}
        self._shown: dict[Peer, str] = {}
        """The serial number of the certificate that a peer has shown."""
        self._admitted: set[Peer] = set()
        self._proxies: set[Peer] = set()
        """Connections of named proxies, which bring the calls of many."""
        self._port = 0

    def note(self, context: AuthContext, peer: str) -> None:
        """A request came over this connection (`ipv4:10.0.0.1:5000`, as gRPC writes it), and shows its certificate."""
        found = _peer(peer)
        if found is None or self._strangers_only:
            return
        with suppress(RefusedError):
            self._shown[found] = identify(context).serial

    def note_proxy(self, peer: str) -> None:
        """A request came over this connection, which a named proxy has made: no cap of one device counts for it."""
        if (found := _peer(peer)) is not None:
            self._proxies.add(found)

    def admitted(self, peer: str) -> None:
        """A request that came over this connection was let in; until then it is a stranger's."""
        found = _peer(peer)
        if found in self._shown:
            self._admitted.add(found)

    def revoked(self, serials: Iterable[str]) -> None:
        """Connections made with these certificates are a stranger's from now on, and have been silent for long."""
        shut_out = frozenset(serials)
        for peer in [peer for peer, serial in self._shown.items() if serial in shut_out]:
            del self._shown[peer]
            self._admitted.discard(peer)
            self._since[peer] = float("-inf")

    async def run(self, port: int) -> None:
        """Look at the connections of a port until cancelled."""
        self._port = port
        if not _tells():
            _log.warning("connections cannot be looked at on this system")
            return
        warned_at = float("-inf")
        while True:
            began = time.monotonic()
            try:
                ended = await self._look()
            except OSError as error:  # the system does not tell now: gRPC's own limits hold all the same
                ended = 0
                if began - warned_at >= WARN_SECONDS:
                    warned_at = began
                    _log.warning("connections cannot be looked at: %s", type(error).__name__)
            if ended:
                _log.warning("%d connections ended: silent, shut out, or too many from one place", ended)
            await asyncio.sleep(max(LOOK_SECONDS, COST_SHARE * (time.monotonic() - began)))

    async def _look(self) -> int:
        sockets = await asyncio.to_thread(_sockets, self._port)
        now = time.monotonic()
        self._since = {peer: self._since.get(peer, now) for peer in sockets}
        self._shown = {peer: serial for peer, serial in self._shown.items() if peer in sockets}
        self._admitted &= self._shown.keys()
        self._proxies &= sockets.keys()
        certificates = {peer: self._shown[peer] for peer in self._admitted}
        seen = [Seen(peer, since) for peer, since in self._since.items() if peer not in self._proxies]
        networks = frozenset(peer.network for peer in self._proxies)
        ending = excess(seen, certificates, self._limits, now, proxies=networks)
        return sum(_shut_down(sockets[peer], peer) for peer in ending)


def make_room(descriptors: int) -> int | None:
    """Let this process have so many descriptors; None, or how many it can have at most where that is fewer."""
    try:
        import resource  # noqa: PLC0415  # Windows has none, and no such limit
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= descriptors:
        return None
    if hard != resource.RLIM_INFINITY and hard < descriptors:
        return int(hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    return None


def _tells() -> bool:
    return _DESCRIPTORS.exists()


def _sockets(port: int) -> dict[Peer, int]:
    """Our connections at a port, and their descriptors. Raises `OSError` where the system does not tell."""
    found = {}
    for descriptor in [int(one.name) for one in _DESCRIPTORS.iterdir()]:
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue  # `fromfd` would leave its copy open
            with socket.fromfd(descriptor, -1, -1, -1) as one:
                if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == port:
                    found[Peer.of(*one.getpeername()[:2])] = descriptor
        except OSError as error:  # no socket, or none that is connected
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
    return found


def _shut_down(descriptor: int, peer: Peer) -> bool:
    """Whether the socket was still that of this peer, and is shut down."""
    with suppress(OSError), socket.fromfd(descriptor, -1, -1, -1) as ours:
        internet = ours.family in (socket.AF_INET, socket.AF_INET6)
        if internet and Peer.of(*ours.getpeername()[:2]) == peer:
            ours.shutdown(socket.SHUT_RDWR)
            return True
    return False


@lru_cache(maxsize=4096)
def _peer(text: str) -> Peer | None:
    """Read what gRPC calls a peer; cached, because a connection has the same at every call."""
    host, _, port = unquote(text).partition(":")[2].rpartition(":")
    try:
        return Peer.of(host.strip("[]"), int(port))
    except ValueError:
        return None
