"""The requests in what left are found, however HTTP/2 cut them up; what cannot be read is refused."""

import pytest

from umi_lab.wire_tap import PREFACE, Request, WireError, requests_of

DATA, HEADERS, SETTINGS, RESET, WINDOW, CONTINUATION = 0, 1, 4, 3, 8, 9
END_HEADERS, PADDED, PRIORITY = 4, 8, 0x20


def frame(kind: int, stream: int, payload: bytes, flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def messages_of(raw: bytes) -> list[bytes]:
    return [message for request in requests_of(raw) for message in request.messages]


@pytest.mark.parametrize("cut", [1, 3, 7, 1000])
def test_a_message_cut_into_frames_is_one_message(cut):
    body = framed(b"a long message") + framed(b"") + framed(b"another")
    raw = PREFACE + b"".join(frame(DATA, 1, body[at : at + cut]) for at in range(0, len(body), cut))
    assert messages_of(raw) == [b"a long message", b"", b"another"]


def test_streams_that_take_turns_are_told_apart_and_other_frames_left_out():
    one, two = framed(b"first"), framed(b"second")
    raw = PREFACE + frame(SETTINGS, 0, b"settings") + frame(HEADERS, 1, b"\x83\x84", END_HEADERS)
    raw += (
        frame(DATA, 1, one[:4])
        + frame(DATA, 3, two[:8])
        + frame(WINDOW, 0, b"wind")
        + frame(DATA, 1, one[4:])
    )
    first, second = requests_of(raw + frame(DATA, 3, two[8:]) + frame(RESET, 3, b"\0\0\0\x08"))
    assert (first.message, first.path, first.reset) == (b"first", "/", b"")
    assert (second.message, second.path, second.reset) == (b"second", "", b"\0\0\0\x08")


def test_padding_is_no_part_of_a_message_or_a_header():
    raw = PREFACE + frame(HEADERS, 1, b"\x02\x84\0\0", flags=END_HEADERS | PADDED)
    raw += frame(DATA, 1, b"\x03" + framed(b"padded") + b"\0\0\0", flags=PADDED)
    (request,) = requests_of(raw)
    assert (request.path, request.messages) == ("/", [b"padded"])


def test_what_was_cut_off_is_no_whole_message():
    raw = PREFACE + frame(DATA, 1, framed(b"whole") + framed(b"cut off")[:9])
    (request,) = requests_of(raw + frame(DATA, 1, b"more")[:-1])
    assert request.messages == [b"whole"]
    with pytest.raises(WireError, match="not one whole message"):
        _ = request.message


@pytest.mark.parametrize("body", [b"", b"\1" + framed(b"zip")[1:]])
def test_a_compressed_message_is_refused(body):
    with pytest.raises(WireError, match="compressed"):
        _ = Request(body=body).message


@pytest.mark.parametrize(
    "frames",
    [
        frame(HEADERS, 1, b"\x84"),
        frame(HEADERS, 1, bytes(5) + b"\x84", END_HEADERS | PRIORITY),
        frame(CONTINUATION, 1, b"\x84", END_HEADERS),
    ],
)
def test_headers_as_grpc_does_not_write_them_are_refused(frames):
    with pytest.raises(WireError, match="several frames"):
        requests_of(PREFACE + frames)


def test_what_is_not_http2_is_refused():
    with pytest.raises(WireError, match="not HTTP/2"):
        requests_of(b"\x16\x03\x01 a TLS hello, which is longer than a preface")
