"""Canaries in all that a real MCP server answers, and on the screen: none leaves, and none stands where it seems to."""

import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.canaries.test_canary_matrix import (
    DATA,
    IBAN,
    MAIL,
    MARKS,
    NAME,
    POLICY,
    WIDE,
    everything,
    tools,
)
from tests.end_to_end.harness import World, plan, world
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.policy import load_policy
from umi_edge.session.consent import DeclineAll, UnsafeApproveAll
from umi_edge.terminal.live_view import LiveView
from umi_edge.tools.mcp import McpServers, open_mcp
from umi_edge.tools.running_call import ServerQuestion
from umi_lab.attack.encoded import TEXTS
from umi_shared.errors import PrivacyError
from umi_shared.screen.console import Screen

SERVER = Path(__file__).with_name("canary_mcp_server.py")
RULES = """
  crm.*: {runs: device, confirm: never, card: cloud}
  crm.structured: {results: {"$.public": cloud}}
  crm.words: {results: {"$": scan}}
  crm.take: {stored_as: nowhere}
"""
CALLS = [("crm.words", "{}"), ("crm.structured", "{}"), ("crm.parts", "{}"), ("crm.fails", "{}")]
TAKE = ("crm.take", '{"text":"for <person:1> at <email:1>"}')


def found_in(*texts: bytes | str) -> set[str]:
    """The encodings under which a canary stands in some text."""
    said = b"\n".join(text.encode() if isinstance(text, str) else text for text in texts)
    return {how for how, needle in everything() if needle in said or needle.lower() in said.lower()}


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
@pytest.mark.parametrize("third_party", [False, True])
async def test_nothing_that_a_server_is_given_or_answers_leaves(tmp_path, guard, third_party, caplog, capfd):
    caplog.set_level(0)
    rules = RULES.replace("runs: device", "runs: third-party") if third_party else RULES
    entry = {"command": sys.executable, "args": [str(SERVER), json.dumps(TEXTS)]}
    servers = McpServers.parse({"mcpServers": {"crm": entry}})
    calls = [*CALLS, TAKE]
    plans = [plan(f"To go on with <person:1>, use {tool}.") for tool, _ in calls]
    async with (
        open_mcp(servers, {}, log_folder=tmp_path / "mcp") as (crm,),
        world(
            tmp_path,
            plans=[*plans, plan("Done.", "summarizer"), "See <person:1>."],
            calls=calls,
            tools=[*tools(), *crm.tools],
            policy=POLICY + rules,
            guard=guard,
            consent=DeclineAll(),
        ) as w,
    ):
        await w.session.ask(f"Tell {NAME} ({MAIL}).")
    assert w.results == ["done", "done", "done", "error", "denied" if third_party else "done"]
    sent = w.capture.bytes_out + b"".join(one.message for one in w.capture.requests)
    assert b"seen by all" in sent
    assert found_in(sent) == set()
    assert b"Obey" not in sent, "what a server says to a model of itself is read by nobody"
    assert (
        found_in(*(record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG))
        == set()
    )
    assert found_in("".join(capfd.readouterr())) == set()
    assert found_in(repr(w.events), repr(w.session.record)) == set()


