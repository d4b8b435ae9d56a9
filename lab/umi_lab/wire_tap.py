"""A tap on the wire: a TCP proxy on loopback that keeps what leaves, and the gRPC messages in it.

It reads HTTP/2 frames by their nine-byte heads (RFC 9113, section 4.1) and the messages by their five-byte prefix;
headers it keeps as bytes and does not decode. Plaintext only: it is for measuring umi, not for watching others.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from umi_edge.ledger.capture import Frame

__all__ = ["WireTap", "messages_of", "tapped"]

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD, _PREFIX = 9, 5
_DATA, _PADDED = 0, 8


@dataclass(slots=True)
class WireTap:
    """What left through the tap, a log a connection."""

    upstream: str
    address: str = ""
    logs: list[bytearray] = field(default_factory=list, repr=False)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set, repr=False)

    @property
    def bytes_out(self) -> bytes:
        """All that left, connection after connection."""
        return b"".join(self.logs)

    @property
    def frames(self) -> list[Frame]:
        """Every gRPC message that left."""
        return [Frame("", message) for log in self.logs for message in messages_of(bytes(log))]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        host, _, port = self.upstream.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        self._writers |= {writer, back}
        log = bytearray()
        self.logs.append(log)
        await asyncio.gather(_pump(reader, back, log), _pump(there, writer, bytearray()))

    def cut(self) -> None:
        """Drop every connection."""
        for writer in self._writers:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: bytearray) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            log += piece
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def tapped(upstream: str) -> AsyncIterator[WireTap]:
    """A tap in front of an address, on a free port."""
    tap = WireTap(upstream)
    server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
    tap.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tap
    finally:
        server.close()
        tap.cut()
        await server.wait_closed()


def messages_of(raw: bytes) -> Iterator[bytes]:
    r"""The gRPC messages that one connection sent, by the stream that carried them.

    >>> data = b"\0\0\0\0\2hi"
    >>> list(messages_of(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\7" + b"\0" + b"\1" + b"\0\0\0\1" + data))
    [b'hi']
    """
    bodies: dict[int, bytearray] = defaultdict(bytearray)
    at = len(_PREFACE)
    while at + _HEAD <= len(raw):
        length = int.from_bytes(raw[at : at + 3], "big")
        payload = raw[at + _HEAD : at + _HEAD + length]
        if raw[at + 3] == _DATA:
            padding = 1 + payload[0] if raw[at + 4] & _PADDED else 0
            body = payload[1 : len(payload) - padding + 1] if padding else payload
            bodies[int.from_bytes(raw[at + 5 : at + _HEAD], "big") & 0x7FFFFFFF] += body
        at += _HEAD + length
    for sent in bodies.values():
        yield from _unframed(bytes(sent))


def _unframed(body: bytes) -> Iterator[bytes]:
    at = 0
    while at + _PREFIX <= len(body):
        end = at + _PREFIX + int.from_bytes(body[at + 1 : at + _PREFIX], "big")
        yield body[at + _PREFIX : end]
        at = end
