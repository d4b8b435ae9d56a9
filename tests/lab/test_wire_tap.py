"""The tap finds the messages in what left, however HTTP/2 cut them up."""

import pytest

from umi_lab.wire_tap import messages_of

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, stream: int, payload: bytes, flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize("cut", [1, 3, 7, 1000])
def test_a_message_cut_into_frames_is_one_message(cut):
    body = framed(b"a long message") + framed(b"") + framed(b"another")
    raw = PREFACE + b"".join(frame(0, 1, body[at : at + cut]) for at in range(0, len(body), cut))
    assert list(messages_of(raw)) == [b"a long message", b"", b"another"]


def test_streams_that_take_turns_are_told_apart_and_other_frames_left_out():
    one, two = framed(b"first"), framed(b"second")
    raw = PREFACE + frame(4, 0, b"settings") + frame(1, 1, b"headers")
    raw += frame(0, 1, one[:4]) + frame(0, 3, two[:8]) + frame(8, 0, b"wind") + frame(0, 1, one[4:])
    assert list(messages_of(raw + frame(0, 3, two[8:]))) == [b"first", b"second"]


def test_padding_is_no_part_of_a_message():
    raw = PREFACE + frame(0, 1, b"\x03" + framed(b"padded") + b"\0\0\0", flags=8)
    assert list(messages_of(raw)) == [b"padded"]
