"""What a person, or a program, is told at the end: what was really done, also where the session failed on the way."""

import asyncio
import io
import json
from types import SimpleNamespace

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.ledger import LedgerError
from umi_edge.runtime.conversation import Conversation, Output
from umi_edge.session.events import Answered, GaveUp, Stopped
from umi_edge.session.report import Report
from umi_edge.terminal.live_view import LiveView
from umi_edge.tools import FailureKind, ToolFailure
from umi_shared.errors import PeerError
from umi_shared.screen.console import Screen
from umi_shared.testing import Ending, Reply

POLICY = "tools: {mail.send: {runs: device, confirm: never}}"
SEND, DONE = plan("To send it, use mail.send."), plan("Done.", "summarizer")
CALLS = [("mail.send", '{"to":"a"}')]
BREAKS = Reply(text="To go ", ending=Ending.CRASH)
HANGS = Reply(text="To go ", ending=Ending.HANG)


def tools():
    return [tool_of("mail.send", lambda _: {"sent": True})]


def conversation_of(w, **output) -> Conversation:
    return Conversation(
        laptop=SimpleNamespace(ledger=w.ledger, changed_tools=list),  # type: ignore[arg-type]
        session=w.session,
        output=Output(**{"console": Screen(file=io.StringIO()), "quiet": True} | output),
        where="here",
    )


async def test_a_session_that_fails_tells_what_was_done_before_it(tmp_path, capsys):
    async with world(tmp_path, plans=[SEND, BREAKS], calls=CALLS, tools=tools(), policy=POLICY) as w:
        report = await conversation_of(w).ask("Send it.")
    assert isinstance(report.ending, PeerError)
    assert (report.word, report.exit_code, report.ended_properly) == ("failed", 5, False)
    said = capsys.readouterr()
    assert said.out == "- mail.send: done\n"
    assert said.err.startswith("umi: ")
    assert "Fix: " in said.err


async def test_a_program_is_told_so_as_one_object(tmp_path, capsys):
    async with world(tmp_path, plans=[SEND, BREAKS], calls=CALLS, tools=tools(), policy=POLICY) as w:
        await conversation_of(w, as_json=True).ask("Send it.")
    printed = json.loads(capsys.readouterr().out)
    assert printed["ending"] == "failed"
    assert [(action["tool"], action["result"]) for action in printed["actions"]] == [("mail.send", "done")]
    assert printed["ledger"]["entries"] == 2


