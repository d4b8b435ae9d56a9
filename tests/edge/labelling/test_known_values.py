"""Kept values are found wherever they show up in text, in any spelling that reads the same."""

import pytest
from ahocorasick_rs import AhoCorasick
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.vault import Origin, Source, Vault
from umi_edge.values.growing_index import GrowingIndex
from umi_shared.labels import Label, Locality


def known(*values, locality=Locality.HANDLE):
    vault = Vault()
    for value in values:
        vault.keep(value, type="text", label=Label.at(locality), origin=Origin(Source.RESULT, "t"))
    return KnownValues(vault)


def found(text, *values):
    return [text[seen.start : seen.end] for seen in known(*values).find(text)]


@pytest.mark.parametrize(
    ("text", "value", "spans"),
    [
        ("at Chez Panisse today", "Chez Panisse", ["Chez Panisse"]),
        ("at CHEZ  PANISSE today", "chez panisse", ["CHEZ  PANISSE"]),
        ("İİİ at Chez Panisse", "Chez Panisse", ["Chez Panisse"]),  # letters that grow when folded
        ("Ｃhez Pan\u200bisse", "Chez Panisse", ["Ｃhez Pan\u200bisse"]),
        ("Сhez Panissе", "Chez Panisse", ["Сhez Panissе"]),  # two Cyrillic letters
        ("Élodie and E\u0301lodie", "Élodie", ["Élodie", "E\u0301lodie"]),
        ("Ma\u00df", "Mass", ["Ma\u00df"]),
        ("Moreaux or amoreau", "Moreau", []),
        ("tel0612345678x", "0612345678", ["0612345678"]),
        ("x4471x 4471", "4471", ["4471"]),
        ("Bo is here", "Bo", []),
        ("the code 48151623.", 48151623, ["48151623"]),
        ("12 and true and null", True, []),
        ("1234", 1234, []),
        ("", "Moreau", []),
    ],
)
def test_a_kept_value_is_found_as_people_write_it(text, value, spans):
    assert found(text, value) == spans


def test_the_longest_of_overlapping_values_counts():
    assert found("see Alice Moreau there", "Alice", "Moreau", "Alice Moreau") == ["Alice Moreau"]


def test_values_kept_later_are_found_too():
    vault = Vault()
    values = KnownValues(vault)
    assert values.find("Moreau") == []
    vault.keep("Moreau", type="text", label=Label(), origin=Origin(Source.RESULT, "t"))
    assert len(values.find("Moreau")) == 1


def test_of_a_value_kept_twice_the_stricter_counts():
    vault = Vault()
    for locality in (Locality.PLANNER, Locality.HANDLE, Locality.PLANNER):
        vault.keep("Moreau", type="text", label=Label.at(locality), origin=Origin(Source.RESULT, "t"))
    (seen,) = KnownValues(vault).find("Moreau")
    assert seen.kept.label.readers == frozenset()


def test_a_value_that_two_sinks_may_read_each_under_its_own_rule_is_read_by_neither():
    vault = Vault()
    for locality in (Locality.PLANNER, Locality.SUMMARIZER):
        vault.keep("Moreau", type="text", label=Label.at(locality), origin=Origin(Source.RESULT, "t"))
    (seen,) = KnownValues(vault).find("Moreau")
    assert seen.label.readers == frozenset()


@given(st.lists(st.text("ab", min_size=1, max_size=4), max_size=30), st.text("ab", max_size=30))
def test_a_growing_index_finds_what_a_search_finds(needles, text):
    index = GrowingIndex[str](AhoCorasick)
    for at, needle in enumerate(needles):
        index.add(needle)
        if at % 3 == 0:
            list(index.find(text))
    wanted = {
        (start, start + len(needle), needle)
        for needle in set(needles)
        for start in range(len(text))
        if text.startswith(needle, start)
    }
    assert {(match.start, match.end, match.needle) for match in index.find(text)} == wanted
