"""What passes the socket: a TCP proxy on loopback that keeps every byte, and a reader of HTTP/2 frames."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import IntEnum

from tests.end_to_end.hpack import HeaderReader

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_HEADERS = 4


class FrameKind(IntEnum):
    """The frames that carry a request (RFC 9113, section 6)."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One HTTP/2 frame (RFC 9113, section 4.1)."""

    kind: int
    flags: int
    stream: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it left: its headers, its bytes, and how it was reset, if it was."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    reset: bytes

    @property
    def message(self) -> bytes:
        """The gRPC message, without its five bytes of prefix."""
        assert self.body[:1] == b"\0", "a compressed message"
        assert int.from_bytes(self.body[1:5], "big") == len(self.body) - 5, "not one message"
        return self.body[5:]


@dataclass(slots=True)
class Capture:
    """A proxy between a session and its cloud; `outbound` has each connection's bytes from the session."""

    upstream: str
    address: str = ""
    outbound: list[bytearray] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _refusing: bool = False

    @property
    def bytes_out(self) -> bytes:
        """All that left, connection after connection."""
        return b"".join(map(bytes, self.outbound))

    @property
    def requests(self) -> list[Sent]:
        """Every request, in order."""
        return [sent for connection in self.outbound for sent in requests_of(bytes(connection))]

    def cut(self, *, refuse: bool = False) -> None:
        """Drop every connection, as a dying server does; with `refuse`, take no new one."""
        self._refusing = refuse
        for writer in self._writers:
            writer.transport.abort()

    def heal(self) -> None:
        """Take connections again."""
        self._refusing = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        host, _, port = self.upstream.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        self._writers |= {writer, back}
        log = bytearray()
        self.outbound.append(log)
        try:
            await asyncio.gather(_pump(reader, back, log), _pump(there, writer, bytearray()))
        finally:
            self._writers -= {writer, back}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: bytearray) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            log += piece
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def captured(upstream: str) -> AsyncIterator[Capture]:
    """A proxy to an address, on a free port."""
    capture = Capture(upstream)
    server = await asyncio.start_server(capture._serve, "127.0.0.1", 0)
    capture.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield capture
    finally:
        server.close()
        capture.cut()
        await server.wait_closed()


def frames_of(raw: bytes) -> list[Frame]:
    """The frames that one connection sent; a frame cut short at the end is left out."""
    assert PREFACE.startswith(raw[: len(PREFACE)]), "not HTTP/2"
    frames, at = [], len(PREFACE)
    while at + 9 <= len(raw):
        length = int.from_bytes(raw[at : at + 3], "big")
        if at + 9 + length > len(raw):
            break
        stream = int.from_bytes(raw[at + 5 : at + 9], "big") & 0x7FFFFFFF
        frames.append(Frame(raw[at + 3], raw[at + 4], stream, raw[at + 9 : at + 9 + length]))
        at += 9 + length
    return frames


def requests_of(raw: bytes) -> list[Sent]:
    """The requests of one connection, in the order in which they began.

    Settings, window updates and pings are left out: when they are sent depends on the scheduler, and HTTP/2
    stacks put nothing of a message into them.
    """
    streams: dict[int, Sent] = {}
    reader = HeaderReader()
    for frame in frames_of(raw):
        sent = streams.get(frame.stream, Sent((), b"", b""))
        match frame.kind:
            case FrameKind.HEADERS:
                assert frame.flags & END_HEADERS, "a header block in several frames"
                streams[frame.stream] = replace(sent, headers=sent.headers + reader.read(frame.payload))
            case FrameKind.DATA:
                streams[frame.stream] = replace(sent, body=sent.body + frame.payload)
            case FrameKind.RST_STREAM:
                streams[frame.stream] = replace(sent, reset=frame.payload)
    return list(streams.values())
