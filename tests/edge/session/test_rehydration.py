"""Handles become values in a call and in the answer, and only there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.labelling.vault import Origin, Source, UnknownHandleError, Vault
from umi_edge.session.rehydration import Rehydrator, resolve, without
from umi_shared.labels import Label


@pytest.fixture
def vault() -> Vault:
    vault = Vault()
    for value in ("a@b.example", ["x", 1], "<email:1>"):
        vault.keep(value, type="email", label=Label(), origin=Origin(Source.RESULT, "t"))
    return vault


def test_a_whole_handle_becomes_its_json_value_and_one_within_text_becomes_text(vault):
    resolved = resolve({"a": "<email:1>", "b": ["<email:2>", "to <email:1>, <email:2>"], "n": 7}, vault)
    assert resolved == {"a": "a@b.example", "b": [["x", 1], 'to a@b.example, ["x", 1]'], "n": 7}


def test_a_value_that_looks_like_a_handle_resolves_no_further(vault):
    assert resolve({"a": "<email:3>", "b": "see <email:3>"}, vault) == {
        "a": "<email:1>",
        "b": "see <email:1>",
    }


def test_names_are_no_references(vault):
    assert resolve({"<email:1>": "x"}, vault) == {"<email:1>": "x"}


def test_what_is_escaped_comes_back_as_it_was(vault):
    assert resolve({"a": "<\\email:1>", "b": "<\\\\email:1>"}, vault) == {
        "a": "<email:1>",
        "b": "<\\email:1>",
    }


def test_an_unknown_handle_is_an_error(vault):
    with pytest.raises(UnknownHandleError):
        resolve({"a": ["deep", {"b": "<email:9>"}]}, vault)


def test_redacted_leaves_are_constants():
    assert without({"a": {"b": [1, 2]}, "c": 3}, {("a", "b", 1), ("c",)}) == {
        "a": {"b": [1, "[redacted]"]},
        "c": "[redacted]",
    }


PIECES = [
    "<email:1>",
    "<email:2>",
    "<email:9>",
    "<\\email:1>",
    "<",
    ">",
    "<<",
    "email",
    ":1",
    "\\",
    " and ",
    "https://x.example/?q=",
    "![](",
    "\n",
    "<a",
    "é",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.lists(st.integers(1, 5), min_size=1))
def test_an_answer_is_the_same_however_it_is_cut(pieces, cuts):
    vault = Vault()
    vault.keep("a@b.example", type="email", label=Label(), origin=Origin(Source.RESULT, "t"))
    vault.keep(["x"], type="email", label=Label(), origin=Origin(Source.RESULT, "t"))
    text = "".join(pieces)
    whole = Rehydrator(vault)
    wanted = whole.feed(text) + whole.finish()
    streamed, said, at = Rehydrator(vault), "", 0
    while at < len(text):
        size = cuts[at % len(cuts)]
        said += streamed.feed(text[at : at + size])
        at += size
    assert said + streamed.finish() == wanted


def test_what_may_become_a_handle_is_held_back_but_not_for_ever():
    rehydrator = Rehydrator(Vault())
    assert rehydrator.feed("see <ema") == "see "
    assert rehydrator.feed("x" * 60) == "<ema" + "x" * 60
    assert rehydrator.finish() == ""


def test_an_answer_streams_up_to_its_first_handle_and_on_from_the_next_block(vault):
    rehydrator = Rehydrator(vault)
    assert rehydrator.feed("It is <email:1>, a") == "It is "
    assert rehydrator.feed("nd 1 < 2.\n \nMore") == "a@b.example, and 1 < 2.\n \nMore"
    assert rehydrator.feed(" of <it") == " of "
    assert rehydrator.finish() == "<it"
