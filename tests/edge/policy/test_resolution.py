"""Which rule decides: exact path, ancestor, tool default, policy default, `handle`; ties to the strictest."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umi_edge.policy import InvalidPolicyError, load_policy
from umi_edge.policy.clearance import WORDS, Clearance
from umi_edge.policy.document import Confirm, Policy, Runs
from umi_edge.policy.paths import compile_path
from umi_edge.policy.resolution import RuleTable
from umi_edge.policy.rules import OnViolation, PathRule, Resolution, Shape
from umi_shared.labels import Integrity, Locality

VALUE = {"matches": [{"email": "a@x", "company": "Acme", "tags": ["p", "q"]}], "total": 1}

POLICY = """
version: 1
defaults: {results: planner}
tools:
  with.default:
    defaults: {results: summarizer}
    results:
      "$.matches[*].email": {locality: handle, type: email, show: domain}
      "$..company": cloud
      "$.matches": hidden
      "$.matches[*].tags[1]": {type: tag}
  without.default:
    results: {"$.total": cloud}
  mail.*: {integrity: trusted}
  mail.read: {caller: values}
  mail.r*: {card: hidden}
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(POLICY, "laptop.yaml")


@pytest.mark.parametrize(
    ("tool", "location", "locality", "rule"),
    [
        (
            "with.default",
            ("matches", 0, "email"),
            "handle",
            "laptop.yaml:8 tools.with.default.results $.matches[*].email",
        ),
        (
            "with.default",
            ("matches", 0, "company"),
            "cloud",
            "laptop.yaml:9 tools.with.default.results $..company",
        ),
        ("with.default", ("matches",), "hidden", "laptop.yaml:10"),
        ("with.default", ("matches", 0), "hidden", "laptop.yaml:10"),
        ("with.default", ("matches", 0, "tags", 0), "hidden", "laptop.yaml:10"),
        ("with.default", ("total",), "summarizer", "laptop.yaml:6 tools.with.default.defaults.results"),
        ("with.default", (), "summarizer", "laptop.yaml:6 tools.with.default.defaults.results"),
        ("without.default", ("total",), "cloud", "laptop.yaml:13"),
        ("without.default", ("else",), "planner", "laptop.yaml:3 defaults.results"),
        ("not.listed", ("anything", 7), "planner", "laptop.yaml:3 defaults.results"),
    ],
)
def test_the_nearest_rule_decides(
    policy: Policy, tool: str, location: tuple[str | int, ...], locality: str, rule: str
) -> None:
    found = policy.results(tool, VALUE).at(location)
    assert found.locality == locality
    assert found.rule_id.startswith(rule)


def test_what_nothing_mentions_stays() -> None:
    found = load_policy("version: 1").results("any.tool", {"a": 1}).at(("a",))
    assert (found.locality, found.scan, found.rule_id) == (Locality.HANDLE, False, "built-in default: handle")


def test_a_rule_that_gives_only_a_type_keeps_the_locality_around_it(policy: Policy) -> None:
    found = policy.results("with.default", VALUE).at(("matches", 0, "tags", 1))
    assert (found.locality, found.type) == (Locality.HIDDEN, "tag")
    assert "locality from laptop.yaml:10" in found.rule_id


def test_show_holds_for_the_named_node_only() -> None:
    policy = load_policy('version: 1\ntools: {t: {results: {"$.a": {show: count}}}}')
    found = policy.results("t", {"a": [1]})
    assert (found.at(("a",)).show, found.at(("a", 0)).show) == ("count", None)


def test_a_plain_argument_name_is_its_path() -> None:
    policy = load_policy(
        'version: 1\ntools: {t: {arguments: {to: {type: email, requires: trusted}, "e mail": cloud, "$.x[*]": scan}}}'
    )
    found = policy.arguments("t", {"to": ["a"], "e mail": "", "x": [""]})
    assert (found.at(("to", 0)).type, found.at(("to", 0)).requires) == ("email", "trusted")
    assert found.at(("e mail",)).locality == "cloud"
    assert found.at(("x", 0)).scan
    assert not found.at(("x",)).scan


