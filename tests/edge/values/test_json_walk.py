"""The walk over JSON, in reading order and without recursion."""

import json

from hypothesis import given
from hypothesis import strategies as st

from umi_edge.values.json_walk import walk

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(JSON)
def test_the_steps_are_the_compact_text_in_order(value):
    text = ""
    for step in walk(value):
        if step.key is not None:
            text += json.dumps(step.key) + ":"
        text += step.punctuation or json.dumps(step.value)
    assert text == json.dumps(value, separators=(",", ":"))


@given(JSON)
def test_each_leaf_is_where_its_location_says(value):
    for step in walk(value):
        node = value
        for key in step.location:
            node = node[key]
        assert step.punctuation or node == step.value


def test_ten_thousand_levels_are_no_surprise():
    value: object = 1
    for _ in range(5000):
        value = {"a": [value]}
    assert sum(1 for step in walk(value) if not step.punctuation) == 1


def test_a_steps_repr_shows_neither_value_nor_names():
    assert "secret" not in repr(list(walk({"secret": {"secret2": "secret3"}})))
