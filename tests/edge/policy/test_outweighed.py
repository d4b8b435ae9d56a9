"""What a policy says to no effect is warned of, with its line and the rule that outweighs it."""

import pytest

from umi_edge.policy import default_policy, load_policy
from umi_edge.policy.lint import warnings_of
from umi_shared.errors import PolicyError

HEAD = """version: 1
tools:
  crm.*:
    confirm: always
    errors: hidden
    results: {"$": hidden}
    arguments: {"$": {accepts: cloud, on_violation: deny}}
  crm.list:
"""


def _warned(entry: str, head: str = HEAD) -> list[tuple[int, str]]:
    return [(one.line, one.message) for one in warnings_of(load_policy(head + entry, "p.yaml"))]


@pytest.mark.parametrize(
    ("entry", "what", "by"),
    [
        ("confirm: never", "`confirm: never` of crm.list", "`always` holds, by p.yaml:4 tools.crm.*.confirm"),
        ("errors: cloud", "`errors: cloud` of crm.list", "`hidden` holds, by p.yaml:5 tools.crm.*.errors"),
        ("defaults: {results: cloud}", "the default `results: cloud`", "p.yaml:6 tools.crm.*.results $"),
        ('results: {"$.a": cloud}', "`$.a: cloud`", "`hidden` holds, by p.yaml:6 tools.crm.*.results $"),
        ('results: {"$.a[?@.b == 1]": cloud}', "`$.a[?@.b == …]: cloud`", "p.yaml:6 "),
        ('results: {"$.a": {show: year}}', "`show: year` of `$.a`", "`nothing` holds, by p.yaml:6 "),
        ("arguments: {x: {accepts: handle}}", "`accepts: handle` of `x`", "`cloud` holds, by p.yaml:7 "),
        ("arguments: {x: {on_violation: ask}}", "`on_violation: ask` of `x`", "`deny` holds, by p.yaml:7 "),
    ],
)
def test_what_another_entry_outweighs(entry: str, what: str, by: str) -> None:
    ((line, message),) = [one for one in _warned(f"    {entry}\n") if "no effect" in one[1]]
    assert line == 9
    assert what in message
    assert message.endswith(by) or by in message


@pytest.mark.parametrize(
    ("rules", "line", "by"),
    [
        ('"$.a": {locality: cloud, shape: hidden}', 4, "p.yaml:4 tools.a.b.results $.a"),
        (
            '"$.a": {locality: handle, shape: hidden}\n      "$.a.c": cloud',
            5,
            "p.yaml:4 tools.a.b.results $.a",
        ),
        ('"$..c": hidden\n      "$.a.c": cloud', 5, "p.yaml:4 tools.a.b.results $..c"),
        ('"$.a": {locality: cloud, link: false}', 4, "the value itself leaves"),
    ],
)
def test_what_the_entry_itself_outweighs(rules: str, line: int, by: str) -> None:
    text = f"version: 1\ntools:\n  a.b: {{results: {{\n      {rules.replace(chr(10), ',' + chr(10))}}}}}\n"
    ((at, message),) = [(one.line, one.message) for one in warnings_of(load_policy(text, "p.yaml"))]
    assert at == line
    assert by in message


@pytest.mark.parametrize(
    "entry",
    [
        "confirm: always",
        "runs: device",
        'results: {"$": hidden}',
        "arguments: {x: {requires: trusted}}",
        "defaults: {arguments: scan}",
    ],
)
def test_what_agrees_or_adds_is_not(entry: str) -> None:
    assert _warned(f"    {entry}\n") == []


def test_a_rule_that_holds_at_one_of_its_places_is_not() -> None:
    text = 'version: 1\ntools: {a.*: {results: {"$": hidden, "$.x": cloud}}, a.b: {results: {"$.*": cloud}}}'
    assert warnings_of(load_policy(text)) == ()


def test_on_violation_where_the_tool_reads_everything() -> None:
    (one,) = _warned(
        "    runs: device\n    arguments: {x: {on_violation: ask}}\n", "version: 1\ntools:\n  a.b:\n"
    )
    assert "`on_violation` of `x` of a.b has no effect" in one[1]
    assert "p.yaml:4 tools.a.b.runs" in one[1]


@pytest.mark.parametrize(
    ("detector", "fix"),
    [
        ("{type: email, pattern: email}", "builtin:email"),
        ("{type: client_phone, pattern: phone_number}", "builtin:phone"),
        ("{type: x, pattern: IBAN}", "builtin:iban"),
        ("{type: client, pattern: client}", "a regular expression"),
    ],
)
def test_a_pattern_that_is_a_detectors_name(detector: str, fix: str) -> None:
    (one,) = warnings_of(load_policy(f"version: 1\ndetect_also:\n  - {detector}\n"))
    assert one.line == 3
    assert "nothing but that word" in one.message
    assert fix in one.fix


@pytest.mark.parametrize("detector", ["{type: site, pattern: Lyon}", "{type: code, pattern: 'card [0-9]+'}"])
def test_a_pattern_of_a_word_of_ones_own_is_not(detector: str) -> None:
    assert warnings_of(load_policy(f"version: 1\ndetect_also:\n  - {detector}\n")) == ()


def test_the_policy_that_ships_has_no_warning() -> None:
    assert warnings_of(default_policy()) == ()


def test_entries_that_give_one_argument_two_types_are_refused() -> None:
    entries = "crm.*: {arguments: {x: {type: email}}}, crm.list: {arguments: {x: {type: p}}}"
    with pytest.raises(PolicyError, match="gives the type"):
        load_policy(f"version: 1\ntools: {{{entries}}}")