def test_a_filter_decides_by_value() -> None:
    policy = load_policy(
        'version: 1\ntools: {t: {results: {"$[*].id": handle, "$[?@.kind==\'mail\'].id": {type: mail},'
        ' "$[-1].id": hidden}}}'
    )
    found = policy.results("t", [{"kind": "mail", "id": 1}, {"kind": "note", "id": 2}])
    assert (found.at((0, "id")).type, found.at((1, "id")).type) == ("mail", "value")
    assert (found.at((0, "id")).locality, found.at((1, "id")).locality) == ("handle", "hidden")


@pytest.mark.parametrize(
    ("tool", "entry"),
    [("mail.read", "mail.read"), ("mail.reply", "mail.r*"), ("mail.send", "mail.*"), ("mailbox", "")],
)
def test_the_exact_tool_beats_the_longer_wildcard_beats_the_shorter(
    policy: Policy, tool: str, entry: str
) -> None:
    assert policy.tool(tool).name == entry


@pytest.mark.parametrize(
    ("tool", "source", "runs", "confirm", "integrity"),
    [
        ("contacts.search", "builtin", Runs.DEVICE, Confirm.DESTRUCTIVE, Integrity.TRUSTED),
        ("contacts.search", "", Runs.DEVICE, Confirm.DESTRUCTIVE, Integrity.TRUSTED),
        ("contacts.search", "mcp:crm", Runs.THIRD_PARTY, Confirm.ALWAYS, Integrity.UNTRUSTED),
        ("mail.search", "builtin", Runs.DEVICE, Confirm.DESTRUCTIVE, Integrity.UNTRUSTED),
        ("other.tool", "mcp:x", Runs.THIRD_PARTY, Confirm.ALWAYS, Integrity.UNTRUSTED),
        ("other.tool", "", Runs.THIRD_PARTY, Confirm.ALWAYS, Integrity.UNTRUSTED),
        ("my_function", "python", Runs.DEVICE, Confirm.ALWAYS, Integrity.UNTRUSTED),
    ],
)
def test_a_tool_that_the_policy_does_not_list_gets_the_strict_defaults(
    tool: str, source: str, runs: Runs, confirm: Confirm, integrity: Integrity
) -> None:
    rules = load_policy("version: 1").tool(tool, source=source)
    assert (rules.runs, rules.confirm, rules.integrity) == (runs, confirm, integrity)
    assert not rules.listed


def test_what_the_policy_states_beats_the_defaults() -> None:
    text = "version: 1\ntools: {web.search: {runs: device, confirm: never, integrity: trusted, card: cloud}}"
    rules = load_policy(text).tool("web.search", source="mcp:web")
    assert (rules.runs, rules.confirm, rules.integrity, rules.card) == ("device", "never", "trusted", "cloud")


CLEARANCES = st.sampled_from(WORDS).map(Clearance.of) | st.just(
    Clearance.of("scan").join(Clearance.of("planner"))
)


@given(CLEARANCES, CLEARANCES, CLEARANCES)
def test_joining_clearances_is_a_lattice(a: Clearance, b: Clearance, c: Clearance) -> None:
    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(a) == a
    assert a.join(b).admits(a)


@pytest.mark.parametrize(
    ("stricter", "laxer"),
    [
        ("scan", "cloud"),
        ("planner", "cloud"),
        ("handle", "planner"),
        ("handle", "scan"),
        ("hidden", "handle"),
    ],
)
def test_the_words_are_ordered(stricter: str, laxer: str) -> None:
    assert Clearance.of(stricter).join(Clearance.of(laxer)) == Clearance.of(stricter)


def test_scan_and_planner_together_keep_both_demands() -> None:
    joined = Clearance.of("scan").join(Clearance.of("planner"))
    assert (joined.locality, joined.scan) == (Locality.PLANNER, True)


