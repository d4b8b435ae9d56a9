"""What is put into a store is judged by the rule under which it is read back; undeclared means ask."""

import pytest

from umi_edge.policy import Allowed, Ask, LabelledLeaf, Policy, check_call, load_policy
from umi_edge.policy.hints import Hints
from umi_edge.policy.stored_as import read_back_at, stored_as
from umi_shared.errors import PolicyError
from umi_shared.handles import Handle
from umi_shared.labels import Integrity, Label, Locality

KEPT = LabelledLeaf(
    label=Label.at(Locality.HANDLE), type="text", handles=(Handle("text", 4),), origins=("mail.read",)
)


def policy_of(rules: str, *, stored: str = 'stored_as: {t: {tool: b.list, path: "$.items[*].t"}}') -> Policy:
    put = (
        f"b.put: {{runs: device, confirm: never, {stored}}}"
        if stored
        else "b.put: {runs: device, confirm: never}"
    )
    return load_policy(f"version: 1\ntools:\n  {put}\n  b.list:\n    card: scan\n{rules}", "p.yaml")


def results(*rules: str) -> str:
    return "    results:\n" + "".join(f"      {rule}\n" for rule in rules)


def leaf(locality: Locality) -> LabelledLeaf:
    return LabelledLeaf(
        label=Label.at(locality, Integrity.TRUSTED), type="text", handles=(Handle("text", 4),)
    )


ORDER = {
    "cloud": {"cloud"},
    "planner": {"cloud", "planner"},
    "summarizer": {"cloud", "summarizer"},
    "handle": {"cloud", "planner", "summarizer", "handle"},
    "hidden": {"cloud", "planner", "summarizer", "handle", "hidden"},
}
"""What a place may be given unasked, said a second time."""


@pytest.mark.parametrize("rule", ORDER)
@pytest.mark.parametrize("kept", list(Locality))
def test_a_value_goes_unasked_only_where_it_is_read_back_no_more_freely(rule: str, kept: Locality) -> None:
    policy = policy_of(results(f'"$.items[*].t": {rule}'))
    verdict = check_call(policy, "b.put", {("t",): leaf(kept)})
    assert isinstance(verdict, Allowed if kept.value in ORDER[rule] else Ask)


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        (results(), False),  # built-in default
        ("    defaults: {results: cloud}\n", True),
        (results('"$..t": planner'), True),
        (results('"$.items": cloud'), True),  # inherited from above
        (results('"$.items": cloud', '"$.items[*].t": handle'), False),
        (results('"$.items[*].t.inner": cloud'), True),  # it may come back below
        (results("\"$.items[?@.kind == 'open'].t\": cloud"), True),  # the filter may match
        (results('"$.items[-1].t": cloud'), True),
        (results('"$.items[0].t": cloud'), True),
        (results('"$.items[*].t": {locality: handle, show: last4}'), True),
        (results('"$.items[*].other": cloud'), False),
        (results('"$": {locality: cloud, shape: hidden}'), False),
    ],
)
def test_all_that_may_hold_where_it_comes_back_counts(rules: str, asked: bool) -> None:
    rules = rules if rules != results() else ""
    assert isinstance(check_call(policy_of(rules), "b.put", {("t",): KEPT}), Ask) is asked


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("", True),
        ("stored_as: nowhere", False),
        ("stored_as: {t: nowhere}", False),
        ("stored_as: {other: nowhere}", True),
        ('stored_as: {"$..*": nowhere}', False),
        ('stored_as: {t: nowhere, "$": {tool: b.list, path: "$.open"}}', True),
        ('stored_as: {t: [{tool: b.list, path: "$.closed"}, {tool: b.list, path: "$.open"}]}', True),
        ('stored_as: {t: [{tool: b.list, path: "$.closed"}]}', False),
        ('stored_as: {t: {tool: b.list, path: "$"}}', True),
        ('stored_as: {t: {tool: b.list, path: "$..*"}}', True),
    ],
)
def test_what_nobody_has_declared_is_asked_about(stored: str, asked: bool) -> None:
    policy = policy_of(results('"$.open": cloud'), stored=stored)
    verdict = check_call(policy, "b.put", {("t",): KEPT})
    assert isinstance(verdict, Ask) is asked
    inside = check_call(policy, "b.put", {("t", "deep", 0): KEPT}, argument_names=["t", "deep"])
    assert isinstance(inside, Ask) is asked
    public = check_call(policy, "b.put", {("t",): leaf(Locality.CLOUD)})
    assert isinstance(public, Allowed)


