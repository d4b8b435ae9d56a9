"""HTTP/2 as a gRPC client writes it: frames (RFC 9113, section 4.1) become requests with headers and messages."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum

from umi_lab.wire_tap.hpack import HeaderReader, WireError

__all__ = ["PREFACE", "FrameKind", "Request", "WireError", "requests_of"]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first."""
_HEAD_BYTES, _PREFIX_BYTES = 9, 5
_END_HEADERS, _PADDED, _PRIORITY = 0x4, 0x8, 0x20


class FrameKind(IntEnum):
    """The frames that carry a request (RFC 9113, section 6)."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    CONTINUATION = 9


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it left: its headers, its bytes, and the payload of the frame that reset it, if one did."""

    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    reset: bytes = b""

    @property
    def path(self) -> str:
        """The RPC, such as `/umi_proto.v1.Planner/Plan`; empty where no such header was sent."""
        return dict(self.headers).get(":path", "")

    @property
    def messages(self) -> list[bytes]:
        """The gRPC messages that were sent whole, without their five bytes of prefix."""
        return list(_messages(self.body))

    @property
    def message(self) -> bytes:
        """The one message of a unary request. Raises `WireError` unless the body is just that, uncompressed."""
        if self.body[:1] != b"\0":
            raise WireError("the message is compressed, or missing")
        if int.from_bytes(self.body[1:_PREFIX_BYTES], "big") != len(self.body) - _PREFIX_BYTES:
            raise WireError("the body is not one whole message")
        return self.body[_PREFIX_BYTES:]


@dataclass(frozen=True, slots=True)
class _Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def content(self) -> bytes:
        """The payload without padding."""
        if not self.flags & _PADDED:
            return self.payload
        return self.payload[1 : len(self.payload) - self.payload[0]]


def requests_of(raw: bytes) -> list[Request]:
    r"""The requests that a client sent on one connection, in the order in which they began.

    Settings, window updates and pings are left out: when they are sent depends on the scheduler, and HTTP/2
    stacks put nothing of a message into them. Raises `WireError` for bytes that are not HTTP/2, and for headers
    as gRPC does not write them.

    >>> headers, data = b"\0\0\1" + b"\1\4" + b"\0\0\0\1" + b"\x83", b"\0\0\7" + b"\0\1" + b"\0\0\0\1" + b"\0\0\0\0\2hi"
    >>> request, = requests_of(PREFACE + headers + data)
    >>> request.headers, request.message
    (((':method', 'POST'),), b'hi')
    """
    requests: dict[int, Request] = {}
    reader = HeaderReader()
    for frame in _frames_of(raw):
        request = requests.get(frame.stream, Request())
        match frame.kind:
            case FrameKind.HEADERS | FrameKind.CONTINUATION:
                if (
                    frame.kind != FrameKind.HEADERS
                    or frame.flags & (_END_HEADERS | _PRIORITY) != _END_HEADERS
                ):
                    raise WireError("a header block in several frames, or with a priority")
                headers = request.headers + reader.read(frame.content)
                requests[frame.stream] = replace(request, headers=headers)
            case FrameKind.DATA:
                requests[frame.stream] = replace(request, body=request.body + frame.content)
            case FrameKind.RST_STREAM:
                requests[frame.stream] = replace(request, reset=frame.payload)
    return list(requests.values())


def _frames_of(raw: bytes) -> Iterator[_Frame]:
    """The frames that one connection sent; a frame that is cut short at the end is left out."""
    if not PREFACE.startswith(raw[: len(PREFACE)]):
        raise WireError("this is not HTTP/2")
    at = len(PREFACE)
    while at + _HEAD_BYTES <= len(raw):
        end = at + _HEAD_BYTES + int.from_bytes(raw[at : at + 3], "big")
        if end > len(raw):
            return
        stream = int.from_bytes(raw[at + 5 : at + _HEAD_BYTES], "big") & 0x7FFFFFFF
        yield _Frame(raw[at + 3], raw[at + 4], stream, raw[at + _HEAD_BYTES : end])
        at = end


def _messages(body: bytes) -> Iterator[bytes]:
    at = 0
    while at + _PREFIX_BYTES <= len(body):
        end = at + _PREFIX_BYTES + int.from_bytes(body[at + 1 : at + _PREFIX_BYTES], "big")
        if end > len(body):
            return
        yield body[at + _PREFIX_BYTES : end]
        at = end
