"""Policies and paths near the corpus: loaded or refused with a typed error, and then decided without a crash."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.corpus import FUZZ, near, near_text, replayed
from umi_edge.policy import Policy, load_policy
from umi_edge.policy.paths import Path, PathError, compile_path
from umi_shared.errors import PolicyError, PrivacyError
from umi_shared.labels import Locality

VALUE = {
    "matches": [{"email": "ann@example.org", "company": None, "x": {"a": [1, -1, 0.5]}}, []],
    "a": {"b": "(((((", "x": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"},
    "": [[[]]],
}
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abx", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


def check_policy(raw: bytes) -> None:
    try:
        policy = load_policy(raw.decode(errors="replace"), "fuzz.yaml")
    except PolicyError:
        return
    check_decisions(policy)


def check_decisions(policy: Policy) -> None:
    """Everything that is asked of a policy in a session; what it does not name stays."""
    for tool in (*policy.tools, "mail.send", "nobody's"):
        policy.tool(tool)
        policy.arguments(tool, {"to": [{}]}).at(("to", 0, "x"))
        try:
            policy.results(tool, VALUE).at(("matches", 0, "email"))
        except PrivacyError:
            continue
    if not policy.tools and policy.defaults.results is None:
        assert policy.results("nobody's", VALUE).at(("a",)).locality is Locality.HANDLE


def check_path(text: str, value: object) -> None:
    try:
        path = compile_path(text)
    except PathError:
        return
    try:
        check_locations(path, value)
    except PrivacyError:
        return


def check_locations(path: Path, value: object) -> None:
    """What a path selects is there, and a plain path says the same of the location alone."""
    for location in path.locations(value, max_steps=20_000):
        node = value
        for key in location:
            node = node[key]  # type: ignore[index]  # a KeyError would be the finding
        assert not path.plain or path.selects(location)


@replayed("policy")
def test_every_policy_of_the_corpus_loads_or_is_refused(raw):
    check_policy(raw)


@given(near("policy"))
@FUZZ
def test_every_policy_near_the_corpus_loads_or_is_refused(raw):
    check_policy(raw)


@replayed("jsonpath")
def test_every_path_of_the_corpus_selects_what_is_there_or_is_refused(raw):
    check_path(raw.decode(), VALUE)
    check_path(raw.decode(), json.loads("[" * 300 + "]" * 300))


@given(near_text("jsonpath"), VALUES)
@FUZZ
def test_every_path_near_the_corpus_selects_what_is_there_or_is_refused(text, value):
    check_path(text, value)


@given(
    st.lists(st.sampled_from(["a", "(", ")", "+", "*", "[", "]", "|", "{9}", ".", "^", "\\d"]), max_size=24)
)
@FUZZ
def test_no_regular_expression_of_a_rule_makes_a_result_hang(pieces):
    pattern = json.dumps("".join(pieces))
    check_path(f"$[?search(@, {pattern})]", ["a" * 20_000 + "!"])
