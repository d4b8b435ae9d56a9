"""`never_to` and `only_to`: what a tool gives is never an argument of another one, whatever else is allowed."""

import pytest

from umi_edge.policy import Allowed, Ask, Denied, InvalidPolicyError, LabelledLeaf, check_call, load_policy
from umi_edge.policy.explanation import said_by
from umi_edge.policy.hints import Hints
from umi_edge.policy.lint import warnings_of
from umi_edge.policy_tools.subjects import named_tools
from umi_edge.policy_tools.unmet import unknown_words
from umi_shared.bars import Bar
from umi_shared.handles import Handle
from umi_shared.labels import Label, Locality

POLICY = """
version: 1
tools:
  crm.*:
    never_to: [mail.send]
  crm.get:
    results:
      "$.notes": {locality: cloud, never_to: ["web.*"]}
      "$.notes.own": cloud
      "$.file": {locality: handle, type: path, only_to: [files.read]}
  mail.*: {confirm: never, runs: device, stored_as: nowhere}
  web.*: {confirm: never, runs: device, stored_as: nowhere}
  files.read: {confirm: never}
  web.redact: {arguments: {q: {on_violation: redact}}}
  notes.keep: {confirm: never, runs: device, stored_as: {text: {tool: notes.give, path: "$"}}}
  notes.give: {runs: device, stored_as: nowhere, results: {"$": {locality: handle, never_to: [mail.*]}}}
  notes.lax: {confirm: never, runs: device, stored_as: {text: {tool: notes.get, path: "$"}}}
  notes.get: {runs: device, stored_as: nowhere}
"""
MAIL = Bar("p.yaml:5 tools.crm.* never_to", ("mail.send",))


def policy(text: str = POLICY):
    return load_policy(text, "p.yaml")


def given(*path: str, written: bool = False) -> LabelledLeaf:
    found = policy().table("crm.get", "results").assign(None).at(path)
    label = Label.at(found.locality).with_bars(found.bars)
    if written:
        return LabelledLeaf(label=label, model_written=True, written=label)
    return LabelledLeaf(label=label, type="text", handles=(Handle("text", 1),), origins=("crm.get",))


def test_bars_add_up_from_the_entry_to_the_rule_and_below_and_none_is_lifted():
    at = policy().table("crm.get", "results").assign(None).at
    assert at(("other",)).bars == {MAIL}
    assert at(("notes",)).bars == at(("notes", "own")).bars
    assert {str(bar) for bar in at(("notes", "own")).bars} == {"never_to: mail.send", "never_to: web.*"}
    assert not policy().table("crm.get", "arguments").default.bars


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(
    ("path", "tool", "rules"),
    [
        (("other",), "mail.send", ["p.yaml:5 tools.crm.* never_to"]),
        (("notes",), "web.search", ["p.yaml:8 tools.crm.get.results $.notes never_to"]),
        (("notes", "own"), "web.search", ["p.yaml:8 tools.crm.get.results $.notes never_to"]),
        (
            ("file",),
            "mail.send",
            ["p.yaml:10 tools.crm.get.results $.file only_to", "p.yaml:5 tools.crm.* never_to"],
        ),
    ],
)
def test_a_call_is_denied_with_the_rule_its_file_and_its_line(path, tool, rules, written):
    verdict = check_call(policy(), tool, {("q",): given(*path, written=written)})
    assert isinstance(verdict, Denied)
    (reason,) = [one for one in verdict.reasons if one.code == "barred"]
    assert reason.rule_id.split("; ") == rules
    assert ("a model wrote this" in reason.message) is written
    assert f"$.q of {tool} may not be given this" in str(reason)


def test_what_only_one_tool_may_have_goes_to_that_tool():
    leaf, reads = {("path",): given("file")}, Hints(read_only=True)
    assert check_call(policy(), "files.read", leaf, reads, source="builtin") == Allowed()


def test_an_operator_may_use_it_since_what_it_makes_is_barred_likewise():
    leaf, hints = {("template",): given("file")}, Hints(read_only=True, derived=True)
    assert check_call(policy(), "value.compose", leaf, hints, source="builtin") == Allowed()


def test_an_argument_that_is_redacted_is_left_out():
    verdict = check_call(policy(), "web.redact", {("q",): given("notes")}, argument_names=["q"])
    assert verdict == Allowed(redact=frozenset({("q",)}))


@pytest.mark.parametrize("written", [False, True])
def test_what_goes_into_a_store_must_come_out_of_it_as_barred(written):
    leaf = {("text",): given("other", written=written)}
    assert check_call(policy(), "notes.keep", leaf) == Allowed()
    verdict = check_call(policy(), "notes.lax", leaf)
    assert isinstance(verdict, Ask)
    (reason,) = verdict.reasons
    assert (
        "notes.get shows it without `never_to: mail.send` (p.yaml:5 tools.crm.* never_to)" in reason.message
    )
    assert "if the policy said `never_to: mail.send` of `$` of notes.get, too" in reason.counterfactual


def test_an_entry_is_said_in_words_and_its_names_are_checked():
    (rule,) = [one for one in policy().tools["crm.get"].results if one.path == "$.file"]
    assert said_by(rule) == "handle, type path, only_to: files.read"
    text = POLICY.replace("[mail.send]", "[mail.sned]")
    tools = named_tools(policy(), ())
    found = [one for one in unknown_words(policy(text), tools) if "mail.sned" in one.message]
    assert [(one.line, one.fix) for one in found] == [(4, "did you mean `mail.send` or `mail.read`?")]


@pytest.mark.parametrize("text", ["[]", "mail.send", "[1]", "['a b']", "[a*b]"])
def test_what_is_no_list_of_tools_is_refused(text):
    with pytest.raises(InvalidPolicyError, match=r"p\.yaml:3"):
        load_policy(f"version: 1\ntools:\n  crm.get: {{never_to: {text}}}", "p.yaml")


def test_a_store_that_is_barred_and_can_be_searched_otherwise_is_warned_of():
    text = "version: 1\ntools:\n  files.*: {never_to: [mail.send]}\n"
    found = warnings_of(policy(text))
    assert [one.line for one in found] == [3, 3]
    for problem, search in zip(found, ("search.everywhere", "search.answer"), strict=True):
        assert f"{search} finds what files.* gives, too" in problem.message
    assert not warnings_of(policy(text + "  search.*: {never_to: [mail.*]}"))
    assert not warnings_of(policy(text + "  search.*: {card: hidden}"))
    (left,) = warnings_of(policy(text + "  search.everywhere: {never_to: [mail.*]}"))
    assert "search.answer" in left.message


def test_a_rule_that_repeats_a_bar_is_no_line_without_effect():
    assert not [one for one in warnings_of(policy()) if "never_to" in one.message]


def test_the_label_of_a_value_survives_locality_words():
    assert Label.at(Locality.CLOUD).with_bars(frozenset({MAIL})).public
