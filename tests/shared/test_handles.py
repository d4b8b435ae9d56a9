"""Handles parse where they are handles and nowhere else; escaping loses nothing and lets nothing through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_shared.handles import Handle, escape, inert, parts_of, render, unescape

# Texts that are mostly made of what handles are made of.
PIECES = ["<", ">", "\\", ":", "email", "a", "1", "0", "99999999", "_", " ", "é"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
HANDLES = st.builds(
    Handle, st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True), st.integers(1, 999_999_999)
)


def handles_in(text: str) -> list[Handle]:
    return [part for part in parts_of(text) if isinstance(part, Handle)]


@given(TEXTS)
def test_escaped_text_holds_no_handle_and_comes_back_whole(text):
    assert not handles_in(escape(text))
    assert unescape(escape(text)) == text


@given(TEXTS)
def test_text_splits_without_loss(text):
    assert render(parts_of(text)) == text


@given(st.lists(TEXTS, max_size=4))
def test_inert_text_holds_no_handle_however_it_was_put_together(texts):
    joined = inert("".join(map(escape, texts)))
    assert not handles_in(joined)
    assert inert(joined) == joined


@given(HANDLES)
def test_a_handle_reads_as_itself(handle):
    assert parts_of(str(handle)) == (handle,)
    assert parts_of(f"a{handle}b") == ("a", handle, "b")


@pytest.mark.parametrize(
    "text",
    ["<email:0>", "<email:01>", "<email:-1>", "<Email:1>", "<é:1>", "<email:1", "<email :1>", "<email:1234567890>",
     "<" + "a" * 33 + ":1>", "<1a:1>", "＜email:1＞", "<email:１>", "<\\email:1>", "<>", "<:1>"],
)  # fmt: skip
def test_what_is_nearly_a_handle_is_text(text):
    assert not handles_in(text)


@pytest.mark.parametrize(
    ("kind", "number"), [("", 1), ("A", 1), ("a b", 1), ("a" * 33, 1), ("a", 0), ("a", 10**9)]
)
def test_a_handle_of_no_proper_type_or_number_cannot_be_made(kind, number):
    with pytest.raises(ValueError, match="not a handle"):
        Handle(kind, number)


def test_escaping_takes_time_linear_in_the_text():
    text = "<" * 200_000 + "\\" * 200_000 + "<email:" * 50_000
    assert unescape(escape(text)) == text
