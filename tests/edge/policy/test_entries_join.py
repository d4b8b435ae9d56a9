"""Entries of one tool join, and the strictest wins: adding one never loosens what another says."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.policy.checks import Ask, check_call
from umi_edge.policy.document import Policy
from umi_edge.policy.lint import warnings_of
from umi_edge.policy.loader import load_policy
from umi_shared.errors import PolicyError
from umi_shared.labels import Label, Locality

_WORDS = st.sampled_from(("cloud", "scan", "planner", "summarizer", "handle", "hidden"))
_PLACES = st.sampled_from(("$", "$.a", "$.a.b", "$..b", "$.*"))
_SETTINGS = {
    "runs": ("device", "third-party"),
    "confirm": ("never", "destructive", "always"),
    "integrity": ("trusted", "untrusted"),
    "caller": ("values", "handles"),
    "card": ("cloud", "scan", "hidden"),
}
_RULES = st.dictionaries(_PLACES, _WORDS, min_size=1, max_size=3)
_ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.sampled_from(words) for name, words in _SETTINGS.items()},
        "results": _RULES,
        "arguments": st.dictionaries(
            st.just("x"),
            st.fixed_dictionaries(
                {},
                optional={
                    "accepts": st.sampled_from(("cloud", "planner", "handle", "hidden")),
                    "on_violation": st.sampled_from(("deny", "ask", "redact")),
                    "requires": st.just("trusted"),
                    "confirm": st.booleans(),
                    "locality": _WORDS,
                },
            ).filter(bool),
            min_size=1,
            max_size=1,
        ),
        "defaults": st.fixed_dictionaries({"results": _WORDS}),
        "errors": _WORDS,
    },
).filter(bool)
_KEYS = ("crm.list", "crm.l*", "crm.*", "*")


def _policy(tools: dict[str, object]) -> Policy:
    return load_policy(yaml.safe_dump({"version": 1, "tools": tools}))


@given(st.permutations(_KEYS), st.lists(_ENTRIES, min_size=4, max_size=4))
def test_entries_together_are_as_strict_as_each_alone(keys, entries) -> None:
    tools = dict(zip(keys, entries, strict=True))
    joined = _policy(tools)
    whole = joined.tool("crm.list", source="mcp:crm")
    for key, entry in tools.items():
        alone = _policy({key: entry})
        for name, order in _SETTINGS.items():
            if name in entry:
                assert order.index(getattr(whole, name)) >= order.index(entry[name])
        if "errors" in entry:
            assert whole.errors.clearance.admits(alone.tool("crm.list").errors.clearance)
        for place in ((), ("a",), ("a", "b"), ("c",), ("c", "b")):
            if _speaks(alone, place):
                one = alone.results("crm.list", None).at(place).clearance
                assert joined.results("crm.list", None).at(place).clearance.admits(one)


def _speaks(policy: Policy, place: tuple[str, ...]) -> bool:
    return any("clearance" in said.spoken for said in policy.results("crm.list", None).node(place).said)


@given(_ENTRIES, _ENTRIES)
def test_a_second_entry_never_loosens_a_setting_of_an_argument(first, second) -> None:
    joined = _policy({"crm.list": first, "crm.*": second})
    both = joined.arguments("crm.list").at(("x",))
    for entry in (first, second):
        said = entry.get("arguments", {}).get("x", {})
        assert both.requires == "trusted" or "requires" not in said
        assert both.confirm or not said.get("confirm")
        if "accepts" in said:
            accepted = Label.at(Locality(said["accepts"]))
            assert accepted.join(Label.at(both.accepts)) == accepted
        if "on_violation" in said:
            order = ("ask", "redact", "deny")
            assert order.index(both.on_violation) >= order.index(said["on_violation"])


def test_a_wildcards_confirmation_holds_beside_an_exact_entry() -> None:
    policy = _policy({"crm.*": {"confirm": "always"}, "crm.list": {"confirm": "never"}})
    assert isinstance(check_call(policy, "crm.list", {}, source="python"), Ask)


def test_a_deeper_path_of_one_entry_does_not_loosen_another_entry() -> None:
    policy = _policy({"crm.*": {"results": {"$": "hidden"}}, "crm.list": {"results": {"$.a": "cloud"}}})
    assert policy.results("crm.list", None).at(("a",)).locality is Locality.HIDDEN


def test_what_has_no_effect_is_warned_of() -> None:
    text = """version: 1
tools:
  crm.*: {confirm: always, results: {"$": hidden}}
  crm.list:
    confirm: never
    results:
      "$.a": cloud
"""
    found = warnings_of(load_policy(text))
    assert [problem.line for problem in found] == [4, 7]
    assert all("has no effect" in problem.message for problem in found)


def test_entries_that_give_one_argument_two_types_are_refused() -> None:
    with pytest.raises(PolicyError):
        _policy(
            {
                "crm.*": {"arguments": {"x": {"type": "email"}}},
                "crm.list": {"arguments": {"x": {"type": "p"}}},
            }
        )