def _rule(
    path: str,
    word: str | None,
    requires: str | None,
    accepts: Locality | None,
    violation: OnViolation | None,
    link: bool | None,
    shape: Shape | None,
    show: str | None,
    line: int = 1,
) -> PathRule:
    return PathRule(
        path=path,
        query=compile_path(path),
        clearance=Clearance.of(word) if word else None,
        requires=requires,
        accepts=accepts,
        on_violation=violation,
        link=link,
        shape=shape,
        show=show,
        rule_id=f"{path}:{line}",
        line=line,
    )


RULES = st.builds(
    _rule,
    st.sampled_from(["$.a", "$..a", "$.*", "$['a','b']"]),
    st.sampled_from(WORDS),
    st.sampled_from([None, "trusted"]),
    st.none() | st.sampled_from(Locality),
    st.none() | st.sampled_from(OnViolation),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(Shape),
    st.sampled_from([None, "domain", "hash"]),
    st.integers(1, 99),
)


def _resolved(rules: list[PathRule]) -> Resolution:
    return RuleTable(rules, Resolution(locality=Locality.CLOUD)).assign({"a": 1}).at(("a",))


@given(st.lists(RULES, min_size=1, max_size=3))
@settings(deadline=None)
def test_the_order_of_the_rules_says_nothing(rules: list[PathRule]) -> None:
    assert len({_resolved(list(order)) for order in permutations(rules)}) == 1


@given(st.lists(RULES, min_size=1, max_size=3), RULES)
@settings(deadline=None)
def test_a_rule_that_joins_in_never_makes_a_node_laxer(rules: list[PathRule], more: PathRule) -> None:
    before, after = _resolved(rules), _resolved([*rules, more])
    assert after.clearance.admits(before.clearance)
    assert after.clearance.admits(_resolved([more]).clearance)
    assert after.requires or not before.requires
    assert before.link or not after.link
    assert after.shape == Shape.HIDDEN or before.shape == Shape.OPEN
    assert after.show in (None, before.show) or (more.show == after.show and before.show is None)
    if before.accepts:
        assert after.accepts is not None
        assert Clearance(before.accepts).admits(Clearance(after.accepts))


def test_a_show_that_only_one_of_two_rules_gives_is_not_shown() -> None:
    rules = [_rule("$.a", "handle", None, None, None, None, None, "domain")]
    assert _resolved(rules).show == "domain"
    assert _resolved([*rules, _rule("$..a", "handle", None, None, None, None, None, None)]).show is None


def test_data_cannot_multiply_the_nodes_that_are_kept() -> None:
    table = RuleTable([_rule("$..a..b[*].c", "cloud", None, None, None, None, None, None)], Resolution())
    value = {f"key{index}": {"a": {f"x{index}": {"b": [1, 2, 3]}}} for index in range(2000)}
    assignment = table.assign(value)
    for key in value:
        assert assignment.at((key, "a", "x", "b", 1)).locality == "handle"
        assert assignment.at((key, "a", "x", "b", 1, "c")).locality == "cloud"
    assert len(table._nodes) < 20


def test_a_hostile_shape_stays_within_the_kept_nodes() -> None:
    table = RuleTable([_rule("$..a" + "[*]" * 20, "cloud", None, None, None, None, None, None)], Resolution())
    assignment = table.assign(None)
    for number in range(6000):
        bits = f"{number:013b}"
        assignment.at(tuple("a" if bit == "1" else "b" for bit in bits))
    assert len(table._nodes) <= 4096


def test_a_location_ten_thousand_deep_resolves() -> None:
    found = load_policy('version: 1\ntools: {t: {results: {"$..x": cloud}}}').results("t", None)
    assert found.at((0,) * 10_000 + ("x",)).locality == "cloud"


def test_the_names_that_rules_spell_out_are_known(policy: Policy) -> None:
    assert policy.results("with.default", {}).names == {"matches", "email", "company", "tags"}


@pytest.mark.parametrize("word", ["cloud", "scan", "planner", "summarizer", "handle"])
def test_what_is_kept_whole_stays_whatever_its_rule_says(word: str) -> None:
    text = f'version: 1\ntools: {{a.b: {{results: {{"$.x": {{locality: {word}, shape: hidden}}, "$.x.y": {word}}}}}}}'
    assignment = load_policy(text).results("a.b", {})
    for place in (("x",), ("x", "y"), ("x", "z")):
        resolution = assignment.at(place)
        assert (resolution.locality, resolution.scan) == ("handle", False)