async def test_an_interrupted_session_tells_what_was_done_before_it(tmp_path, capsys):
    async with world(tmp_path, plans=[SEND, HANGS], calls=CALLS, tools=tools(), policy=POLICY) as w:
        task = asyncio.create_task(conversation_of(w).ask("Send it."))
        await w.cloud.engine.until(lambda engine: len(engine.generations) == 2 and engine.running == 1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    assert capsys.readouterr().out == "it was interrupted\n- mail.send: done\n"


async def test_each_instruction_is_told_its_own_actions(tmp_path, capsys):
    async with world(
        tmp_path, plans=[SEND, DONE, "Sent.", DONE, "Nothing."], calls=CALLS, tools=tools(), policy=POLICY
    ) as w:
        conversation = conversation_of(w)
        await conversation.ask("Send it.")
        await conversation.ask("And now?")
    assert capsys.readouterr().out == "Sent.\n- mail.send: done\nNothing.\n"


async def test_a_ledger_that_fails_at_the_end_costs_no_answer_and_is_told(tmp_path, monkeypatch, capsys):
    async with world(tmp_path, plans=[SEND, DONE, "Sent."], calls=CALLS, tools=tools(), policy=POLICY) as w:

        def full(_):
            raise LedgerError("the disk is full", fix="make room")

        monkeypatch.setattr(type(w.ledger), "checkpoint", full)
        report = await conversation_of(w).ask("Send it.")
        monkeypatch.undo()
    assert (report.ledger, report.exit_code, report.ended_properly) == (None, 7, False)
    assert capsys.readouterr() == ("Sent.\n- mail.send: done\n", "umi: the disk is full\nFix: make room\n")


@pytest.mark.parametrize(
    ("ending", "code"), [(Answered("a"), 0), (GaveUp("b"), 1), (Stopped("c"), 1), (LedgerError("d"), 7)]
)
def test_each_ending_has_its_exit_code(ending, code):
    assert Report(session=SimpleNamespace(record=[]), ending=ending).exit_code == code  # type: ignore[arg-type]


# On a terminal.


def terminal() -> Screen:
    return Screen(file=io.StringIO(), force_terminal=True, width=200, color_system=None)


async def test_what_a_model_writes_is_no_markup_of_the_terminals(tmp_path):
    console = terminal()
    lost = plan("No way [/red] out [bold]of here.", "give up")
    async with world(tmp_path, plans=[lost], tools=tools(), policy=POLICY) as w:
        await conversation_of(w, console=console, quiet=False).ask("Send [/b] it.")
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "gave up: No way [/red] out [bold]of here." in shown
    assert "nothing was done on this device" in shown


async def test_the_live_view_says_who_is_waited_for_and_leaves_no_spinner(tmp_path):
    console = terminal()
    async with world(tmp_path, plans=[SEND, BREAKS], calls=CALLS, tools=tools(), policy=POLICY) as w:
        conversation = conversation_of(w, console=console, quiet=False)
        view = LiveView(console, w.vault, conversation.output.waiting)
        waited = []
        w.session.observe = lambda event: (view.show(event), waited.append(view.waiting.what))
        await conversation.ask("Send it.")
    assert {"the planner reads", "the caller writes the call"} <= set(waited)
    assert conversation.output.waiting.what == ""
    assert not console._live_stack
    assert "mail.send  to='a'  done" in console.file.getvalue()  # type: ignore[attr-defined]


async def test_the_live_view_says_who_in_the_cloud_reads_a_value(tmp_path):
    """A value for the planner alone did not stay, whatever the summarizer sees."""
    rules = """
tools:
  data.get:
    runs: device
    results: {"$.a": planner, "$.b": summarizer, "$.c": handle, "$.d": summarizer}
detect: [{type: client, values: [Delta-4714]}]
never: [{type: client}]
"""
    values = {"a": "Alpha-4711", "b": "Beta-4712", "c": "Gamma-4713", "d": "Seen of Delta-4714 and on"}
    plans = [plan("To see, use data.get."), plan("Done.", "summarizer"), "Seen."]
    out = io.StringIO()
    async with world(
        tmp_path,
        plans=plans,
        calls=[("data.get", "{}")],
        tools=[tool_of("data.get", lambda _: values)],
        policy=rules,
    ) as w:
        view = LiveView(Screen(file=out, width=200), w.vault)
        w.session.observe = view.show
        report = await Report.of(w.session, "See.", w.ledger)
    lines = {
        line.split()[2]: line
        for line in out.getvalue().splitlines()
        if "-471" in line and "result" not in line
    }
    assert "↑ the planner may read it" in lines["Alpha-4711"]
    assert "↑ the summarizer may read it" in lines["Beta-4712"]
    assert lines["Gamma-4713"].strip().startswith("⌂")
    assert "may read" not in lines["Gamma-4713"]
    assert '"a":"Alpha-4711"' in out.getvalue()  # as the planner reads it
    assert lines["Delta-4714"].strip().startswith("⌂")
    (around,) = (line for line in out.getvalue().splitlines() if "Seen of" in line)
    assert around.strip() == "↑ Seen of … and on   ↑ the summarizer may read it"
    assert report.values_kept == 2


async def test_the_live_view_shows_of_a_failure_what_left(tmp_path):
    """The policy lets the planner read what the tool says, so that it did not stay."""

    def fails(_):
        raise ToolFailure(FailureKind.NOT_FOUND, "no Alpha-4711 for ann@example.org")

    rules = "tools: {data.get: {runs: device, errors: scan}}"
    plans = [plan("To see, use data.get."), plan("Done.", "give up")]
    out = io.StringIO()
    tools = [tool_of("data.get", fails)]
    async with world(tmp_path, plans=plans, calls=[("data.get", "{}")], tools=tools, policy=rules) as w:
        view = LiveView(Screen(file=out, width=200), w.vault)
        w.session.observe = view.show
        await w.session.ask("See.")
    (failed,) = (line for line in out.getvalue().splitlines() if line.startswith("failed"))
    assert failed == 'failed   not-found   "no Alpha-4711 for <email:1>"'
