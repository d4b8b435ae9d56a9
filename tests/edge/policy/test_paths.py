"""Paths select what RFC 9535 says, and no path can hang or crash."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonpath_rfc9535 import find

from umi_edge.policy.paths import PathError, compile_path, path_of
from umi_shared.errors import PrivacyError

NAMES = ["a", "b", "c d"]
LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "xy"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=12,
)
PLAIN = st.sampled_from(
    [
        "['a']",
        "['b']",
        "['c d']",
        ".a",
        "[0]",
        "[1]",
        "[*]",
        ".*",
        "..a",
        "..*",
        "..[0]",
        "['a','b']",
        "[0:2]",
        "[::2]",
    ]
)
COSTLY = st.sampled_from(
    ["[-1]", "[::-1]", "[-2:]", "[?@.a]", "[?@.a==1]", "[?@ == 'x']", "[?!@.b || @.a > 0]", "[?length(@) > 1]",
     "[?count(@.*) == 2]", "[?count(@..*) > 2]", "[?match(@.a, 'x.?')]", "[?search(@, 'y')]", "[?value(@..a) == 1]",
     "[?$.a == @.a]", "[?@[?@.a]]", "[?@.a != @.b]", "[?@.a <= 1 && @.b >= 0]", "[?@['c d']==null]", "[?@==true]"]
)  # fmt: skip
PATHS = st.lists(PLAIN | COSTLY, max_size=4).map(lambda parts: "$" + "".join(parts))
PLAIN_PATHS = st.lists(PLAIN, max_size=4).map(lambda parts: "$" + "".join(parts))


@given(PATHS, VALUES)
@settings(max_examples=400, deadline=None)
def test_a_path_selects_what_the_library_selects(text: str, value: object) -> None:
    expected = {node.location for node in find(text, value)}
    assert compile_path(text).locations(value) == expected


@given(PLAIN_PATHS, VALUES)
@settings(max_examples=300, deadline=None)
def test_a_plain_path_is_decided_by_the_location_alone(text: str, value: object) -> None:
    path = compile_path(text)
    assert path.plain
    every = {(): value} | {node.location: node.value for node in find("$..*", value)}
    assert {location for location in every if path.selects(location)} == path.locations(value)


@given(PLAIN_PATHS)
def test_every_example_of_a_plain_path_is_selected_by_it(text: str) -> None:
    path = compile_path(text)
    assert all(path.selects(location) for location in path.examples())


@given(st.text(max_size=60) | st.text("$.[]*?@()'\"!&|=<>,: 01ae-", max_size=60).map("$".__add__))
@settings(max_examples=500, deadline=None)
def test_any_text_compiles_or_is_refused_with_a_fix(text: str) -> None:
    try:
        path = compile_path(text)
    except PathError as error:
        fix = error.fix
    else:
        fix = str(path.locations({"a": [{"b": 1}]}))
    assert fix


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a JSONPath"),
        ("a.b", "not a JSONPath"),
        ("$.a[", "unbalanced"),
        ("$[?@.a == 1e999]", "not a JSONPath"),
        ("$" + ".a" * 200, "segments"),
        ("$['" + "a" * 600 + "']", "characters"),
        ("$[?match(@.a, '(')]", "regular expression"),
        ("$[?match(@.a, '(?=a)')]", "regular expression"),
        ("$[?unknown(@)]", "not defined"),
        ("$" + "[?" * 100, "not a JSONPath"),
    ],
)
def test_a_path_that_is_none_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(PathError, match=why) as caught:
        compile_path(text)
    assert caught.value.fix


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "$" + "..*" * 12,
        "$[?count(@..*) > 0 && count($..*) > 0]",
        "$[?count(@" + "[*,*]" * 30 + ") > 0]",
        "$..[?@..[?@..[?@..*]]]",
    ],
)
def test_a_path_of_explosive_cost_stops_at_its_budget(text: str) -> None:
    value = [[[[[index] for index in range(8)] for _ in range(6)] for _ in range(5)] for _ in range(4)]
    every = {node.location for node in find("$..*", value)}
    with contextlib.suppress(PrivacyError):
        assert compile_path(text).locations(value, max_steps=200_000) <= every


def test_the_explosive_union_in_a_filter_is_really_stopped() -> None:
    path = compile_path("$[?count(@" + "[*,*]" * 30 + ") > 0]")
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(PrivacyError, match="too costly"):
        path.locations([deep], max_steps=100_000)


def test_a_backtracking_regular_expression_is_harmless() -> None:
    path = compile_path("$[?match(@, '(a*)*b')]")
    assert path.locations(["a" * 50_000]) == set()


def test_a_value_nested_ten_thousand_deep_is_walked() -> None:
    value: object = {"name": 1}
    for _ in range(10_000):
        value = [value]
    with pytest.raises(PrivacyError, match="too costly"):
        compile_path("$..name").locations(value)
    assert compile_path("$..name").selects((0,) * 10_000 + ("name",))


def test_comparing_values_that_are_too_deep_stops_the_step() -> None:
    def nested() -> object:
        value: object = 1
        for _ in range(5_000):
            value = [value]
        return value

    with pytest.raises(PrivacyError):
        compile_path("$[?@ == $[1]]").locations([nested(), nested()], max_steps=10**9)


@given(st.lists(st.text(max_size=5) | st.integers(0, 9), max_size=4).map(tuple))
def test_the_path_of_a_location_selects_that_location(location: tuple[str | int, ...]) -> None:
    text = path_of(location)
    try:
        path = compile_path(text)
    except PathError:  # control characters have no place in a normalized path as it is shown
        assert any(
            ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for key in location if isinstance(key, str) for c in key
        )
    else:
        assert path.examples() == (location,)


def test_the_path_of_any_member_name_compiles_and_selects_it():
    for name in ("plain", "A\u1100", "n\u00efve", "\u540d", "a b", "it's", "a\\b", "", "1a", "\U0001d400"):
        path = path_of(("x", name, 0))
        assert compile_path(path).locations({"x": {name: [1]}}) == {("x", name, 0)}, path
