"""Refusals on the wire: what goes in comes out, and a hostile peer's do no harm."""

import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from umi_shared.errors import RefusedError
from umi_shared.refusal import REFUSAL_KEY, refusal_from_metadata, refusal_metadata


def details(reason: str, domain: str = "umi", retry_seconds: int | None = None) -> list[tuple[str, bytes]]:
    status = status_pb2.Status()
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain))
    if retry_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = retry_seconds
        status.details.add().Pack(retry)
    return [(REFUSAL_KEY, status.SerializeToString())]


def test_reason_and_delay_come_back():
    error = RefusedError("slower", reason="RATE_LIMITED", retry_after_seconds=1.5, fix="wait")
    read = refusal_from_metadata(refusal_metadata(8, error))
    assert read is not None
    assert (read.reason, read.retry_after_seconds) == ("RATE_LIMITED", 1.5)


def test_no_delay_stays_none():
    read = refusal_from_metadata(refusal_metadata(7, RefusedError("no", reason="TOKEN_USED")))
    assert read is not None
    assert read.retry_after_seconds is None


@pytest.mark.parametrize("reason", ["", "lower", "WITH SPACE", "X" * 64, "\x1b[31mRED", "Ä"])
def test_a_reason_that_is_no_word_of_capitals_is_dropped(reason):
    assert refusal_from_metadata(details(reason)) is None


def test_another_domains_reason_is_not_ours():
    assert refusal_from_metadata(details("TOKEN_USED", domain="example.com")) is None


@pytest.mark.parametrize(("sent", "read"), [(-5, 0.0), (10**11, 86_400.0)])
def test_a_delay_is_bounded(sent, read):
    refusal = refusal_from_metadata(details("RATE_LIMITED", retry_seconds=sent))
    assert refusal is not None
    assert refusal.retry_after_seconds == read


@given(st.binary(max_size=400))
def test_any_bytes_are_a_refusal_or_none(content):
    refusal = refusal_from_metadata([(REFUSAL_KEY, content)])
    assert refusal is None or refusal.reason.isascii()


def test_details_beyond_the_limit_are_not_parsed():
    ((key, content),) = details("TOKEN_USED")
    assert refusal_from_metadata([(key, content + b"\x00" * 10_000)]) is None
    assert refusal_from_metadata(None) is None
