"""The preview: what is shown is what leaves, and what is declined does not."""

import asyncio
import base64
import hashlib
import io
from dataclasses import replace

import pytest

from tests.end_to_end.harness import FAST, plan, tool_of, world
from umi_edge.egress.cloud_client import UnapprovedError
from umi_edge.egress.guard import EgressGuard, GuardedError
from umi_edge.labelling.vault import Origin, Source
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.conversation import Output
from umi_edge.session.events import Answered, Ended, RationaleStreamed, Retrying, Sent, Stopped
from umi_edge.terminal.preview import DeclineOutbound, TerminalPreview
from umi_edge.terminal.stdin import TypedLines
from umi_shared.handles import Handle, render
from umi_shared.labels import Label, Locality
from umi_shared.screen.console import Screen
from umi_shared.testing import Ending, Reply
from umi_shared.transcript import text_of

PLANS = [
    plan("To find <person:1>, use contacts.search."),
    plan("All is done.", "summarizer"),
    "It is <email:1>.",
]
CALLS = [("contacts.search", '{"name":"<person:1>"}')]
ASK = "What is Alice Moreau's address?"


class Watching:
    """Approves so many messages, and remembers each."""

    def __init__(self, times=99):
        self.times = times
        self.seen = []

    async def approve(self, outbound):
        self.seen.append(outbound)
        return len(self.seen) <= self.times


async def test_what_is_shown_is_what_the_ledger_then_has_and_the_socket_carries(tmp_path):
    watching = Watching()
    async with world(tmp_path, plans=PLANS, calls=CALLS) as w:
        w.session.cloud.approver = watching
        assert await w.session.ask(ASK) == Answered("It is alice.moreau@example.org.")
        entries = w.recorded
    assert [seen.sha256 for seen in watching.seen] == [entry["sha256"] for entry in entries]
    assert [seen.message for seen in watching.seen] == [sent.message for sent in w.capture.requests]
    assert [seen.message for seen in watching.seen] == [
        base64.b64decode(entry["message"]) for entry in entries
    ]
    assert [seen.sha256 for seen in watching.seen] == [event.sha256 for event in w.of(Sent)]
    assert hashlib.sha256(watching.seen[0].message).hexdigest() == watching.seen[0].sha256
    assert Handle("person", 1) in text_of(watching.seen[0].view.entries[1])
    assert "Moreau" not in repr(watching.seen) + render(text_of(watching.seen[0].view.entries[1]))


@pytest.mark.parametrize("approved", [0, 1, 2])
async def test_what_is_declined_is_neither_sent_nor_recorded_and_the_session_stops_plainly(
    tmp_path, approved
):
    async with world(tmp_path, plans=PLANS, calls=CALLS) as w:
        w.session.cloud.approver = Watching(approved)
        ending = await w.session.ask(ASK)
        assert len(w.recorded) == approved
    assert isinstance(ending, Stopped)
    assert "was not approved, so it was not sent" in ending.reason
    assert w.events[-1] == Ended(ending)
    assert len(w.capture.requests) == approved
    assert w.session.totals.messages_out == approved


async def test_a_session_that_was_stopped_may_be_asked_again(tmp_path):
    async with world(tmp_path, plans=PLANS, calls=CALLS) as w:
        w.session.cloud.approver = Watching(0)
        await w.session.ask(ASK)
        w.session.cloud.approver = Watching()
        assert isinstance(await w.session.ask("Please do."), Answered)


async def test_a_message_that_is_sent_again_is_asked_about_once(tmp_path):
    watching = Watching()
    replies = [Reply(text="To look, use", ending=Ending.HANG), *PLANS]
    async with world(tmp_path, plans=replies, calls=CALLS) as w:
        w.session.cloud.approver = watching

        def cut_once(event):
            w.events.append(event)
            if isinstance(event, RationaleStreamed) and not w.of(Retrying):
                w.capture.cut()

        w.session.observe = cut_once
        await w.session.ask(ASK)
    attempts = [event.attempt for event in w.of(Sent)]
    assert attempts[:2] == [1, 2]
    assert len(watching.seen) == len(attempts) - 1


async def test_the_guard_looks_first_so_nobody_is_shown_what_may_not_leave(tmp_path):
    watching = Watching()
    async with world(tmp_path, plans=PLANS, calls=CALLS, guard=EgressGuard) as w:
        w.session.cloud.approver = watching
        # A fault in what is above the guard: a value that stays is in the catalogue.
        w.vault.keep(
            "mail.search",
            type="text",
            label=Label.at(Locality.HANDLE),
            origin=Origin(Source.RESULT, "a test"),
        )
        w.session.guard._public.clear()
        with pytest.raises(GuardedError):
            await w.session.ask(ASK)
    assert watching.seen == []
    assert w.capture.requests == []


