"""What leaves under no rule (`never`), in whole sessions: it is on no socket, and no tool sends it unasked."""

import json

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard, UnsafeNoGuard
from umi_edge.session.consent import DeclineAll, UnsafeApproveAll
from umi_edge.tools import FailureKind, Hints, ToolFailure

CLIENT = "Kestrelwood Wharf"
POLICY = f"""
detect_also: [{{type: client, values: ["{CLIENT}"]}}]
never: [{{type: client}}]
defaults: {{instruction: cloud, results: cloud}}
tools:
  "data.*": {{card: cloud, errors: cloud, confirm: never, caller: handles}}
  data.get:
    results: {{"$.planner": planner, "$.summarizer": summarizer, "$.body": {{locality: handle, type: text}}}}
  data.post: {{runs: third-party, confirm: never, stored_as: nowhere, arguments: {{q: {{accepts: handle}}}}}}
"""
TEXT = {"type": "object", "properties": {"q": {"type": "string"}}}


def fails(_):
    raise ToolFailure(FailureKind.NOT_FOUND, f"no {CLIENT} here")


def tools(got):
    data = dict.fromkeys(("open", "planner", "summarizer", "body"), f"of {CLIENT}, and more") | {
        CLIENT: [CLIENT]
    }
    return [
        tool_of("data.get", lambda _: data, description=f"Knows {CLIENT}.", hints=Hints(read_only=True)),
        tool_of("data.fail", fails, hints=Hints(read_only=True)),
        tool_of("data.post", lambda a: got.append(a["q"]) or "ok", schema=TEXT, hints=Hints(open_world=True)),
    ]


@pytest.mark.parametrize("guard", [UnsafeNoGuard, EgressGuard])
async def test_it_is_on_no_socket_whatever_the_rules_let_out(tmp_path, guard):
    plans = [
        plan("To look, use data.get."),
        plan("Again, use data.fail."),
        plan("Done.", "summarizer"),
        "It is done.",
    ]
    calls = [("data.get", "{}"), ("data.fail", "{}")]
    async with world(tmp_path, plans=plans, calls=calls, tools=tools([]), policy=POLICY, guard=guard) as w:
        await w.session.ask(f"Write to {CLIENT.upper()} and more.")
    out = w.capture.bytes_out.lower()
    assert b"and more" in out, "the rest of these texts leaves"
    assert CLIENT.lower().encode() not in out
    assert b"kestrelwood" not in out


async def posted(tmp_path, written: str, consent):
    got = []
    plans = [plan("To look, use data.get."), plan("To post, use data.post."), plan("No.", "give up")]
    calls = [("data.get", "{}"), ("data.post", json.dumps({"q": written}))]
    async with world(
        tmp_path, plans=plans, calls=calls, tools=tools(got), policy=POLICY, consent=consent
    ) as w:
        await w.session.ask("Go.")
    return got, w


@pytest.mark.parametrize("written", ["<client:1>", "about <text:1>", CLIENT.upper()])
async def test_a_tool_that_sends_it_is_asked_about_whatever_it_accepts(tmp_path, written):
    """By its handle, within a text that is kept whole, and as a model wrote it itself."""
    assert (await posted(tmp_path / "no", written, DeclineAll()))[0] == []
    (sent,), _ = await posted(tmp_path / "yes", written, UnsafeApproveAll())
    assert CLIENT.lower() in sent.lower()


async def test_what_does_not_hold_it_is_sent_unasked_and_that_nobody_was_asked_is_counted(tmp_path):
    got, w = await posted(tmp_path, "the weather", DeclineAll())
    assert got == ["the weather"]
    assert w.session.labeller.shapes.charged["consent", "data.post"] >= 1
