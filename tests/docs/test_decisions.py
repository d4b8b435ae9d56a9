"""Decisions are cited by number: each has one of its own, and says the same one as its file."""

import re
from collections import Counter
from pathlib import Path

DECISIONS = sorted((Path(__file__).parents[2] / "docs" / "adr").glob("[0-9]*.md"))


def test_no_two_decisions_share_a_number():
    numbers = Counter(path.name[:4] for path in DECISIONS)
    assert [number for number, count in numbers.items() if count > 1] == []


def test_a_decision_says_the_number_of_its_file():
    for path in DECISIONS:
        first = path.read_text("utf-8").partition("\n")[0]
        said = re.match(r"# (\d+)\. ", first)
        assert said, path.name
        assert int(said[1]) == int(path.name[:4]), path.name