# On a terminal.


def terminal() -> Screen:
    """A console that is a terminal to rich."""
    return Screen(file=io.StringIO(), force_terminal=True, width=300, color_system="standard")


def typed(answers: str) -> TypedLines:
    """What a person types, to the end of input."""
    return TypedLines(read=io.StringIO(answers).readline, discard=lambda: True, moment=0)


def printed(console: Screen) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined]


async def test_a_person_sees_the_exact_text_with_handles_marked_the_size_and_the_hash(tmp_path):
    console = terminal()
    async with world(tmp_path, plans=PLANS, calls=CALLS) as w:
        w.session.cloud.approver = TerminalPreview(console, typed("y\nyes\nwhat?\ny\n"))
        assert isinstance(await w.session.ask(ASK), Answered)
        entries = w.recorded
    shown = printed(console)
    for entry in entries:
        assert entry["sha256"] in shown
        assert f"{entry['bytes']:,} bytes" in shown
    assert "\x1b[1;32m<person:1>\x1b[0m" in shown
    assert "\x1b[33mWhat is \x1b[0m" in shown
    assert "Moreau" not in shown
    for card in w.session.catalogue:
        assert card.name in shown
    assert shown.count("contacts.search\x1b[0m: ") == 2, "once for the planner, once for the summarizer"
    assert "as approved before" in shown


@pytest.mark.parametrize("answers", ["n\n", "\n", ""])
async def test_no_is_the_default_and_the_end_of_input(tmp_path, answers):
    async with world(tmp_path, plans=PLANS, calls=CALLS) as w:
        w.session.cloud.approver = TerminalPreview(terminal(), typed(answers))
        assert isinstance(await w.session.ask(ASK), Stopped)
    assert w.capture.requests == []


async def test_first_asks_once_a_session(tmp_path):
    async with world(tmp_path, plans=PLANS, calls=CALLS) as w:
        w.session.cloud.approver = TerminalPreview(terminal(), typed("y\n"), once=True)
        assert isinstance(await w.session.ask(ASK), Answered)
    assert len(w.capture.requests) == 3


async def test_control_characters_of_a_message_do_nothing_to_the_terminal(tmp_path):
    console = terminal()
    tools = [tool_of("a.get", lambda _: 1, description="\x1b[2J\rgone")]
    async with world(tmp_path, plans=PLANS, tools=tools, policy="tools: {a.get: {runs: device}}") as w:
        w.session.cloud.approver = TerminalPreview(console, typed("n\n"))
        await w.session.ask("[red]x[/red]")
    assert "\x1b[2J" not in printed(console)
    assert "\r" not in printed(console)
    assert "[red]x[/red]" in printed(console)


def test_where_nobody_can_be_asked_nothing_leaves():
    piped = Output(console=Screen(file=io.StringIO()))
    assert isinstance(piped.approver("always"), DeclineOutbound)
    assert isinstance(piped.approver("first"), DeclineOutbound)
    assert piped.approver("never") is None
    assert EdgeConfig().preview == "never"
    watched = Output(console=terminal()).approver("first")
    assert isinstance(watched, TerminalPreview)
    assert watched.once


async def test_without_a_terminal_a_session_that_previews_stops_before_a_byte(tmp_path):
    async with world(tmp_path, plans=PLANS, calls=CALLS) as w:
        w.session.cloud.approver = DeclineOutbound()
        assert isinstance(await w.session.ask(ASK), Stopped)
    assert w.capture.bytes_out == b""


def test_the_error_is_value_free_and_says_what_to_do():
    assert str(UnapprovedError("planner")).startswith("the message to the planner was not approved")


async def test_messages_leave_at_ticks_where_that_is_wanted(tmp_path):
    times = []
    loop = asyncio.get_running_loop()
    async with world(tmp_path, plans=PLANS, calls=CALLS, config=replace(FAST, tick_seconds=0.25)) as w:
        w.session.observe = lambda event: times.append(loop.time()) if isinstance(event, Sent) else None
        assert isinstance(await w.session.ask(ASK), Answered)
    gaps = [(later - times[0]) % 0.25 for later in times[1:]]
    assert len(gaps) == 2
    assert all(min(gap, 0.25 - gap) < 0.1 for gap in gaps)
    assert times[-1] - times[0] >= 0.4