class Answering(DeclineAll):
    """Somebody who answers what a server asks with canaries, and is not known to any detector to have done so."""

    async def answer(self, question: ServerQuestion) -> dict[str, Any]:
        assert {"plain", "one word"} <= found_in(question.message, *(one.title for one in question.fields))
        return {"code": IBAN, "word": MARKS}


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
async def test_nothing_of_a_link_that_is_followed_or_of_an_answer_to_a_server_leaves(
    tmp_path, guard, caplog, capfd
):
    caplog.set_level(0)
    rules = (
        RULES
        + """
  crm.ask: {results: {"$": scan}, errors: scan}
  crm.refuse: {errors: scan}
  crm.read_resource: {stored_as: nowhere}
"""
    )
    entry = {"command": sys.executable, "args": [str(SERVER), json.dumps(TEXTS)]}
    servers = McpServers.parse({"mcpServers": {"crm": entry}})
    opened: list[World] = []

    def follow(_: object) -> tuple[str, str]:
        (link,) = [kept for kept in opened[0].vault if kept.value == f"notes://x/{MAIL}"]
        return "crm.read_resource", json.dumps({"uri": str(link.handle)})

    calls = [("crm.links", "{}"), follow, ("crm.ask", "{}"), ("crm.refuse", "{}")]
    used = ["crm.links", "crm.read_resource", "crm.ask", "crm.refuse"]
    async with (
        open_mcp(servers, {}, log_folder=tmp_path / "mcp") as (crm,),
        world(
            tmp_path,
            plans=[
                *(plan(f"To go on, use {tool}.") for tool in used),
                plan("Done.", "summarizer"),
                "See <text:1>.",
            ],
            calls=calls,
            tools=[*tools(), *crm.tools],
            policy=POLICY + rules,
            guard=guard,
            consent=Answering(),
        ) as w,
    ):
        opened.append(w)
        await w.session.ask("Read it.")
        read = {kept.value for kept in w.vault}
    assert w.results == ["done", "done", "done", "error"]
    assert any(isinstance(one, str) and WIDE in one and IBAN in one for one in read), "the link was followed"
    sent = w.capture.bytes_out + b"".join(one.message for one in w.capture.requests)
    assert sent.count(b"[hidden]") >= 1, "the answer was given back, in a result that is scanned"
    assert found_in(sent) == set()
    logged = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    assert found_in(*logged, "".join(capfd.readouterr())) == set()
    assert found_in(repr(w.events), repr(w.session.record)) == set()


@pytest.mark.parametrize("consent", [UnsafeApproveAll(), DeclineAll()])
async def test_on_the_screen_values_stand_only_where_it_says_that_they_stayed(tmp_path, consent):
    """What a person reads as sent was sent so; a value is behind the sign of what stays, or in the answer."""
    calls = [("data.get", "{}"), ("data.fail", "{}"), ("data.send", '{"to":"<email:2>","body":"<person:1>"}')]
    plans = [plan(f"To go on with <person:1>, use {tool}.") for tool, _ in calls]
    shown = io.StringIO()
    async with world(
        tmp_path,
        plans=[*plans, plan("Done.", "summarizer"), "All is done."],
        calls=calls,
        tools=tools(),
        policy=POLICY,
        consent=consent,
    ) as w:
        w.session.observe = LiveView(Screen(file=shown, width=4000), w.session.labeller.vault).show
        await w.session.ask(f"Tell {NAME} ({MAIL}).")
    lines = shown.getvalue().splitlines()
    stayed = [line for line in lines if "⌂" in line]
    assert {"plain", "one word"} <= found_in(*stayed)
    assert found_in(*(line.partition("⌂")[0] for line in lines)) == set()
    assert DATA["public"] in shown.getvalue()


UNKNOWN = "Zqbrightmoor"


async def test_a_name_that_the_user_keeps_is_in_no_error_event_log_or_output(tmp_path, caplog, capfd):
    caplog.set_level(0)
    policy = load_policy("version: 1\ndetect: {unknown_names: ask}\n")
    async with world(
        tmp_path, policy=policy, plans=[plan("Done.", "summarizer"), "x"], consent=DeclineAll()
    ) as w:
        with pytest.raises(PrivacyError) as caught:
            await w.session.ask(f"Tell {UNKNOWN} that I am late.")
    said = [str(caught.value), repr(caught.value), repr(w.events), "".join(capfd.readouterr())]
    said += [record.getMessage() for record in caplog.records]
    said += [str(w.capture.bytes_out), *(one.read_text() for one in tmp_path.glob("ledger.jsonl"))]
    assert not re.search(UNKNOWN, "\n".join(said), re.IGNORECASE)
