"""Header blocks, by the examples of RFC 7541 (appendix C) that are written without Huffman codes."""

import pytest

from umi_lab.wire_tap.hpack import HeaderReader, WireError


def test_requests_of_one_connection_share_a_table():
    """RFC 7541, C.3."""
    reader = HeaderReader()
    first = reader.read(bytes.fromhex("828684410f7777772e6578616d706c652e636f6d"))
    second = reader.read(bytes.fromhex("828684be58086e6f2d6361636865"))
    third = reader.read(bytes.fromhex("828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565"))
    assert first[-1] == (":authority", "www.example.com")
    assert second[-2:] == ((":authority", "www.example.com"), ("cache-control", "no-cache"))
    assert third[-2:] == ((":authority", "www.example.com"), ("custom-key", "custom-value"))


def test_the_oldest_entries_leave_a_full_table():
    """RFC 7541, C.5: with 256 bytes, the second block evicts the first one's status."""
    reader = HeaderReader(table_bytes=256)
    date, place = b"Mon, 21 Oct 2013 20:13:21 GMT", b"https://www.example.com"
    first = reader.read(b"\x48\x03302" + b"\x58\x07private" + b"\x61\x1d" + date + b"\x6e\x17" + place)
    assert first[0] == (":status", "302")
    second = reader.read(bytes.fromhex("4803333037c1c0bf"))
    assert second == ((":status", "307"), *first[1:])
    with pytest.raises(WireError, match="no table has"):
        reader.read(b"\xc2")


def test_a_table_of_no_bytes_keeps_nothing():
    reader = HeaderReader()
    reader.read(b"\x40\x01a\x01b")
    assert reader.read(b"\xbe") == (("a", "b"),)
    reader.read(b"\x20")
    with pytest.raises(WireError, match="no table has"):
        reader.read(b"\xbe")


def test_a_header_that_is_never_indexed_is_read_and_not_kept():
    reader = HeaderReader()
    assert reader.read(b"\x10\x08password\x06secret") == (("password", "secret"),)
    with pytest.raises(WireError, match="no table has"):
        reader.read(b"\xbe")


@pytest.mark.parametrize("block", [b"\x80", b"\x40", b"\x40\x05ab", b"\x40\x01a\x82xy", b"\x7f", b"\xff\x80"])
def test_a_broken_block_is_refused(block: bytes):
    with pytest.raises(WireError):
        HeaderReader().read(block)
