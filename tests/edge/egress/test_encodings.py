"""Bytes read back from an encoding: a value is found wherever it stands in a longer text that was encoded."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.egress.encodings import decoded_bytes, decoded_texts

VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=8, max_size=20)
NOISE = st.binary(max_size=6)


def finds(raw: bytes, message: bytes) -> bool:
    needle = raw.decode("latin-1").lower()
    for one in decoded_bytes(message):
        at = one.text.find(needle)
        while at >= 0:
            if one.holds(at, at + len(needle)):
                return True
            at = one.text.find(needle, at + 1)
    return False


@given(VALUES, NOISE, NOISE, NOISE, NOISE, st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_a_value_within_what_was_encoded_as_base64_is_found(value, before, within, after, end, encode):
    encoded = encode(within + value.encode() + end).rstrip(b"=")
    assert finds(value.encode(), before + b'"' + encoded + b'"' + after)


@given(VALUES, NOISE, NOISE, st.booleans())
def test_a_value_in_hex_is_found_at_either_offset(value, before, after, upper):
    encoded = value.encode().hex()
    assert finds(value.encode(), before + (encoded.upper() if upper else encoded).encode() + after)


@given(VALUES)
def test_a_value_under_escapes_is_found_in_bytes_and_in_text(value):
    for escaped in (quote(value, safe=""), json.dumps(value)[1:-1], json.dumps(json.dumps(value))[1:-1]):
        texts = [escaped, *decoded_texts(escaped)]
        texts += [twice for text in texts for twice in decoded_texts(text)]
        assert any(value in text for text in texts)
    assert finds(value.encode(), quote(value, safe="").encode())
    assert finds(value.encode(), json.dumps(value)[1:-1].encode())


@pytest.mark.parametrize(
    "text", [b"4k4j4h4g4f4e4d4c", b"plain words of no code at all", b"", b"\x00" * 9, b"a"]
)
def test_noise_between_characters_of_a_code_is_no_finding(text):
    assert not finds(b"@@@@", text)
    assert not finds(b"\x00\x00\x00\x00\x00\x00\x00\x00", b"not hex, not base64! ;;;;;;;;")


@given(st.binary(max_size=300))
def test_any_bytes_are_read(raw):
    assert next(iter(decoded_bytes(raw))).source == raw


def test_reading_takes_time_linear_in_the_message():
    assert len(list(decoded_bytes(b"\\u00e9%41" * 200_000))) == 3
    assert len(list(decoded_bytes(b"abcdef01" * 200_000))) == 7
