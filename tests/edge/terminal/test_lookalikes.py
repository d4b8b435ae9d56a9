"""Letters that pass for others: what is marked, and what honest people write is not."""

import pytest
from confusable_homoglyphs.confusables import confusables_data, is_confusable
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.terminal.lookalikes import KnownAddresses, hosts_both_ways, mixed_scripts, passes_for

PAUL = KnownAddresses(["paul@example.org", "Anna Müller"])


@given(st.data())
def test_an_address_with_one_letter_changed_for_its_like_is_marked(data):
    address = "paul@example.org"
    at = data.draw(st.sampled_from([at for at, letter in enumerate(address) if letter.isalpha()]))
    likes = [one["c"] for one in is_confusable(address[at], greedy=True)[0]["homoglyphs"]]
    like = data.draw(st.sampled_from(likes))
    forged = address[:at] + like + address[at + 1 :]
    same = forged.casefold() == address
    assert bool(PAUL.doubts(forged, whole=True)) is not same


def test_the_tables_directions_are_told_apart():
    """A letter of several likes stands for them all: each of them has it, and nothing else."""
    for letter, likes in confusables_data.items():
        if len(likes) > 1:
            assert all([back["c"] for back in confusables_data[one["c"]]] == [letter] for one in likes)


@pytest.mark.parametrize(
    "text",
    ["paul@example.org", "PAUL@EXAMPLE.ORG", "eve@example.org", "Anna Müller", "anna mu\u0308ller", "", "a"],
)
def test_what_the_user_has_and_what_differs_to_the_eye_is_not_marked(text):
    assert PAUL.doubts(text, whole=True) == []


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Please write to pau1@example.org today", "paul@example.org"),
        ("https://paul:x@exаmple.org:8080/login?next=1", "example.org"),
        ("www.examp1e.org", "example.org"),
        ("pаul@example.org, eve@example.org", "paul@example.org"),
        ("Аnna Müller", "Anna Müller"),
        ("pa\u200bul@example.org", "paul@example.org"),
    ],
)
def test_what_looks_like_something_of_the_users_is_marked_wherever_it_stands(text, known):
    assert any(
        f"looks like “{known}”, which is in your contacts, but is not" in said
        for said in PAUL.doubts(text, whole=True)
    )


@pytest.mark.parametrize(
    "word", ["alice", "Привет", "東京タワー", "LINEアプリ", "한국語", "naïve", "Ω", "שלום", "سلام"]
)
def test_words_of_one_language_mix_nothing(word):
    assert mixed_scripts(word) == ()


@pytest.mark.parametrize("word", ["аlice", "pαypal", "Ꭺlice", "pay가"])
def test_a_word_that_no_language_writes_is_marked_or_is_korean(word):
    assert mixed_scripts(word) or "가" in word


@pytest.mark.parametrize("word", ["почта", "иван", "東京", "Ελλάδα"])
def test_a_word_that_only_its_own_script_has_passes_for_none(word):
    assert passes_for(word) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://аррӏе.com/x", ["“аррӏе.com” is xn--80ak6aa92e.com on the network"]),
        ("a@xn--80ak6aa92e.com", ["xn--80ak6aa92e.com is “аррӏе.com”"]),
        ("a@xn--a-.com", ["“xn--a-.com” is no valid name of a host"]),
        ("straße.example", ["“straße.example” is xn--strae-oqa.example on the network"]),
        ("https://example.org/käse", []),
        ("Grüße", []),
    ],
)
def test_an_international_host_is_shown_both_ways(text, said):
    assert hosts_both_ways(text, whole=True) == said
