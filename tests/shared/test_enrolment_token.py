"""The token's text: it comes back whole, or says that it does not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_shared.enrolment_token import (
    PREFIX,
    EnrolmentToken,
    TokenError,
    _base32,
    _checksum,
    join_address,
    split_address,
)
from umi_shared.errors import ConfigError

TOKEN = EnrolmentToken(
    device="alices-laptop",
    enrolment_address="planner.example:7444",
    service_address="[2001:db8::1]:7443",
    server_fingerprint=bytes(range(32)),
    secret=bytes(range(100, 120)),
)
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def test_a_token_comes_back_whole():
    assert EnrolmentToken.parse(TOKEN.text()) == TOKEN


def test_a_token_is_one_word_that_a_double_click_selects():
    assert TOKEN.text().isalnum()
    assert TOKEN.text().isascii()


def test_case_and_line_breaks_do_not_matter():
    text = TOKEN.text().upper()
    assert EnrolmentToken.parse(f"  {text[:40]}\r\n{text[40:90]} {text[90:]}\n") == TOKEN


@given(st.integers(0, len(TOKEN.text()) - 1), st.sampled_from(ALPHABET))
def test_every_single_mistyped_character_is_found(position, character):
    text = TOKEN.text()
    if text[position] != character:
        with pytest.raises(TokenError):
            EnrolmentToken.parse(text[:position] + character + text[position + 1 :])


@given(st.integers(0, len(TOKEN.text()) - 1))
def test_every_cut_is_found(length):
    with pytest.raises(TokenError):
        EnrolmentToken.parse(TOKEN.text()[:length])


@given(st.text(max_size=300))
def test_any_text_is_a_token_error_that_quotes_nothing_of_it(text):
    with pytest.raises(TokenError) as caught:
        EnrolmentToken.parse(text)
    fixed = str(caught.value)
    assert len(text.strip()) < 6 or text.strip() not in fixed


@given(st.binary(max_size=200))
def test_any_bytes_with_a_good_checksum_are_a_token_or_a_plain_error(body):
    """A hostile token can have a right checksum."""
    with contextlib.suppress(ConfigError):
        EnrolmentToken.parse(PREFIX + _base32(body + _checksum(body)))


def test_a_token_that_is_much_too_long_is_not_even_decoded():
    with pytest.raises(TokenError, match="too long"):
        EnrolmentToken.parse("umi1" + "a" * 1_000_000)


def test_the_secret_is_in_no_repr_and_no_error():
    assert TOKEN.secret_text not in repr(TOKEN)
    assert repr(TOKEN.secret) not in repr(TOKEN)
    with pytest.raises(TokenError) as caught:
        EnrolmentToken.parse(TOKEN.text()[:-1])
    assert caught.value.__cause__ is None
    assert TOKEN.text()[:20] not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "host",
        "host:",
        ":1",
        "host:0",
        "host:65536",
        "host:1x",
        "ho st:1",
        "a:b:1",
        "::1:1",
        "h:١",
        "x/y:1",
    ],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="not an address"):
        split_address(address)


@pytest.mark.parametrize("address", ["localhost:1", "10.0.0.1:65535", "[::1]:7443", "a-b.example:80"])
def test_an_address_splits_and_joins(address):
    assert join_address(*split_address(address)) == address
