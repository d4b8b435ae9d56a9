"""Attack: a rule that was meant to keep more lets something out, or stops a question.

Whatever a policy says of a tool, one more entry releases no more and asks no less: of each thing that two entries
speak of the strictest word holds. Of what the policy has not said, an entry changes only what it speaks of. And no hint
that a foreign server gives about itself lowers a confirmation.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umi_edge.policy import Scanner
from umi_edge.policy.checks import check_call
from umi_edge.policy.document import Policy
from umi_edge.policy.hints import Hints
from umi_edge.policy.loader import load_policy
from umi_edge.policy.verdict import Allowed, Ask, Denied, LabelledLeaf, Verdict
from umi_shared.handles import Handle
from umi_shared.labels import Integrity, Label, Locality

TOOL = "crm.list"
KEYS = (TOOL, "crm.l*", "crm.*", "*")
STRICTER = {
    "runs": ("device", "third-party"),
    "confirm": ("never", "destructive", "always"),
    "integrity": ("trusted", "untrusted"),
    "caller": ("values", "handles"),
    "card": ("cloud", "scan", "hidden"),
}
SOURCES = st.sampled_from(("mcp:crm", "python", ""))
HINTS = st.builds(Hints, read_only=st.booleans(), destructive=st.booleans(), open_world=st.booleans())
WORDS = st.sampled_from(("cloud", "scan", "planner", "summarizer", "handle", "hidden"))
PLACES: tuple[tuple[str | int, ...], ...] = ((), ("a",), ("a", "b"), ("c",), ("c", 0, "b"))


def _some(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=fields).filter(bool)


RESULT = st.one_of(
    WORDS,
    _some(
        locality=WORDS,
        show=st.just("year"),
        link=st.booleans(),
        shape=st.sampled_from(("open", "hidden")),
    ),
)
ARGUMENT = _some(
    locality=WORDS,
    accepts=st.sampled_from(("cloud", "planner", "handle", "hidden")),
    on_violation=st.sampled_from(("deny", "ask", "redact")),
    requires=st.just("trusted"),
    confirm=st.booleans(),
)
SETTINGS = {name: st.sampled_from(words) for name, words in STRICTER.items()}
ENTRY = _some(
    **SETTINGS,
    errors=WORDS,
    defaults=_some(arguments=WORDS, results=WORDS),
    results=st.dictionaries(
        st.sampled_from(("$", "$.a", "$.a.b", "$..b", "$.*")), RESULT, min_size=1, max_size=3
    ),
    arguments=st.dictionaries(st.sampled_from(("x", "$.x.y", "$", "$..y")), ARGUMENT, min_size=1, max_size=2),
)
SPEAKS_OF_ALL = st.fixed_dictionaries(
    {
        **SETTINGS,
        "errors": WORDS,
        "results": st.fixed_dictionaries(
            {
                "$": st.fixed_dictionaries(
                    {"locality": WORDS, "link": st.booleans(), "shape": st.sampled_from(("open", "hidden"))}
                )
            }
        ),
        "arguments": st.fixed_dictionaries(
            {
                "$": st.fixed_dictionaries(
                    {
                        "locality": WORDS,
                        "accepts": st.sampled_from(("cloud", "planner", "handle", "hidden")),
                        "on_violation": st.sampled_from(("deny", "ask", "redact")),
                        "confirm": st.booleans(),
                    }
                )
            }
        ),
    }
)
"""An entry that says something of everything there is to say, so that no default is left."""
STRICTEST = _some(
    runs=st.just("third-party"),
    confirm=st.just("always"),
    integrity=st.just("untrusted"),
    caller=st.just("handles"),
    card=st.just("hidden"),
    errors=st.just("hidden"),
    defaults=_some(arguments=st.just("hidden"), results=st.just("hidden")),
    results=st.dictionaries(
        st.sampled_from(("$", "$.a", "$..b")),
        st.just({"locality": "hidden", "link": False, "shape": "hidden"}),
        min_size=1,
    ),
    arguments=st.dictionaries(
        st.sampled_from(("x", "$", "$..y")),
        st.just(
            {
                "locality": "hidden",
                "accepts": "cloud",
                "on_violation": "deny",
                "requires": "trusted",
                "confirm": True,
            }
        ),
        min_size=1,
    ),
)
"""Entries that only ever keep, ask or refuse."""
LEAVES = st.dictionaries(
    st.sampled_from((("x",), ("x", "y"), ("z",))),
    st.builds(
        LabelledLeaf,
        label=st.builds(Label.at, st.sampled_from(tuple(Locality)), st.sampled_from(tuple(Integrity))),
        type=st.just("value"),
        handles=st.sampled_from(((), (Handle("text", 1),))),
        model_written=st.booleans(),
    ),
    max_size=2,
)


def _policy(tools: dict[str, object], **more: object) -> Policy:
    return load_policy(json.dumps({"version": 1, "tools": tools, **more}))


def _severity(verdict: Verdict) -> int:
    return (Allowed, Ask, Denied).index(type(verdict))


def _never_loosens(before: Policy, after: Policy, leaves: dict, hints: Hints, source: str) -> None:
    first, second = before.tool(TOOL, source=source), after.tool(TOOL, source=source)
    for name, order in STRICTER.items():
        assert order.index(getattr(second, name)) >= order.index(getattr(first, name)), name
    if first.errors is not None:
        assert second.errors is not None
        assert second.errors.clearance.admits(first.errors.clearance)
    for place in PLACES:
        was, now = before.results(TOOL, None).at(place), after.results(TOOL, None).at(place)
        assert now.clearance.admits(was.clearance)
        assert now.show in (None, was.show)
        assert was.link or not now.link
        assert was.shape == "open" or now.shape == "hidden"
    for place in (("x",), ("x", "y"), ("z",)):
        assert after.arguments(TOOL).at(place).clearance.admits(before.arguments(TOOL).at(place).clearance)
    one = check_call(before, TOOL, leaves, hints, source=source, argument_names=("x", "y", "z"))
    other = check_call(after, TOOL, leaves, hints, source=source, argument_names=("x", "y", "z"))
    assert _severity(other) >= _severity(one)
    if (
        isinstance(one, Allowed | Ask)
        and isinstance(other, Allowed | Ask)
        and _severity(one) == _severity(other)
    ):
        kept = {at for at in leaves if any(at[: len(cut)] == cut for cut in one.redact)}
        asked = {reason.path for reason in getattr(other, "reasons", ())}
        assert all(any(at[: len(cut)] == cut for cut in other.redact) or asked for at in kept)


@given(st.permutations(KEYS), SPEAKS_OF_ALL, st.lists(ENTRY, min_size=3, max_size=3), LEAVES, HINTS, SOURCES)
def test_no_entry_loosens_what_a_policy_says(keys, base, entries, leaves, hints, source) -> None:
    tools: dict[str, object] = {keys[0]: base}
    for key, entry in zip(keys[1:], entries, strict=True):
        before = _policy(tools)
        tools = {**tools, key: entry}
        _never_loosens(before, _policy(tools), leaves, hints, source)


@given(st.permutations(KEYS), st.lists(ENTRY, max_size=2), STRICTEST, LEAVES, HINTS, SOURCES)
def test_an_entry_that_only_keeps_loosens_no_default(keys, entries, strict, leaves, hints, source) -> None:
    tools = dict(zip(keys, entries, strict=False))
    _never_loosens(_policy(tools), _policy({**tools, keys[-1]: strict}), leaves, hints, source)


@given(st.permutations(KEYS), st.lists(ENTRY, max_size=2), ENTRY, HINTS, SOURCES)
def test_an_entry_changes_no_default_that_it_does_not_speak_of(keys, entries, entry, hints, source) -> None:
    tools = dict(zip(keys, entries, strict=False))
    before, after = _policy(tools), _policy({**tools, keys[-1]: entry})
    first, second = before.tool(TOOL, source=source), after.tool(TOOL, source=source)
    for name in STRICTER.keys() - entry.keys():
        assert getattr(first, name) == getattr(second, name)
    if "confirm" not in entry and not any("confirm" in rule for rule in entry.get("arguments", {}).values()):
        assert _asks(check_call(after, TOOL, {}, hints, source=source)) == _asks(
            check_call(before, TOOL, {}, hints, source=source)
        )


def _asks(verdict: Verdict) -> bool:
    return isinstance(verdict, Ask)


@given(st.permutations(KEYS), st.lists(ENTRY, max_size=4), HINTS)
def test_a_servers_hints_lower_no_confirmation(keys, entries, hints) -> None:
    tools = dict(zip(keys, entries, strict=False))
    policy = _policy(tools)
    verdict = check_call(policy, TOOL, {}, hints, source="mcp:crm")
    stated = {entry["confirm"] for entry in tools.values() if "confirm" in entry}
    assert _asks(verdict) is (stated != {"never"})


@pytest.mark.parametrize(
    "entry",
    ['crm.list: {results: {"$": hidden}}', "crm.list: {confirm: destructive}", "crm.*: {card: hidden}"],
)
def test_the_entries_that_once_turned_a_confirmation_off_leave_it_on(entry: str) -> None:
    policy = load_policy(f"version: 1\ntools:\n  {entry}")
    harmless = Hints(read_only=True, destructive=False, open_world=False)
    assert _asks(check_call(policy, TOOL, {}, harmless, source="mcp:crm"))


def test_a_wildcards_confirmation_is_not_dropped_by_another_entry() -> None:
    policy = _policy(
        {"crm.*": {"confirm": "always"}, TOOL: {"results": {"$": "cloud"}}, "crm.l*": {"confirm": "never"}}
    )
    assert _asks(check_call(policy, TOOL, {}, source="python"))


DETECTORS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(("email", "phone", "client", "code")),
                "values": st.lists(
                    st.sampled_from(("ann bell", "bell tower", "4711", "tower", "x4711 y")),
                    min_size=1,
                    max_size=3,
                ),
                "parts": st.booleans(),
            }
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("code"),
                "pattern": st.sampled_from(("[0-9]{2,}", "tower [a-z]+", "bell|ann", "l t")),
            }
        ),
        st.fixed_dictionaries({"type": st.sampled_from(("email", "phone")), "pattern": st.just("builtin")}),
    ),
    min_size=1,
    max_size=4,
)
TEXTS = st.lists(
    st.sampled_from(
        ("ann", "bell", "tower", "4711", "x4711 y", "ann.bell@tower.example", "+41 44 668 18 00")
    ),
    min_size=1,
    max_size=6,
).map(" ".join)


@given(DETECTORS, DETECTORS, TEXTS)
def test_one_more_detector_uncovers_nothing(detectors, more, text) -> None:
    def covered(chosen: list[object]) -> set[int]:
        policy = load_policy(json.dumps({"version": 1, "detect": chosen}))
        return {at for span in Scanner(policy.detect).scan(text) for at in range(span.start, span.end)}

    assert covered(detectors) <= covered([*detectors, *more])
