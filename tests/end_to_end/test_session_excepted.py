"""An exception of a detector lets its value out, says so wherever it counts, and holds no longer than it stands."""

import io
from functools import partial

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.labelling.gazetteers import load_gazetteers
from umi_edge.policy import load_policy
from umi_edge.session.events import Answered, Instructed
from umi_edge.session.report import Report
from umi_edge.terminal.live_view import LiveView
from umi_edge.terminal.preview import TerminalPreview
from umi_edge.tools import Hints
from umi_shared.screen.console import Screen

NAME, OTHER = "Rosewood", "Marigold"
RULE = "policy.yaml:2 detect_also[0] client except_values"
POLICY = f"""version: 1
detect_also: [{{type: client, values: [{NAME}, {OTHER}], except_values_file: free.txt}}]
tools:
  "*": {{runs: device, confirm: never, stored_as: nowhere}}
  data.get: {{results: {{"$": scan}}}}
"""
GET = [plan("Use data.get."), plan("Done.", "summarizer"), "It is done."]


def home(tmp_path):
    (tmp_path / "free.txt").write_text(f"{NAME}\n")
    tools = [tool_of("data.get", lambda _: f"a {NAME} table of {OTHER}", hints=Hints(read_only=True))]
    return {"tools": tools, "policy": load_policy(POLICY, str(tmp_path / "policy.yaml"))}


class Looks:
    """Says yes, and keeps what was shown."""

    def __init__(self):
        self.shown = []

    async def approve(self, outbound):
        self.shown.append(outbound)
        return True


async def test_it_leaves_and_the_view_the_preview_and_the_report_say_by_which_line(tmp_path):
    looks = Looks()
    async with world(tmp_path, plans=GET, calls=[("data.get", "{}")], **home(tmp_path)) as w:
        w.session.cloud.approver = looks
        ending = await w.session.ask(f"What of the {NAME} table of {OTHER}?")
        assert isinstance(ending, Answered)
        shown = io.StringIO()
        LiveView(Screen(file=shown, width=200), w.vault).show(Instructed(w.session.calls.entries[1].text))
        report = Report(session=w.session, ending=ending)
    assert NAME.encode() in w.capture.bytes_out
    assert OTHER.encode() not in w.capture.bytes_out
    assert f"{NAME}   by an exception: {RULE}" in shown.getvalue()
    assert report.excepted == report.as_json()["excepted"] == [f"1 by {RULE}"]
    assert looks.shown[0].notes == (f"{len(NAME)} bytes of what a detector finds leave by {RULE}",)
    lines = "\n".join(map(str, TerminalPreview(Screen(file=io.StringIO()), None)._shown(looks.shown[0])))
    assert f"By exception: {len(NAME)} bytes" in lines


async def test_one_that_is_taken_back_holds_for_no_later_message(tmp_path):
    """Not in what is new, and not in what was said before, which is sent again."""
    async with world(tmp_path, plans=GET * 2, calls=[("data.get", "{}")] * 2, **home(tmp_path)) as w:
        w.session.read_gazetteers = partial(load_gazetteers, w.session.labeller.policy, w.session.catalogue)
        await w.session.ask(f"What of the {NAME} table?")
        before = len(w.capture.requests)
        assert NAME.encode() in w.capture.bytes_out
        (tmp_path / "free.txt").write_text("Nothing Else\n")
        assert isinstance(await w.session.ask("And now?"), Answered)
    later = b"".join(sent.message for sent in w.capture.requests[before:])
    assert b"table" in later
    assert NAME.encode() not in later
