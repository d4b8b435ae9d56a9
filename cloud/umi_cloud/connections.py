"""Which open connections go on: caps by address and by device. Decisions only; `connection_watch` carries them out.

Covered: silent connections, also thousands from one address; a device that opens ever more; connections of a device
that was shut out. Not covered: a flood from thousands of addresses, which only the network's own filters stop; it can
fill the connections of this port, and not those of the other.
"""

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

__all__ = ["ConnectionLimits", "Peer", "Seen", "excess"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How many connections the service port has, for whom, and for how long."""

    open: int = 4096
    """Connections at once; the server raises its limit of descriptors to hold them, or does not start."""
    strangers_per_address: int = 64
    """Connections from one IPv4 address or IPv6 /64 over which no request was let in yet."""
    per_device: int = 16
    """Connections of one device's certificate: a stolen one that was replaced takes nothing from the next."""
    handshake_seconds: float = 10.0
    """How long a TLS handshake may take."""
    silent_seconds: float = 30.0
    """How long a connection may be open before its first request that is let in."""
    idle_seconds: float = 600.0
    """How long a connection may have no request; laptops open another by themselves."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The far end of a connection.

    >>> Peer.of("::ffff:10.0.0.1", 5000).network, Peer.of("2001:db8::1", 1).network
    ('10.0.0.1', '2001:db8::/64')
    """

    address: str
    port: int

    @classmethod
    def of(cls, address: str, port: int) -> "Peer":
        """With an IPv4 address as such, however the socket spells it."""
        found = ipaddress.ip_address(address.partition("%")[0])
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return cls(str(mapped or found), port)

    @property
    def network(self) -> str:
        """The address; of IPv6 the /64, since one host may own all of it."""
        found = ipaddress.ip_address(self.address)
        if isinstance(found, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((found, 64), strict=False))
        return self.address


@dataclass(frozen=True, slots=True)
class Seen:
    """An open connection, and since when this server has seen it."""

    peer: Peer
    since: float


def excess(
    connections: Iterable[Seen],
    certificates: Mapping[Peer, str],
    limits: ConnectionLimits,
    now: float,
    *,
    proxies: Collection[str] = (),
) -> frozenset[Peer]:
    """The connections to end: strangers that are silent for too long, and the newest above a cap.

    `certificates` has the serial number for each peer whose device was let in. From the networks of `proxies` come
    named proxies, which open many at once when they start: no cap by address there.
    """
    strangers: Counter[str] = Counter()
    owned: defaultdict[str, int] = defaultdict(int)
    ended = set()
    for seen in sorted(connections, key=lambda seen: seen.since):
        certificate = certificates.get(seen.peer)
        if certificate is None:
            strangers[seen.peer.network] += 1
            over = (
                strangers[seen.peer.network] > limits.strangers_per_address
                and seen.peer.network not in proxies
            )
            if over or now - seen.since > limits.silent_seconds:
                ended.add(seen.peer)
        else:
            owned[certificate] += 1
            if owned[certificate] > limits.per_device:
                ended.add(seen.peer)
    return frozenset(ended)
