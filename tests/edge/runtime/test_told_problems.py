"""What a session says before it starts."""

import io
from types import SimpleNamespace

import pytest

from umi_edge.labelling.gazetteers import Gazetteers
from umi_edge.policy import load_policy
from umi_edge.records import Records
from umi_edge.runtime.conversation import tell_of_problems
from umi_shared.screen.console import Screen

POLICY = """
version: 1
tools:
  notes.search: {results: {"$.notes[*].title": handle}}
  notes.read: {results: {"$.text": planner}}
"""


@pytest.mark.parametrize(("tools", "said"), [(["notes.search", "notes.read"], True), (["notes.read"], False)])
def test_rules_that_disagree_are_named_where_both_tools_are_here(tools, said):
    screen = io.StringIO()
    laptop = SimpleNamespace(
        policy=load_policy(POLICY, "p.yaml"),
        catalogue=[SimpleNamespace(name=name) for name in tools],
        fetched=(),
        missing=(),
        gazetteers=Gazetteers(),
        records=Records.of_session(),
    )
    tell_of_problems(laptop, Screen(file=screen, width=1000))
    told = screen.getvalue()
    assert ("Careful: p.yaml: `$.text` of notes.read (line 5: `planner`)" in told) is said
    assert ("`$.notes[*].title` of notes.search (line 4: `handle`)" in told) is said
    assert ("Fix: say `scan-planner`" in told) is said
