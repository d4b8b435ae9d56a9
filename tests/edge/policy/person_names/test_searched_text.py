"""A text in which names are looked for: its words, where they stand, and what stands beside them."""

import pytest

from umi_edge.policy.person_names.searched_text import SearchedText, is_link
from umi_edge.policy.projection import project


def searched(text: str) -> SearchedText:
    return SearchedText(text, project(text))


def test_words_stand_where_they_are_in_the_flat_text():
    text = searched("Ask Ann-Marie, please")
    assert [word for _, _, word in text.words] == [text.flat[start:end] for start, end, _ in text.words]
    assert "ask" in [word for _, _, word in text.words]


def test_pieces_of_the_original_are_given_as_they_were_written():
    text = searched("Ask ÉMILE now")
    at = text.view.text.index("emile")
    assert text.original(at, at + 5) == "ÉMILE"
    assert text.is_capital(at)


@pytest.mark.parametrize(("word", "links"), [("von", True), ("de", True), ("and", False), ("house", False)])
def test_particles_link_the_words_of_one_name_and_conjunctions_do_not(word, links):
    assert is_link(word) is links