def test_what_is_hidden_stays_hidden_when_it_is_kept_whole() -> None:
    text = 'version: 1\ntools: {a.b: {results: {"$.x": {locality: hidden, shape: hidden}}}}'
    assert load_policy(text).results("a.b", {}).at(("x",)).locality == "hidden"


EXCEPT = """
version: 1
detect: [{type: email, pattern: builtin}]
tools:
  cal.list:
    results:
      "$.events[*].title":
        locality: handle
        type: title
        except:
          "$.events[?@.calendar == 'Holidays'].title": cloud
          "$.events[0].title": planner
      "$.events[*].calendar": cloud
"""


def test_an_exception_holds_in_the_place_of_its_rule_and_of_that_rule_alone():
    value = {
        "events": [{"title": "a"}, {"title": "b", "calendar": "Holidays"}, {"title": "c", "calendar": "x"}]
    }
    found = load_policy(EXCEPT, "test.yaml").results("cal.list", value)
    at = [found.at(("events", number, "title")) for number in range(3)]
    assert [str(one.clearance) for one in at] == ["planner", "cloud", "handle"]
    assert {one.type for one in at} == {"title"}, "what else the rule says stays"
    assert at[1].rule_id == (
        "test.yaml:11 tools.cal.list.results $.events[*].title except 1: $.events[?@.calendar == …].title"
    )


def test_of_two_exceptions_that_meet_the_stricter_holds():
    value = {"events": [{"title": "a", "calendar": "Holidays"}]}
    found = load_policy(EXCEPT).results("cal.list", value)
    assert found.at(("events", 0, "title")).locality == "planner"


def test_another_entry_is_as_strict_as_before():
    other = f'{EXCEPT}  "cal.*":\n    results: {{"$..title": handle}}\n'
    value = {"events": [{"title": "b", "calendar": "Holidays"}]}
    assert load_policy(other).results("cal.list", value).at(("events", 0, "title")).locality == "handle"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("$.events[0].title", "$.events[0].name"), "no place of"),
        (("        locality: handle\n", ""), "no `locality`"),
        (("$.events[0].title", "$.events[0"), ""),
        (("$.events[0].title", "$.events[*].title"), "same path"),
    ],
)
def test_an_exception_that_is_none_is_refused_with_its_line(wrong, said):
    with pytest.raises(InvalidPolicyError) as raised:
        load_policy(EXCEPT.replace(*wrong, 1) if "locality" in wrong[0] else EXCEPT.replace(*wrong))
    (problem, *_) = raised.value.problems
    assert said in problem.message
    assert problem.line in (7, 12)


@pytest.mark.parametrize("reader", ["planner", "summarizer"])
def test_a_text_may_be_scanned_for_one_of_the_two_alone(reader):
    policy = load_policy(
        f"version: 1\ntools: {{a.b: {{results: {{'$.x': scan-{reader}}}, errors: scan-{reader}}}}}"
    )
    found = policy.results("a.b", {}).at(("x",))
    assert (found.locality, found.scan, str(found.clearance)) == (reader, True, f"scan-{reader}")
    assert str(policy.tool("a.b").errors.clearance) == f"scan-{reader}"


def test_nobody_else_reads_scanned():
    with pytest.raises(ValueError, match="scanned"):
        Clearance.of("scan-handle")


@pytest.mark.parametrize("test", ["@.kind == 'Public'", "match(@.kind, 'PUB.*')", "search(@.kind, 'BLI')"])
def test_a_filter_compares_in_any_case_on_request(test):
    body = "{locality: cloud, ignore_case: %s}"
    for word, holds in (("true", "cloud"), ("false", "handle")):
        text = f'version: 1\ntools: {{a.b: {{results: {{"$.x[?{test}].y": {body % word}}}}}}}'
        found = load_policy(text).results("a.b", {"x": [{"kind": "pubLIC", "y": 1}]})
        assert found.at(("x", 0, "y")).locality == holds
