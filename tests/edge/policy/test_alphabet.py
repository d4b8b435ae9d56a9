"""The patterns' alphabet changes nothing that a pattern finds, and keeps the compiled patterns small."""

import random
import re
from pathlib import Path

import pytest
import re2

from umi_edge.policy.alphabet import ALPHABET, PROPERTIES, STAND_INS, in_alphabet, reduced
from umi_edge.policy.patterns import numbers
from umi_edge.policy.patterns.registry import BUILTIN_PATTERNS
from umi_edge.policy.patterns.vocabulary import words
from umi_edge.policy.projection import projected
from umi_edge.policy.regexes import compile_own

OWN = {
    f"{name}-{number}": make()
    for name, pattern in BUILTIN_PATTERNS.items()
    for number, make in enumerate(pattern.patterns)
} | {"cue": numbers.cue(), "extension": numbers.extension()}
CHARACTERS = [*range(0x3400), *range(0x3400, 0xD800, 37), *range(0xE000, 0x110000, 37), *map(ord, STAND_INS)]
FOUND = Path(__file__).parent / "patterns" / "found.tsv"
RAREST = [chr(code) for code in CHARACTERS if code > 0x7F and chr(code).isprintable()]
NAMED = r"(?:\\x\{([0-9a-f]+)\}|([^\x00-\x7f]))"


def spans(pattern, text):
    return [[match.span(group) for group in range(pattern.groups + 1)] for match in pattern.finditer(text)]


def plainly(pattern):
    options = re2.Options()
    options.max_mem, options.dot_nl = 64 << 20, True
    return re2.compile(pattern, options)


def character(named):
    return chr(int(named[0], 16)) if named[0] else named[1]


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_character_keeps_its_properties_whatever_stands_in_for_it(name):
    text = "".join(map(chr, CHARACTERS))
    found = spans(re2.compile(f"{name}+"), text)
    assert len(found) > 3
    assert spans(re2.compile(f"{in_alphabet(name)}+"), reduced(text)) == found


def test_a_character_of_the_alphabet_stays_and_every_other_becomes_a_stand_in():
    for code in CHARACTERS:
        one = chr(code)
        assert reduced(one) == one if one in ALPHABET else reduced(one) in STAND_INS


@pytest.mark.parametrize("pattern", OWN.values(), ids=OWN)
def test_what_a_pattern_names_is_in_the_alphabet_and_no_stand_in(pattern):
    for named in re.findall(NAMED, pattern):
        assert character(named) in ALPHABET
        assert character(named) not in STAND_INS
    ranges = re.findall(f"{NAMED}-{NAMED}", pattern)
    for first, last in ((character(found[:2]), character(found[2:])) for found in ranges):
        assert {chr(code) for code in range(ord(first), ord(last) + 1)} <= set(ALPHABET) - set(STAND_INS)


@pytest.mark.parametrize("pattern", OWN.values(), ids=OWN)
def test_a_pattern_finds_in_the_alphabet_what_it_finds_in_the_text(pattern):
    """Against the same pattern as RE2 has it, on what is to be found, on its own words, and with rare characters."""
    rng = random.Random(len(pattern))
    known = [line.split("\t")[1] for line in FOUND.read_text("utf-8").splitlines()[1:]]
    texts = [*known, *(_made_up(rng) for _ in range(60))]
    texts += ["".join(rng.choice(RAREST) if rng.random() < 0.04 else one for one in text) for text in texts]
    there, here = plainly(pattern), compile_own(pattern)
    for text in map(projected, texts):
        assert spans(here, reduced(text)) == spans(there, text), text


SECTIONS = [
    words(name) for name in ("born", "months", "numbers", "years", "password", "copulas", "code", "plate")
]
VOCABULARY = sorted(set().union(*SECTIONS))


def _made_up(rng):
    kinds = (
        lambda: rng.choice(VOCABULARY),
        lambda: str(rng.randrange(10 ** rng.randrange(1, 9))),
        lambda: f"{rng.randrange(1, 32)} {rng.choice(sorted(words('months')))} {rng.randrange(1900, 2030)}",
        lambda: "".join(rng.choice(RAREST) for _ in range(rng.randrange(1, 8))),
        lambda: rng.choice(("1985年3月5日", "昭和60年3月5日", "ann at example dot org", "12 rue de la paix")),
    )
    return " ".join(rng.choice(kinds)() for _ in range(rng.randrange(1, 12)))


def test_the_patterns_together_stay_small():
    """A million instructions were 60 MB of a laptop's memory, and half of them a date of birth's."""
    sizes = {name: compile_own(pattern).programsize for name, pattern in OWN.items()}
    assert sum(sizes.values()) < 200_000, sizes
    assert max(sizes.values()) < 40_000, sizes


def test_an_unknown_property_is_refused():
    with pytest.raises(KeyError):
        compile_own(r"\p{Thai}")


def test_a_pattern_beyond_its_memory_is_an_error_and_no_silence():
    with pytest.raises(re2.error, match="too large"):
        compile_own("|".join(rf"{letter}[\pL\pM]{{1000}}" for letter in "abcdefghijklmnop"))


def test_a_search_beyond_its_memory_still_finds():
    """RE2 goes on without its automaton's states (`RE2::Match`, "DFA out of memory": the whole text anew)."""
    options = re2.Options()
    options.max_mem, options.log_errors = 1 << 16, False
    rng = random.Random(7)
    text = "".join(rng.choice("ab") for _ in range(20_000)) + "a" + "b" * 15 + "c"
    small, large = re2.compile("a[ab]{15}c", options), re2.compile("a[ab]{15}c")
    assert spans(small, text) == spans(large, text) == [[(20_000, 20_017)]]
