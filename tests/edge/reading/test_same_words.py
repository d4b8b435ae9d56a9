"""Words that say one thing in four languages, in letters or in figures, find one another, and no others."""

from itertools import combinations

import pytest

from umi_edge.reading import Page, Question, ranked
from umi_edge.reading.same_words import is_same, says_the_same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fourteenth", "14"),
        ("14th", "vierzehn"),
        ("july", "juillet"),
        ("invoices", "rechnung"),
        ("oma", "abuela"),
    ],
)
def test_words_of_one_line_say_the_same(one: str, other: str) -> None:
    assert says_the_same(one, other)
    assert is_same(other, one)


def test_words_of_different_lines_do_not() -> None:
    words = ("july", "june", "14", "4", "market", "march", "rent", "wine", "key")
    assert not [pair for pair in combinations(words, 2) if says_the_same(*pair)]


def test_a_word_in_the_same_spelling_counts_for_more_than_in_another_language() -> None:
    pages = Page(title="Loyer", text="1 525 euros"), Page(title="Rent", text="1 525 euros")
    found = ranked(pages, Question.of("what is the rent?"))
    assert [one.number for one in found] == [1, 0]


def test_a_number_is_found_with_signs_between_its_thousands() -> None:
    pages = Page(title="Bags", text="1,000 bags"), Page(title="Bags", text="100 bags")
    assert ranked(pages, Question.of("price of 1000 bags"))[0].number == 0