@pytest.mark.parametrize(
    ("source", "asked"), [("python", False), ("builtin", False), ("mcp:b", True), ("", True)]
)
def test_only_umi_and_the_users_own_code_are_believed_that_a_tool_writes_nothing(
    source: str, asked: bool
) -> None:
    policy = policy_of("", stored="")
    verdict = check_call(policy, "b.put", {("t",): KEPT}, Hints(read_only=True), source=source)
    assert isinstance(verdict, Ask) is asked


def test_a_place_of_a_tool_that_the_policy_does_not_know_is_asked_about() -> None:
    """A name that is misspelt would have no rule, and what has no rule seems to stay."""
    policy = policy_of(results('"$.t": cloud'), stored="")
    for place, asked in (("b.lst: $.t", True), ("b.list: $.t", True), ("b.list: $.u", False)):
        verdict = check_call(policy, "b.put", {("t",): KEPT}, stored_as=stored_as({"t": [place]}))
        assert isinstance(verdict, Ask) is asked


def test_a_scanned_place_takes_what_the_detectors_would_find_and_they_are_asked_only_there() -> None:
    looked = []

    def finds_all(location: object) -> Label:
        looked.append(location)
        return Label.at(Locality.CLOUD)

    scanned, kept = policy_of(results('"$..t": scan')), policy_of("")
    assert isinstance(check_call(scanned, "b.put", {("t",): KEPT}), Ask)
    assert isinstance(check_call(kept, "b.put", {("t",): KEPT}, unfound=finds_all), Allowed)
    assert looked == []
    assert isinstance(check_call(scanned, "b.put", {("t",): KEPT}, unfound=finds_all), Allowed)
    assert looked == [("t",)]
    part = check_call(scanned, "b.put", {("t",): KEPT}, unfound=lambda _: Label.at(Locality.PLANNER))
    assert isinstance(part, Ask)


def test_what_is_left_out_of_the_call_is_not_stored() -> None:
    policy = load_policy(
        "version: 1\ntools: {b.put: {runs: third-party, confirm: never, arguments: {t: {on_violation: redact}}}}",
        "p.yaml",
    )
    assert check_call(policy, "b.put", {("t",): KEPT}) == Allowed(frozenset({("t",)}))


def test_the_question_says_what_would_happen_and_how_to_be_asked_no_more() -> None:
    verdict = check_call(policy_of(results('"$.items[*].t": scan')), "b.put", {("t",): KEPT})
    assert isinstance(verdict, Ask)
    (reason,) = verdict.reasons
    assert (reason.code, reason.path, reason.type) == ("stored", "$.t", "text")
    assert str(reason) == (
        "this puts <text:4> (from mail.read), kept as `handle`, into $.t of b.put, and tomorrow b.list shows it to the"
        " planner and the summarizer, but for what the detectors find in it (rule: p.yaml:7 tools.b.list.results"
        " $.items[*].t); it would run at once if the policy kept `$.items[*].t` of b.list (`handle`)"
    )
    (reason,) = check_call(policy_of("", stored=""), "b.put", {("t",): KEPT}).reasons  # type: ignore[union-attr]
    assert str(reason) == (
        "nothing says which tools read $.t of b.put back, and this puts <text:4> (from mail.read), kept as `handle`,"
        " into it (rule: built in: what stays is asked about where nobody says where it is read back); it would run at"
        " once if `stored_as:` of b.put said where (or `nowhere`), and the rules there keep it"
    )


@pytest.mark.parametrize(
    ("stored", "line", "says"),
    [
        ("stored_as: somewhere", 3, "not one of its words"),
        ("stored_as: {t: {tool: b.lst, path: $.x}}", 3, "no rules for `b.lst`"),
        ('stored_as: {t: {tool: b.list, path: "$.x["}}', 3, "not a JSONPath"),
        ('stored_as: {"$[?@.x]": nowhere}', 3, "depends on values"),
        ("stored_as: {t: {tool: b.list}}", 3, "lacks `path`"),
        ("stored_as: {t: []}", 3, "is empty"),
    ],
)
def test_a_declaration_that_is_wrong_is_refused_with_its_line(stored: str, line: int, says: str) -> None:
    with pytest.raises(PolicyError, match=f"p.yaml:{line}:.*{says}".replace("`", ".")):
        policy_of("", stored=stored)


def test_several_declarations_of_one_argument_are_joined() -> None:
    said = stored_as({"t": ["a.b: $.x"], "$..*": ["c.d: $.y"], "u": []})
    assert [str(place) for place in read_back_at(said, ("t",)) or ()] == ["a.b: $.x", "c.d: $.y"]
    assert [str(place) for place in read_back_at(said, ("u", "deep")) or ()] == ["c.d: $.y"]
    assert read_back_at(stored_as({"t": []}), ("v",)) is None
