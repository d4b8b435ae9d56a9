"""`umi policy check --here`: what a policy says of things that this configuration does not have."""

import json

from click.testing import CliRunner

from tests.end_to_end.harness import tool_of
from umi_edge.cli import umi
from umi_edge.policy import load_policy
from umi_edge.policy_tools.recorded import (
    RecordedCall,
    RecordedLeaf,
    RecordedResult,
    RecordedSession,
)
from umi_edge.policy_tools.subjects import declared_tools
from umi_edge.policy_tools.unmet import unknown_words, unmet_rules

POLICY = """
version: 1
tools:
  contact.search: {confirm: always}
  contacts.search:
    arguments: {nmae: scan, name: scan}
    results:
      "$.matches[*].emial": cloud
      "$.matches[*].email": handle
      "$..company": cloud
      "$.matches[?@.kind == 'org'].name": cloud
  "crm.*": {confirm: always}
  "notes.*":
    results: {"$.notes[*].title": scan, "$.title": scan, "$.subject": scan}
  files.read: {results: {"$.text": handle}}
"""


def said(problems) -> list[tuple[int, str]]:
    return [(one.line, one.message) for one in problems]


def test_names_that_no_tool_and_no_schema_has_are_told_with_what_is_near():
    found = list(unknown_words(load_policy(POLICY), declared_tools()))
    assert said(found) == [
        (4, "`contact.search`: no tool is called so in this configuration"),
        (6, "`nmae` of contacts.search: its arguments declare no `nmae`"),
        (8, "`$.matches[*].emial` of contacts.search: its results declare no `emial`"),
        (12, "`crm.*`: no tool's name begins so in this configuration"),
        (14, "`$.subject` of notes.*: its results declare no `subject`"),
    ]
    assert "contacts.search" in found[0].fix
    assert "email" in found[2].fix


def test_a_built_in_tool_that_is_not_set_up_is_known_all_the_same():
    assert not [one for one in unknown_words(load_policy(POLICY), []) if "files.read" in one.message]


def test_a_tool_that_declares_no_result_may_return_anything():
    policy = load_policy("version: 1\ntools: {a.b: {results: {'$.x': cloud}}}")
    assert not list(unknown_words(policy, [tool_of("a.b", str)]))


def recorded(*steps) -> list[RecordedSession]:
    return [RecordedSession(file="a.jsonl", line=1, policy="x", steps=steps)]


def test_rules_that_matched_nothing_in_the_sessions_that_called_the_tool_are_told():
    sessions = recorded(
        RecordedCall(tool="contacts.search", leaves=(RecordedLeaf(path=("name",)),)),
        RecordedResult(tool="contacts.search", leaves=(RecordedLeaf(path=("matches", 0, "email")),)),
        RecordedResult(tool="notes.read", leaves=(RecordedLeaf(path=("title",)),)),
    )
    found = said(unmet_rules(load_policy(POLICY), sessions))
    assert [line for line, _ in found] == [6, 8, 10, 14, 14]
    assert "files.read" not in str(found), "no session called it"
    assert "org" not in str(found), "whether a filter matched is not recorded"


def test_the_command_says_both_and_the_file_is_still_a_policy(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "config.yaml").write_text("ledger: data/ledger.jsonl\n")
    run = ["policy", "check", str(tmp_path / "policy.yaml"), "--json"]
    here = [*run, "--here", "--config", str(tmp_path / "config.yaml")]
    told = []
    for arguments in (run, here):
        ran = CliRunner().invoke(umi, arguments, standalone_mode=False)
        assert ran.return_value == 0, ran.output
        told.append([one["message"] for one in json.loads(ran.output)["warnings"]])
    assert "`contact.search`: no tool is called so in this configuration" in told[1]
    assert not any("no tool is called so" in message for message in told[0])
