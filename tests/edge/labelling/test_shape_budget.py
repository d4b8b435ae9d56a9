"""What open shapes tell of values that stay, what it costs, and where a session stops."""

import math
from collections import Counter
from functools import cache
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scanners import scanner_without_lists
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import seen_by
from umi_edge.labelling.shape_budget import ShapeLimitError, Shapes, symbols
from umi_edge.policy import load_policy
from umi_shared.errors import PrivacyError
from umi_shared.handles import render
from umi_shared.labels import PLANNER

POLICY = """
version: 1
name: test
tools:
  people.get:
    runs: device
    results: {"$.all[*].name": {locality: handle, type: person}, "$.all[*].age": handle, "$.all[*].since": cloud}
  public.get: {runs: device, defaults: {results: cloud}}
  whole.get: {runs: device, results: {"$": {locality: handle, shape: hidden}}}
  part.get: {runs: device, results: {"$.a": {locality: handle, shape: hidden}}}
  secret.get: {runs: device, results: {"$[*]": hidden}}
limits: {shape_bits: %d}
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=4) | st.dictionaries(st.sampled_from(["all", "name", "a", "zz"]), below)
    ),
    max_leaves=12,
)


@cache
def policy(bits=4096):
    return load_policy(POLICY % bits, "test.yaml")


def labeller(bits=4096):
    rules = policy(bits)
    return Labeller.fresh(rules, scanner_without_lists(rules), {})


def spent(*results, tool="people.get"):
    labels = labeller(1 << 20)
    for value in results:
        labels.result(tool, value)
    return labels.shapes.spent_bits


def person(name="Ann", age=7):
    return {"name": name, "age": age, "since": "2026"}


def test_values_cost_nothing_and_shapes_do():
    one = spent({"all": [person("Ann", 1), person("Bob", 2)]})
    assert one == spent({"all": [person("Zoë of somewhere", 10**9), person("", -1)]}) > 0
    assert spent({"all": [person(), person()]}) > spent({"all": [person()]})
    assert spent({"all": [person(), person(age=None)]}) > one


def test_what_is_alike_costs_little_more_than_one_and_the_same_again_next_to_nothing():
    one, hundred = spent({"all": [person()]}), spent({"all": [person()] * 100})
    assert hundred < one + 8 * math.log2(101)
    assert spent(*[{"all": [person()]}] * 30) < one + 8 * math.log2(31)


def test_what_varies_costs_what_it_tells():
    # Which of 64 ages are null: one bit each, whatever the coding.
    mixed = [person(age=None if (i * 37) % 64 % 2 else 1) for i in range(64)]
    assert 64 <= spent({"all": mixed}) - spent({"all": [person()] * 64}) < 64 + 20


def test_what_a_rule_lets_out_costs_its_outcome_and_what_has_no_shape_nothing():
    assert spent({"a": [1, None, {}]}, tool="public.get") == 1
    assert spent({"a": [1, None, {}]}, tool="whole.get") == 0
    costs = {spent({"a": value}, tool="part.get") for value in (None, [], [1] * 50, {"x": {}}, "text")}
    assert len(costs) == 1


def test_a_hidden_leaf_does_not_cost_a_type_that_it_does_not_show():
    assert spent([1, None, "x"], tool="secret.get") == spent([2, 2, 2], tool="secret.get")


@given(one=JSON, other=JSON)
def test_results_that_look_alike_cost_alike(one, other):
    def told(value):
        labels = labeller()
        text = render(seen_by(labels.result("people.get", value), PLANNER))
        return text, labels.shapes.charged

    (text, cost), (other_text, other_cost) = told(one), told(other)
    if text == other_text:
        assert cost == other_cost


def shown(value):
    """What the code tells apart, and its length in bits."""
    rules = policy().results("people.get", value)
    shapes = Shapes(1 << 20)
    shapes.succeeded("people.get", value, rules, own_names=False)
    words = tuple((one.place, one.what, one.word) for one in symbols(value, rules, own_names=False))
    return words, sum(shapes.charged.values())


def values(depth):
    """Every small value of a few types, members and lengths."""
    leaves = [None, 1, True, "x"]
    if depth == 0:
        return leaves
    below = values(depth - 1)
    lists = [list(items) for n in range(3) for items in product(below, repeat=n)]
    members = [
        dict(zip(names, items, strict=True))
        for names in ((), ("all",), ("name",), ("all", "name"), ("name", "all"), ("other",))
        for items in product(below, repeat=len(names))
    ]
    return leaves + lists + members


def test_no_more_shapes_than_the_charged_bits_can_tell_apart():
    # Kraft's inequality: a code whose lengths pass it would be charged less than it tells.
    told = dict(map(shown, values(2)))
    assert len(told) > 400
    assert sum(2.0**-bits for _, bits in told.items()) <= 1


def spelled(value):
    """The bits that the outermost symbol takes where it is new."""
    return next(symbols(value, policy().results("people.get", value), own_names=False)).bits


def test_lists_lengths_and_members_are_spelled_by_codes():
    one_of_all_types = 2.0 ** -spelled("x")
    lengths = [spelled([1] * n) for n in range(1024)]
    assert sum(2.0**-bits for bits in lengths) <= one_of_all_types
    known = sorted(policy().results("people.get", {}).names)
    members = [dict.fromkeys(names, 1) for n in range(5) for names in permutations([*known, "x", "y"], n)]
    told = {tuple("*" if name in "xy" else name for name in value): spelled(value) for value in members}
    assert 0.7 * one_of_all_types < sum(2.0**-bits for bits in told.values()) <= one_of_all_types


def test_no_more_sequences_of_failures_than_the_charged_bits_can_tell_apart():
    kinds = ("", "not-found", "timeout", "error")
    total = 0.0
    for sequence in product(kinds, repeat=5):
        shapes = Shapes(1 << 20)
        for kind in sequence:
            if kind:
                shapes.failed("a.b", kind)
            else:
                shapes.succeeded("a.b", "x", policy().results("public.get", "x"), own_names=False)
        total += 2.0 ** -sum(shapes.charged.values())
    assert total <= 1


def test_every_shape_that_the_cloud_sees_is_told_apart():
    """Nothing shows in the text that no symbol tells: equal symbols, equal text, once values are equal."""
    texts = {}
    for value in values(2):
        text = render(seen_by(labeller().result("people.get", value), PLANNER))
        for number in "123456789":
            text = text.replace(f":{number}>", ":n>")  # which values are equal is another matter
        texts.setdefault(shown(value)[0], set()).add(text)
    assert Counter(len(seen) for seen in texts.values()) == {1: len(texts)}


def test_the_limit_is_a_hard_stop_that_says_what_was_spent_on_what_and_no_value():
    labels = labeller(60)
    labels.result("people.get", {"all": [person("Ann Zweig")]})
    kept = len(labels.vault)
    with pytest.raises(ShapeLimitError) as stopped:
        labels.result("people.get", [{"diary": None, "Ann Zweig": [1, "x", None] * 3}] * 3)
    said = str(stopped.value)
    assert isinstance(stopped.value, PrivacyError)
    assert "passes this session's 60 bits (`limits.shape_bits` of the policy)" in said
    assert "on members of people.get" in said
    assert "on list lengths of people.get" in said
    assert "Zweig" not in said
    assert "diary" not in said
    assert len(labels.vault) == kept, "no later handle's number tells how much there was"


def test_after_the_stop_nothing_is_told_by_trying_again():
    labels = labeller(60)
    with pytest.raises(ShapeLimitError):
        labels.result("people.get", [[None, 1]] * 40 + [{}] * 20)
    for _ in range(2):
        with pytest.raises(ShapeLimitError, match="on a result that was not shown"):
            labels.result("people.get", 1)
        with pytest.raises(ShapeLimitError):
            labels.failure("public.get", "not-found")
    assert render(seen_by(labels.result("whole.get", [1]), PLANNER)) == '"<data:1>"'
    assert labels.shapes.spent_bits == 60


def test_a_limit_of_nothing_allows_what_has_no_shape_alone():
    with pytest.raises(ShapeLimitError, match="on nothing yet"):
        labeller(0).result("public.get", "x")
    with pytest.raises(ShapeLimitError):
        labeller(0).failure("people.get", "not-found")
    assert labeller(0).failure("whole.get", "not-found")[0] == ""


def test_names_that_are_data_are_in_no_repr():
    shapes = labeller().shapes
    value = {"Ann Zweig": {"all": 1}}
    shapes.succeeded("people.get", value, policy().results("people.get", value), own_names=False)
    told = list(symbols(value, policy().results("people.get", value), own_names=False))
    assert "Zweig" not in f"{shapes!r} {told!r} {shapes._seen}"


def test_a_wide_or_deep_result_takes_no_recursion():
    deep = 1
    for _ in range(500):
        deep = [deep]
    assert spent(deep) > 500
    assert spent([{"x": 1}] * 20_000) < 200
