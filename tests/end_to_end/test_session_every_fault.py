"""Every part that decides what leaves, broken at each of its calls in a session: nothing leaves afterwards (I2, I8)."""

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.harness import KEY, plan, tool_of, world
from tests.end_to_end.test_session_faults import CANARY, broken, told_of
from umi_cloud.testing import serve_scripted
from umi_edge.egress import cloud_client as cloud_module
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling import keeper as keeper_module
from umi_edge.labelling.declassification import Declassifications
from umi_edge.labelling.keeper import Keeper
from umi_edge.labelling.known_values import KnownValues
from umi_edge.labelling.labeller import Labeller
from umi_edge.labelling.text import LabelledEntry, Span
from umi_edge.labelling.vault import Vault
from umi_edge.ledger import Ledger, read_ledger, verify_ledger
from umi_edge.ledger.capture import Frame
from umi_edge.ledger.reconciliation import reconcile
from umi_edge.policy import Assignment, Policy, Scanner
from umi_edge.session import caller_turn as turn_module
from umi_edge.session import calls as calls_module
from umi_edge.session import exchange as exchange_module
from umi_edge.session import writing_rules as rules_module
from umi_edge.session.events import Answered
from umi_edge.session.rehydration import Rehydrator
from umi_edge.testing import ScriptedCaller
from umi_edge.tools import FailureKind, ToolFailure
from umi_lab.wire_tap import tapped
from umi_shared.errors import PrivacyError, UmiError

POLICY = """
detect: [{type: person, values_from: {tool: people.names, path: "$[*]"}}]
tools:
  people.names: {runs: device, card: hidden}
  data.get:
    runs: device
    confirm: always
    arguments: {who: scan}
    results:
      "$.a": {locality: handle, show: count}
      "$.b": scan
      "$.c": cloud
      "$.d": hidden
      "$.e": {locality: handle, shape: hidden}
  data.fail: {runs: device, errors: scan}
  data.send: {runs: device, arguments: {to: {type: email, requires: trusted}}}
"""
RESULT = {
    "a": CANARY,
    "b": f"I am {CANARY}.",
    "c": "clear",
    "d": f"{CANARY} too",
    "e": {CANARY: 1},
    CANARY: 2,
}
PLANS = [
    plan("To see <person:1>, use data.get."),
    plan("To fail, use data.fail."),
    plan("To send, use data.send."),
    plan("Done.", "summarizer"),
    "It is <person:1>.",
]
CALLS = [
    ("data.get", '{"who":"<person:1>"}'),
    ("data.fail", "{}"),
    ("data.send", '{"to":"<person:1>"}'),
]


def tools():
    def fail(_):
        raise ToolFailure(FailureKind.NOT_FOUND, f"no {CANARY}")

    schema = {"type": "object", "properties": {"who": {"type": "string"}, "to": {"type": "string"}}}
    return [
        tool_of("people.names", lambda _: [CANARY]),
        tool_of("data.get", lambda _: RESULT, schema=schema),
        tool_of("data.fail", fail),
        tool_of("data.send", lambda _: 1, schema=schema),
    ]


SEAMS = [
    (Scanner, "scan"),
    (KnownValues, "find"),
    (Policy, "results"),
    (Policy, "arguments"),
    (Policy, "tool"),
    (Policy, "table"),
    (Assignment, "at"),
    (Labeller, "instruction"),
    (Labeller, "arguments"),
    (Labeller, "result"),
    (Labeller, "failure"),
    (Keeper, "kept"),
    (Keeper, "scanned_text"),
    (Keeper, "under"),
    (Labeller, "model_text"),
    (keeper_module, "private_spans"),
    (Vault, "keep"),
    (Vault, "conceal"),
    (Vault, "since"),
    (Vault, "__getitem__"),
    (Declassifications, "fact"),
    (Span, "seen_by"),
    (LabelledEntry, "shown_to"),
    (exchange_module, "release"),
    (rules_module, "call_schemas"),
    (calls_module, "check_call"),
    (turn_module, "resolve"),
    (calls_module, "resolve"),
    (calls_module, "run_tool"),
    (ScriptedCaller, "call"),
    (cloud_module, "plan_request"),
    (cloud_module, "summarize_request"),
    (EgressGuard, "check"),
    (EgressGuard, "allow"),
    (Ledger, "append"),
    (Rehydrator, "feed"),
]


def session_in(folder, **changes):
    folder.mkdir(exist_ok=True)
    given = {"plans": [*PLANS, plan("Done.", "give up")], "calls": CALLS, "tools": tools(), "policy": POLICY}
    return world(folder, **{**given, "guard": EgressGuard, **changes})


async def calls_of(folder, monkeypatch, owner, name):
    """How often a healthy session calls it; what is before the session begins does not count."""
    real, count = getattr(owner, name), 0

    def counted(*args, **kwargs):
        nonlocal count
        count += 1
        return real(*args, **kwargs)

    async with session_in(folder) as w:
        monkeypatch.setattr(owner, name, counted)
        assert isinstance(await w.session.ask(f"Look up {CANARY}."), Answered)
        monkeypatch.undo()
    assert w.results == ["done", "not-found", "denied"]
    return count


