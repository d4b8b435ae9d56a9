"""Two lines of a policy of which one keeps what may stand in a text that the other lets out whole."""

import pytest

from umi_edge.policy import load_policy
from umi_edge.policy.disagreement import disagreements
from umi_edge.policy.lint import warnings_of

POLICY = """
version: 1
tools:
  notes.search:
    results:
      "$.notes[*].title": {locality: handle, type: title}
      "$.notes[*].date": {locality: planner, type: date}
  notes.read:
    results:
      "$.text": planner
  crm.get:
    results: {"$.name": handle}
"""


def found(text: str = POLICY, tools=()):
    return disagreements(load_policy(text, "p.yaml"), tools)


def test_both_lines_are_named_with_their_tools_and_paths_and_what_to_say():
    (one,) = found()
    assert one.line == 10
    assert one.message == (
        "`$.text` of notes.read (line 10: `planner`) lets texts out whole, and `$.notes[*].title` of notes.search "
        "(line 6: `handle`) keeps what may stand in them: where it does, the session stops"
    )
    assert one.fix.startswith("say `scan-planner`")


def test_it_is_a_warning_of_the_check():
    (problem,) = [one for one in warnings_of(load_policy(POLICY, "p.yaml")) if "whole, and" in one.message]
    assert problem.line == 10


@pytest.mark.parametrize("word", ["scan-planner", "cloud", "scan", "handle"])
def test_what_is_looked_through_or_public_or_kept_disagrees_with_nothing(word):
    assert not found(POLICY.replace('"$.text": planner', f'"$.text": {word}'))


def test_only_tools_that_are_here_count():
    assert found(tools=["notes.read", "notes.search"])
    assert not found(tools=["notes.read", "crm.get"])


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("  search.everywhere: {results: {'$.hits[*].title': handle}}", "search.everywhere (line 13"),
        ("  notes.list: {defaults: {results: hidden}}", "the default of notes.list (line 13: `hidden`)"),
        ("  '*': {results: {'$..name': handle}}", "`$..name` of * (line 13: `handle`)"),
    ],
)
def test_defaults_wildcards_and_the_search_of_all_stores_count_too(entry, named):
    text = POLICY.replace('"$.notes[*].title": {locality: handle, type: title}', '"$.notes[*].id": cloud')
    assert not found(text)
    assert any(named in one.message for one in found(text + entry + "\n"))


def test_a_rule_that_another_one_outweighs_lets_nothing_out():
    assert not found(POLICY + "  notes.*: {results: {'$.text': handle}}\n")


def test_what_one_reader_may_read_is_kept_from_the_other():
    """A value for the summarizer alone may stand in a text that the planner reads."""
    (one,) = found(POLICY.replace("{locality: handle, type: title}", "{locality: summarizer, type: title}"))
    assert one.line == 10
    assert "(line 6: `summarizer`) keeps what may stand in them" in one.message
