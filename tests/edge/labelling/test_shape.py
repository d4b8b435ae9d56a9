"""`shape: hidden`: one handle, whatever there is."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scanners import scanner_without_lists
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.release import seen_by
from umi_edge.policy import load_policy
from umi_shared.handles import render
from umi_shared.labels import PLANNER, PUBLIC, SUMMARIZER, Label, Locality

POLICY = """
version: 1
name: test
tools:
  root:
    runs: device
    results: {"$": {locality: handle, shape: hidden}, "$..key": cloud}
  open_root:
    runs: device
    results: {"$": {locality: cloud, shape: hidden}, "$.a": handle}
  scanned_root:
    runs: device
    results: {"$": {locality: scan, shape: hidden}}
  hidden_root:
    runs: device
    results: {"$": {locality: hidden, shape: hidden}}
  typed_root:
    runs: device
    results: {"$": {locality: planner, shape: hidden, type: record}}
  part:
    runs: device
    results: {"$.a": {locality: cloud, shape: hidden}, "$.b": cloud}
  plain:
    runs: device
    results: {"$": cloud}
"""
TOOLS = ("root", "open_root", "scanned_root", "hidden_root", "typed_root")
KEPT = Label.at(Locality.HANDLE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


@cache
def rules(text):
    return load_policy(text, "test.yaml")


def labeller(text=POLICY):
    policy = rules(text)
    return Labeller.fresh(policy, scanner_without_lists(policy), {})


def seen(labels, tool, value, sink=PLANNER, **more):
    return render(seen_by(labels.result(tool, value, **more), sink))


@pytest.mark.parametrize(
    ("tool", "wanted"),
    [
        ("root", '"<data:1>"'),
        ("open_root", '"<data:1>"'),
        ("scanned_root", '"<data:1>"'),
        ("hidden_root", '"[hidden]"'),
        ("typed_root", '"<record:1>"'),
    ],
)
@pytest.mark.parametrize(
    "value", [None, [], {}, "x", 7, True, [1, 2], {"a": "b", "key": None}, "ann@example.org"]
)
def test_any_result_is_one_handle(tool, wanted, value):
    assert seen(labeller(), tool, value) == wanted


@pytest.mark.parametrize("tool", TOOLS)
@given(
    values=st.lists(st.none() | JSON, min_size=3, max_size=3),
    fails=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_failure_and_success_cannot_be_told_apart_however_often(tool, values, fails):
    def told(values, fails):
        labels = labeller()
        observations = []
        for value, failed in zip(values, fails, strict=True):
            kind, text = labels.failure(tool, "not-found") if failed else ("", labels.result(tool, value))
            observations.append([kind, *(render(seen_by(text, sink)) for sink in (PLANNER, SUMMARIZER))])
        return observations

    assert told(values, fails) == told([1, 1, 1], [False] * 3)


@given(one=JSON, other=JSON)
def test_what_is_made_of_what_stays_is_one_handle_under_any_rule(one, other):
    for tool in (*TOOLS, "part", "plain"):
        assert seen(labeller(), tool, one, made_of=KEPT) == seen(labeller(), tool, other, made_of=KEPT)
        assert labeller().failure(tool, "error", made_of=KEPT)[0] == ""


def test_what_is_made_of_public_things_follows_its_rule():
    assert seen(labeller(), "plain", [1, None], made_of=PUBLIC) == "[1,null]"
    assert labeller().failure("plain", "not-found") == ("not-found", ())


def test_what_the_planner_alone_may_read_makes_what_the_planner_alone_cannot():
    # Whole values have one label; the strictest that fits is to stay, for all.
    for sink in (PLANNER, SUMMARIZER):
        assert seen(labeller(), "plain", "x", sink, made_of=Label.at(Locality.PLANNER)) == '"<data:1>"'


@given(value=st.none() | JSON)
def test_a_part_without_shape_hides_even_that_it_is_null_and_leaves_its_neighbours(value):
    assert seen(labeller(), "part", {"a": value, "b": 1}) == '{"a":"<data:1>","b":1}'


def test_the_whole_value_is_there_for_the_tools():
    labels = labeller()
    labels.result("open_root", {"a": [1]})
    assert [kept.value for kept in labels.vault] == [{"a": [1]}]
    assert [kept.label for kept in labels.vault] == [Label.at(Locality.HANDLE)]


def test_equality_does_not_show():
    labels = labeller()
    assert [seen(labels, "root", None) for _ in range(2)] == ['"<data:1>"', '"<data:2>"']


def test_a_rule_on_a_list_may_declare_its_length():
    text = POLICY.replace("locality: planner, shape: hidden", "locality: handle, shape: hidden, show: count")
    labels = labeller(text)
    assert seen(labels, "typed_root", [1, 2]) == '"<record:1> (count 2)"'
    assert seen(labels, "typed_root", None) == '"<record:2> (no count)"'
    kind, failed = labels.failure("typed_root", "error")
    assert (kind, render(seen_by(failed, PLANNER))) == ("", '"<record:3> (no count)"')
    assert labels.keeper.declassified.spent_bits == 48
