"""How a search compares words: signs count for nothing, words of texts are bent, names are not."""

import pytest

from umi_edge.tools.builtin.words import has_words, most_told, snippet, tells_of


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("The Wi-Fi password", "wifi"),
        ("the wifi password", "Wi-Fi"),
        ("She is allergic to nuts", "allergy"),
        ("an allergy", "allergic"),
        ("allergies", "allergic"),
        ("allergic", "allerg"),
        ("Boilers leak", "boiler leaking"),
        ("the plumbers", "plumbing"),
        ("parents' evening", "parents evening"),
        ("parents evening", "parents' evening?"),
        ("Rechnungen", "rechnung"),
        ("vos factures", "facturer"),
        ("las facturas", "factura"),
        ("INV-2024-17", "inv202417"),
        ("a.b@c.example", "a.b@c.example"),
        ("C++", "c++"),
    ],
)  # fmt: skip
def test_a_word_of_a_text_is_found_however_it_is_written_and_bent(text, query):
    assert tells_of(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("the contract", "contrast"),
        ("generation", "general"),
        ("commerce", "commercial"),
        ("a cat", "cats"),
        ("anything", "?!"),
        ("anything", ""),
        ("the guest", "guest wifi"),
    ],
)
def test_another_word_is_not_found(text, query):
    assert not tells_of(text, query)


@pytest.mark.parametrize(
    ("name", "query"), [("Johannes", "Johanna"), ("Petersen", "Peterson"), ("Marie", "Maries")]
)
def test_a_name_is_not_bent_into_another(name, query):
    assert not has_words(name, query)
    assert has_words("Seán O'Brien-Smith", "obrien sean")


def test_a_snippet_begins_where_a_form_of_the_word_stands():
    text = f"{'x ' * 200}the allergies of the children{' y' * 200}"
    assert "allergies" in snippet(text, "allergic", 60)


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("storage hall", [0]),  # every word, though others have one
        ("storage fees", [1]),
        ("the storage", [0, 1]),
        ("next storage", [0, 1]),
        ("storage tyres", []),  # half of the weight, or less
        ("regatta tyres", []),
        ("regatta storage fees", [1]),
        ("gatta storage dinner", []),  # no word begins with `gatta`
        ("the next", []),
        ("?", []),
    ],
)
def test_what_tells_of_the_most_words_is_meant(query, places):
    assert most_told(["Storage in hall 2", "Fees for storage", "Regatta", "Dues"], query) == places