@pytest.mark.parametrize(("owner", "name"), SEAMS, ids=[f"{owner.__name__}.{name}" for owner, name in SEAMS])
async def test_nothing_leaves_after_a_fault_in_any_call_of_it(tmp_path, monkeypatch, caplog, owner, name):
    caplog.set_level(0)
    count = await calls_of(tmp_path / "healthy", monkeypatch, owner, name)
    assert count > 0
    for well in sorted({*range(min(count, 12)), count // 2, count - 1}):
        async with session_in(tmp_path / f"{well}") as w:
            real, left, before = getattr(owner, name), [well], []

            def breaks(*args, real=real, left=left, before=before, w=w, **kwargs):
                left[0] -= 1
                if left[0] >= 0:
                    return real(*args, **kwargs)
                before.append(len(w.recorded))
                return broken()

            monkeypatch.setattr(owner, name, breaks)
            with pytest.raises(PrivacyError) as caught:
                await w.session.ask(f"Look up {CANARY}.")
            monkeypatch.undo()
            assert CANARY not in told_of(caught.value)
            assert len(w.recorded) == before[0], f"a message left after call {well + 1} failed"
            w.session.consent = None  # whatever comes now, nothing of what went before may come undone
            with contextlib.suppress(UmiError):
                await w.session.ask("And now?")
            assert CANARY.encode() not in w.capture.bytes_out
            sent = [Frame("", request.message) for request in w.capture.requests]
            assert not reconcile(sent, read_ledger(w.ledger.path)).frames
    assert CANARY not in caplog.text


EVENTS = ("Instructed", "Sent", "Planned", "CallWritten", "Asked", "Observed", "Refused", "AnswerStreamed")


@pytest.mark.parametrize("event", EVENTS)
async def test_a_vault_that_loses_its_values_stops_the_session_before_the_next_message(tmp_path, event):
    async with session_in(tmp_path) as w:

        def lose(seen):
            if type(seen).__name__ == event and len(w.vault):
                lost.append(len(w.recorded))
                for held in (w.vault._kept, w.vault._order, w.vault._linked):
                    held.clear()

        lost = []
        w.session.observe = lose
        with contextlib.suppress(PrivacyError):  # after the last message it may end well
            await w.session.ask(f"Look up {CANARY}.")
        assert lost
        assert len(w.recorded) == lost[0]
    assert CANARY.encode() not in w.capture.bytes_out


@pytest.mark.parametrize("method", ["instruction", "model_text", "result", "failure", "arguments"])
async def test_a_span_without_a_label_is_not_released(tmp_path, monkeypatch, method):
    """As a fault in the labeller would leave it: `None` is no reader, and no label is no permission."""
    real = getattr(Labeller, method)

    def unlabelled(*args, **kwargs):
        made = real(*args, **kwargs)
        span = Span(clear=CANARY, masked=(CANARY,), label=None, rule="")
        match made:
            case (str(kind), _):
                return kind, (span,)
            case tuple():
                return (span,)
        return type(made)(text=(span,), leaves=made.leaves)

    async with session_in(tmp_path) as w:
        monkeypatch.setattr(Labeller, method, unlabelled)
        with pytest.raises(PrivacyError) as caught:
            await w.session.ask(f"Look up {CANARY}.")
        monkeypatch.undo()
        assert CANARY not in told_of(caught.value)
    assert CANARY.encode() not in w.capture.bytes_out


@pytest.mark.parametrize("messages", range(5))
async def test_a_ledger_that_is_gone_before_any_message_stops_that_message(tmp_path, messages):
    async with session_in(tmp_path) as w:
        sent = 0

        def take_away(event):
            nonlocal sent
            sent += type(event).__name__ == "Sent"
            if sent == messages and not w.ledger.path.is_dir():
                w.ledger.path.unlink(missing_ok=True)
                w.ledger.path.mkdir()  # no writing to it, for root neither

        w.session.observe = take_away
        with pytest.raises(PrivacyError, match="nothing was sent"):
            await w.session.ask(f"Look up {CANARY}.")
        assert len(w.capture.requests) == messages


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.end_to_end.test_session_every_fault import CANARY, session_in

async def main(folder, address, at):
    seen = 0
    async with session_in(Path(folder), upstream=address) as w:
        def observe(event):
            nonlocal seen
            seen += 1
            if seen > at:
                os.kill(os.getpid(), signal.SIGKILL)
        w.session.observe = observe
        await w.session.ask(f"Look up {CANARY}.")

for at in range(100):  # a fork each: to import it all takes longer than a session does
    child = os.fork()
    if not child:
        asyncio.run(main(sys.argv[1], sys.argv[2], at))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status):
        sys.exit(0 if at > 20 and status == 0 else f"after {at} events: {status}")
"""


def _by_prompt(generation):
    """The plan that follows those in the prompt, whichever session asks."""
    prompt = generation.prompt.text
    return PLANS[-1 if prompt.endswith("summarizer\n") else prompt.count("Next: caller")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs kill -9")
async def test_a_laptop_killed_at_any_step_has_recorded_all_that_left_and_goes_on(tmp_path):
    """kill -9 at each event of a session, all with one ledger; a proxy that lives on has seen the bytes."""
    async with serve_scripted(_by_prompt) as cloud, tapped(cloud.address) as capture:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", KILLED, str(tmp_path), capture.address),
            cwd=Path(__file__).parents[2],
            stderr=subprocess.PIPE,
        )
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        frames = [Frame("", sent.message) for sent in capture.requests if sent.body]
        assert CANARY.encode() not in capture.bytes_out
    ledger = tmp_path / "ledger.jsonl"
    Ledger.open(ledger, KEY, lambda: "2026-06-01T00:00:00Z").checkpoint()
    assert verify_ledger(ledger, KEY.public_key()).unsigned == 0
    assert len(frames) > 20
    assert not reconcile(frames, read_ledger(ledger)).frames
