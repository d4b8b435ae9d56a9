"""A card that is called like a word of a language hides no sentence, and still is somebody where it is a name."""

import pytest

from umi_edge.policy import Scanner, load_policy

CARDS = ["Mail", "Work", "Arbeit", "Mum", "May", "Riverside Choir", "São", "Zoe"]
POLICY = """
version: 1
detect: [{type: person, values_from: {tool: c.list, path: "$[*]"}, parts: true}]
"""


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    policy = load_policy(POLICY)
    return Scanner(policy.detect, {policy.detect[0].rule_id: CARDS})


@pytest.mark.parametrize(
    "text",
    [
        "Mail the report, and work on the mail.",
        "Mail Ann. Work is over",
        "send a mail to all; check my mail before work",
        "Schreib eine Mail an alle. Die Arbeit ist getan, ich gehe zur Arbeit.",
        "a choir sang; what may I wear in May",
        "que horas são em Lisboa",
        "ask my mum about it",
    ],
)
def test_a_word_of_a_sentence_stays(scanner: Scanner, text: str) -> None:
    assert [text[one.start : one.end] for one in scanner.scan(text)] == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ask Mail for it", ["Mail"]),
        ("Tell Work, and zoe", ["Work", "zoe"]),
        ("Call mum when I am home", ["mum"]),
        ("Mum is late", ["Mum"]),
        ("write to the riverside choir", ["riverside choir"]),
        ("Ruf Arbeit an", ["Arbeit"]),
        ("May called", ["May"]),
    ],
)
def test_where_it_is_spoken_to_it_is_somebody(scanner: Scanner, text: str, names: list[str]) -> None:
    assert [text[one.start : one.end] for one in scanner.scan(text)] == names
