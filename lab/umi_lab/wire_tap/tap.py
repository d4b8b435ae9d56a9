"""The tap: a TCP proxy on loopback that keeps every byte that a client sends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from umi_edge.ledger.capture import Frame
from umi_lab.wire_tap.http2 import Request, requests_of

__all__ = ["WireTap", "tapped"]

_PIECE_BYTES = 1 << 16


@dataclass(slots=True)
class WireTap:
    """A proxy between a client and `upstream` (host:port), and what the client has sent through it."""

    upstream: str
    address: str = ""
    """Where the proxy listens, as host:port."""
    connections: list[bytearray] = field(default_factory=list, repr=False)
    """The bytes that the client sent, for each connection in the order in which it was made."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set, repr=False)
    _refuses: bool = False

    @property
    def bytes_out(self) -> bytes:
        """All bytes that the client sent, connection after connection."""
        return b"".join(self.connections)

    @property
    def requests(self) -> list[Request]:
        """Every request, also those that were cut off. Raises `WireError` for bytes that cannot be read."""
        return [request for sent in self.connections for request in requests_of(bytes(sent))]

    @property
    def frames(self) -> list[Frame]:
        """Every whole gRPC message, as the ledger is reconciled with. Raises `WireError`."""
        return [Frame(request.path, message) for request in self.requests for message in request.messages]

    def cut(self, *, refuse: bool = False) -> None:
        """Drop every connection, as a dying server does; with `refuse`, take no new one until `heal`."""
        self._refuses = refuse
        for writer in self._writers:
            writer.transport.abort()

    def heal(self) -> None:
        """Take connections again."""
        self._refuses = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until both sides have ended it."""
        if self._refuses:
            writer.transport.abort()
            return
        host, _, port = self.upstream.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        self._writers |= {writer, back}
        sent = bytearray()
        self.connections.append(sent)
        try:
            await asyncio.gather(_pump(reader, back, sent), _pump(there, writer, bytearray()))
        finally:
            self._writers -= {writer, back}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE_BYTES):
            kept += piece
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def tapped(upstream: str) -> AsyncIterator[WireTap]:
    """A tap in front of an address (host:port), on a free port of this machine; its connections end with it."""
    tap = WireTap(upstream)
    server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
    tap.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tap
    finally:
        server.close()
        tap.cut()
        await server.wait_closed()
