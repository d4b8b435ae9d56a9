"""Bars: what a rule keeps from a tool is kept from it wherever one of the two names is a pattern."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_shared.bars import Bar, meant_by, unbarred

NAMES = st.sampled_from(["*", "a.*", "a.b", "a.bc", "a.b*", "b.c", "ab"])
BARS = st.builds(
    Bar, rule=st.just("r"), tools=st.lists(NAMES, min_size=1, max_size=3).map(tuple), only=st.booleans()
)
TOOLS = ["a.b", "a.bc", "a.c", "b.c", "b.d", "ab", "z"]


@given(NAMES, NAMES)
def test_a_pattern_that_means_another_means_every_tool_of_it(pattern, other):
    if meant_by(pattern, other):
        assert all(meant_by(pattern, tool) for tool in TOOLS if meant_by(other, tool))


@given(st.lists(BARS, max_size=3), st.lists(BARS, max_size=3))
def test_a_place_that_makes_good_for_all_bars_lets_no_tool_in_that_they_keep_out(here, there):
    if not unbarred(here, there):
        for tool in TOOLS:
            assert all(bar.admits(tool) for bar in here) or not all(bar.admits(tool) for bar in there)


@pytest.mark.parametrize(
    ("here", "there", "left"),
    [
        (Bar("", ("mail.send",)), [Bar("", ("mail.*",))], False),
        (Bar("", ("mail.*",)), [Bar("", ("mail.send",))], True),
        (Bar("", ("mail.send",)), [Bar("", ("files.*",), only=True)], False),
        (Bar("", ("mail.send",)), [Bar("", ("mail.*",), only=True)], True),
        (Bar("", ("files.*",), only=True), [Bar("", ("files.write",), only=True)], False),
        (Bar("", ("files.write",), only=True), [Bar("", ("files.*",), only=True)], True),
        (Bar("", ("files.write",), only=True), [Bar("", ("*",))], False),
        (Bar("", ("files.write",), only=True), [], True),
    ],
)
def test_what_makes_good_for_what(here, there, left):
    assert bool(unbarred([here], there)) is left
