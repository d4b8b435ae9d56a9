"""A mistyped word is read as the nearest that there is; a name that nothing tells of is none of them."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from umi_edge.reading import spelt_as_there
from umi_edge.reading.question import ALIKE_FROM, alike

TEXTS = ("The arbitration is in March. 1,000 paper bags: 265 euros.", "Ian Maier has the licence plate AB 1.")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("teh bags", "the bags"),
        ("hwo mcuh are paperbags", "how much are paper bags"),
        ("wich plate, licnece of Maeir", "which plate, licence of maier"),
        ("abritration", "arbitration"),
        ("Bags in Mrach", "Bags in march"),
    ],
)
def test_a_mistyped_word_is_read_as_the_nearest(typed: str, meant: str) -> None:
    assert spelt_as_there(TEXTS, typed) == meant


@pytest.mark.parametrize(
    "asked", ["Hans number", "phone of Ina", "the fourteenth of juillet", "arbitrations", "a bond", "x7 9 ??"]
)
def test_what_is_a_name_a_number_or_a_word_stays(asked: str) -> None:
    assert spelt_as_there(TEXTS, asked) == asked


def test_many_words_hold_nobody_up() -> None:
    texts = [" ".join(f"wort{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{n}" for n in range(100_000))]
    began = time.process_time()
    spelt_as_there(texts, " ".join(f"wrto{letter}zzy" for letter in "abcdefghijkl"))
    assert time.process_time() - began < 4


@given(st.text("abegnst", max_size=8), st.text("abegnst", max_size=8))
@example("baking", "bakes")
@example("cat", "cats")
def test_words_that_are_alike_begin_alike(one: str, other: str) -> None:
    assert not alike(one, other) or one[:ALIKE_FROM] == other[:ALIKE_FROM]


@pytest.mark.parametrize(
    ("question", "spelt"),
    [
        ("Wie heißt in der großen Straße das pasword?", "Wie heißt in der großen Straße das password?"),
        ("is xteh teh boat?", "is xteh the boat?"),
    ],
)
def test_a_word_is_put_right_where_it_stands(question, spelt):
    assert spelt_as_there(["Heißt große Straße: the password is on the boat. xteh"], question) == spelt


def test_a_short_name_is_no_other_that_is_like_it():
    assert spelt_as_there(["Jans birthday is in May."], "when is Jens birthday") == "when is Jens birthday"
