"""A value that one rule keeps and another lets out within a text: the session stops, and says which two rules."""

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard
from umi_shared.errors import PrivacyError

TITLE = "Kestrelwood Wharf"
POLICY = """
tools:
  "*": {runs: device, confirm: never, stored_as: nowhere}
  notes.find: {results: {"$[*]": {locality: KEPT, type: title}}}
  notes.show: {results: {"$.text": READER}}
"""


def session(tmp_path, kept, reader):
    tools = [
        tool_of("notes.find", lambda _: [TITLE]),
        tool_of("notes.show", lambda _: {"text": f"See [[{TITLE}]] and more"}),
    ]
    plans = [plan("Use notes.find."), plan("Use notes.show."), plan("Done.", "summarizer"), "It is done."]
    calls = [("notes.find", "{}"), ("notes.show", "{}")]
    policy = POLICY.replace("KEPT", kept).replace("READER", reader)
    return world(tmp_path, plans=plans, calls=calls, tools=tools, policy=policy, guard=EgressGuard)


@pytest.mark.parametrize("reader", ["planner", "summarizer"])
@pytest.mark.parametrize(("kept", "handle"), [("handle", "<title:1>"), ("hidden", "<hidden:1>")])
async def test_it_names_the_value_s_handle_both_rules_and_where_it_stands(tmp_path, kept, handle, reader):
    async with session(tmp_path, kept, reader) as w:
        with pytest.raises(PrivacyError) as caught:
            await w.session.ask("Show it.")
    said = str(caught.value)
    assert (
        f"{handle} (from notes.find) stays on this device by test.yaml:6 tools.notes.find.results $[*]"
        in said
    )
    place = "it stands in what notes.show gave, which test.yaml:7 tools.notes.show.results $.text"
    assert f"{place} lets the {reader} read" in said
    assert f"say `scan-{reader}` in the second rule" in said
    assert TITLE not in said
    assert TITLE.encode() not in w.capture.bytes_out


async def test_what_it_says_to_do_helps(tmp_path):
    async with session(tmp_path, "handle", "scan-planner") as w:
        await w.session.ask("Show it.")
    assert b"and more" in w.capture.bytes_out
    assert TITLE.encode() not in w.capture.bytes_out
