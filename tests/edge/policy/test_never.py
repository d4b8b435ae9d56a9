"""`never:` of a policy: types whose values leave under no rule, and of whose calls the user is always asked."""

import pytest

from umi_edge.policy import Allowed, Ask, InvalidPolicyError, LabelledLeaf, Scanner, check_call, load_policy
from umi_edge.policy.hints import Hints
from umi_shared.handles import Handle
from umi_shared.labels import Label, Locality

POLICY = """
version: 1
detect: [{type: client, values: [Meyer]}, {type: email, pattern: builtin}]
never: [{type: client}]
tools:
  crm.get:
    defaults: {results: cloud}
    results:
      "$.client": {locality: cloud, type: client}
      "$.hidden": {locality: hidden, type: client}
      "$.scan": {locality: scan, type: client}
      "$.mail": {locality: planner, type: email}
  web.post: {confirm: never, stored_as: nowhere, arguments: {q: {accepts: hidden}}}
  mail.post: {runs: device, confirm: never, stored_as: nowhere}
  local.keep: {runs: device, confirm: never, stored_as: nowhere}
"""
CLIENT = LabelledLeaf(
    label=Label.at(Locality.HANDLE), type="client", handles=(Handle("client", 1),), origins=("crm.get",)
)
TEXT = LabelledLeaf(label=Label.at(Locality.HANDLE), type="text", handles=(Handle("text", 1),))


def policy(text: str = POLICY):
    return load_policy(text, "test.yaml")


@pytest.mark.parametrize(
    ("path", "holds"), [("client", "handle"), ("scan", "handle"), ("hidden", "hidden"), ("mail", "planner")]
)
def test_what_a_rule_gives_the_type_stays_and_no_less_than_the_rule_says(path, holds):
    resolution = policy().results("crm.get", {path: ""}).at((path,))
    assert str(resolution.clearance) == holds
    assert ("test.yaml:4 never[0] client" in resolution.rule_id) == (path in ("client", "scan"))


def test_what_is_below_a_node_of_the_type_stays_too():
    assert policy().results("crm.get", None).at(("client", "name")).locality == "handle"


def test_a_third_party_that_accepts_everything_is_asked_about_by_the_type_of_a_handle():
    verdict = check_call(policy(), "web.post", {("q",): CLIENT})
    assert isinstance(verdict, Ask)
    (reason,) = verdict.reasons
    assert (reason.code, reason.path, reason.rule_id) == ("never", "$.q", "test.yaml:4 never[0] client")
    assert check_call(policy(), "web.post", {("q",): TEXT}) == Allowed()


def test_what_the_argument_holds_counts_whatever_it_is_called():
    verdict = check_call(policy(), "web.post", {("q",): TEXT}, holds_never=lambda at: at == ("q",))
    assert [reason.code for reason in verdict.reasons] == ["never"]


def test_a_tool_that_says_that_it_sends_is_asked_about_though_the_policy_calls_it_the_devices():
    sends = Hints(open_world=True)
    assert isinstance(check_call(policy(), "mail.post", {("q",): CLIENT}, sends), Ask)
    assert check_call(policy(), "mail.post", {("q",): TEXT}, sends) == Allowed()


def test_a_tool_of_the_device_is_not_asked_about():
    assert check_call(policy(), "local.keep", {("q",): CLIENT}) == Allowed()


def test_what_is_left_out_of_a_call_is_not_asked_about():
    redacts = POLICY.replace("accepts: hidden", "accepts: cloud, on_violation: redact")
    assert check_call(policy(redacts), "web.post", {("q",): CLIENT}) == Allowed(frozenset({("q",)}))


def test_a_type_that_no_detector_looks_for_is_refused():
    with pytest.raises(InvalidPolicyError) as raised:
        policy(POLICY.replace("never: [{type: client}]", "never: [{type: cleint}]"))
    (problem,) = raised.value.problems
    assert (problem.line, "no detector looks for `cleint`" in problem.message) == (4, True)
    assert "client, email" in problem.fix


def test_only_the_detectors_of_these_types_look_through_what_leaves_unscanned():
    scanner = Scanner.of(policy(), {})
    assert scanner.never is not None
    assert [found.type for found in scanner.never.scan("Meyer wrote to ann@example.org")] == ["client"]
    assert Scanner.of(policy(POLICY.replace("never: [{type: client}]", "")), {}).never is None
