"""The built-in patterns find kinds of private values by form and by the words beside them, and leave others alone."""

from pathlib import Path

import pytest

from umi_edge.policy import Scanner
from umi_edge.policy.loader import builtin_detectors
from umi_edge.policy.patterns.registry import BUILTIN_PATTERNS
from umi_edge.policy.regexes import compile_own

CASES = Path(__file__).parents[5] / "shared" / "cases" / "05-numbers-missed" / "cases.tsv"
FOUND = [
    line.split("\t") for line in (Path(__file__).parent / "found.tsv").read_text("utf-8").splitlines()[1:]
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(builtin_detectors())


@pytest.mark.parametrize(("kind", "text", "found"), FOUND, ids=[f"{row[0]}-{row[2]}" for row in FOUND])
def test_a_value_is_found_whole_and_by_its_kind(scanner: Scanner, kind: str, text: str, found: str) -> None:
    place = text.index(found)
    covered = {at for one in scanner.scan(text) if one.type == kind for at in range(one.start, one.end)}
    assert {at for at in range(place, place + len(found)) if text[at].isalnum()} <= covered


@pytest.mark.parametrize(
    "text",
    [
        "Order 4471-0098 has shipped and should arrive on Tuesday.",
        "See section 2.1.3.4 of the standard, version 10.4.2.",
        "ISBN 978-84-376-0494-7, ISSN 2049-3630",
        "Never share your PIN or password with anyone.",
        "The field is declared as password: string in the schema.",
        "The test suite passed: 1204 of 1204.",
        "Der Code 404 heißt: nicht gefunden. Le code 404 veut dire introuvable.",
        "Lock the screen after 10 minutes; set the oven to 220 for 35 minutes.",
        "La calle Mayor está cortada por obras hasta el 15.",
        "Im Jahr 1989 fiel die Mauer, am 3. Mai 1990 wurde die Firma gegründet.",
        "Her star sign is Cancer; the beehive hums; a tropical depression forms.",
        "A salary is paid monthly, a wage weekly, and this costs $12.",
        "The matrix is [[1.0, 2.5], [48.3, 12.5]], the vector (0.5772, 1.6180).",
        "Meet me at example.com, look at studio.example.",
        "12 places dans le car, 14 rues",
        "My car is red and seats 5; the plate is hot.",
        "A passport photo is 35 by 45 millimetres.",
        "Wi-Fi 6 is fast; the password policy requires 12 characters",
        "The area code is 212 and my zip code is 90210.",
        "Replace the floating point numbers at the point where the loop ends.",
        "My email address is 12 characters long. The address is on page 12.",
        "Put the order number 2024-11873 in the notes.",
        "She was born in May, one week early.",
        "One of the two has three on each side, and I make 12 cups a day.",
        "",
    ],
)
def test_what_only_looks_like_it_is_left_alone(scanner: Scanner, text: str) -> None:
    assert [(one.type, text[one.start : one.end]) for one in scanner.scan(text)] == []


@pytest.mark.skipif(not CASES.is_file(), reason="the outside cases are not here (../shared/cases)")
def test_the_cases_of_numbers_that_were_missed(scanner: Scanner) -> None:
    for line in CASES.read_text("utf-8").splitlines()[1:]:
        text, expected = line.split("\t")
        kind = expected.partition(",")[0]
        found = [one for one in scanner.scan(text) if one.type == kind]
        assert found, text
        if "all of it" in expected:
            assert (found[0].start, found[0].end) == (0, len(text)), text


@pytest.mark.parametrize("name", BUILTIN_PATTERNS)
def test_no_pattern_matches_nothing(name: str) -> None:
    for pattern in BUILTIN_PATTERNS[name].patterns:
        assert compile_own(pattern()).fullmatch("") is None


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "piece",
    [
        "password is ",
        "12 high street, ",
        "born on 3 may ",
        "pin 1",
        "kod ",
        "ul. ",
        "9 ",
        "1.",
        "at dot ",
        "my plate is ",
        "병",
        "one ",
        "my address is 1 ",
        "5 mg ",
        "my code ",
        "security question ",
    ],
)
def test_no_text_makes_the_patterns_slow(scanner: Scanner, piece: str) -> None:
    text = piece * (20_000 // len(piece))
    assert all(one.start < one.end for one in scanner.scan(text))
