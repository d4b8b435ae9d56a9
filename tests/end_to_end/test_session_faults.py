"""Faults at every step: whatever breaks, nothing leaves afterwards, and what is told holds no value (I2, I8)."""

import asyncio
import gc
import json
import traceback

import pytest

from tests.end_to_end.harness import hostile_cloud, plan, tool_of, traces, world
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.vault import Vault
from umi_edge.ledger import Ledger
from umi_edge.session import caller_turn as turn_module
from umi_edge.session import calls as calls_module
from umi_edge.session import exchange as exchange_module
from umi_edge.session import writing_rules as rules_module
from umi_edge.session.events import Answered
from umi_edge.testing import ScriptedCaller
from umi_edge.tools import FailureKind, ToolFailure
from umi_shared.errors import ModelError, PrivacyError, UmiError

CANARY = "Zqxjova-Vwyrt"
POLICY = """
detect: [{type: person, values_from: {tool: people.names, path: "$[*]"}}]
tools:
  people.names: {runs: device, card: hidden}
  data.get:
    runs: device
    confirm: always
    arguments: {who: scan}
    results: {"$.a": handle, "$.b": scan, "$.c": cloud}
"""
RESULT = {"a": CANARY, "b": f"I am {CANARY}.", "c": "clear"}
PLANS = [
    plan("To see <person:1>, use data.get."),
    plan("Done.", "summarizer"),
    "It is <person:1>.",
]
CALLS = [("data.get", '{"who":"<person:1>"}')]
SCHEMA = {"type": "object", "properties": {"who": {"type": "string"}}}


class SecretError(Exception):
    """What a policy, a detector or a plug-in of somebody's may raise: full of values."""


def broken(*_, **__):
    values = {"seen": CANARY}
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise SecretError(f"cannot handle {values}") from error


def tools():
    return [
        tool_of("people.names", lambda _: [CANARY]),
        tool_of("data.get", lambda _: RESULT, schema=SCHEMA),
    ]


def after(count, real):
    """The real thing, for so many calls; then it breaks."""
    left = [count]

    def sometimes(*args, **kwargs):
        left[0] -= 1
        return real(*args, **kwargs) if left[0] >= 0 else broken()

    return sometimes


def told_of(error):
    """All that anyone can print of an exception, its causes and contexts included."""
    seen, stack, texts = set(), [error], []
    while stack:
        one = stack.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts += [str(one), repr(one), repr(one.args), repr(getattr(one, "__notes__", "")), repr(vars(one))]
        stack += [one.__cause__, one.__context__]
    return "\n".join([*texts, *traceback.format_exception(error)])


# Where to break, how many calls go well before, and how many messages have left by then.
SEAMS = {
    "reading the instruction": ("labeller.keeper.scanner.scan", 0, 0),
    "labelling the instruction": ("labeller.keeper.scanner.scan", 1, 0),
    "searching the instruction": ("labeller.keeper.known.find", 0, 0),
    "the release of the first view": ("exchange.release", 0, 0),
    "the guard before the first message": ("guard.check", 0, 0),
    "the ledger before the first message": ("ledger.append", 0, 0),
    "labelling the rationale": ("labeller.model_text", 0, 1),
    "the schemas of the call": ("writing_rules.call_schemas", 0, 1),
    "the release for the caller": ("exchange.release", 1, 1),
    "the caller": ("caller.call", 0, 1),
    "labelling the arguments": ("labeller.arguments", 0, 1),
    "the policy's verdict": ("calls.check_call", 0, 1),
    "the resolution of handles": ("caller_turn.resolve", 0, 1),
    "the resolution for the tool": ("calls.resolve", 0, 1),
    "the consent": ("consent.approve", 0, 1),
    "the runner": ("calls.run_tool", 0, 1),
    "labelling the result": ("labeller.result", 0, 1),
    "the scanner in the result": ("labeller.keeper.scanner.scan", 2, 1),
    "the vault": ("vault.keep", 1, 1),
    "the guard before the second message": ("guard.check", 1, 1),
    "the ledger before the second message": ("ledger.append", 1, 1),
    "the release for the summarizer": ("exchange.release", 3, 2),
    "the guard before the last message": ("guard.check", 2, 2),
    "the ledger before the last message": ("ledger.append", 2, 2),
    "labelling the answer": ("labeller.model_text", 2, 3),
}


@pytest.mark.parametrize(("seam", "well", "messages"), SEAMS.values(), ids=SEAMS)
async def test_whatever_breaks_nothing_leaves_afterwards(
    tmp_path, monkeypatch, caplog, capfd, seam, well, messages
):
    caplog.set_level(0)
    asyncio.get_running_loop().set_debug(True)
    async with world(
        tmp_path, plans=PLANS, calls=CALLS, tools=tools(), policy=POLICY, guard=EgressGuard
    ) as w:
        owner, name = owner_of(w, seam)
        monkeypatch.setattr(owner, name, after(well, getattr(owner, name)))
        with pytest.raises(PrivacyError) as caught:
            await w.session.ask(f"Look up {CANARY}.")
        monkeypatch.undo()
        assert len(w.capture.requests) == len(w.recorded) == messages
        assert CANARY not in told_of(caught.value)
        assert "SecretError" in str(caught.value)
        assert CANARY not in repr(w.session.record) + repr(w.events)
        gc.collect()
    assert CANARY.encode() not in w.capture.bytes_out
    assert CANARY not in caplog.text + "".join(str(record.args) for record in caplog.records)
    assert CANARY not in "".join(capfd.readouterr())
    assert not traces(caplog.records)


def owner_of(w, seam):
    """The object in which a seam is broken; a class where its instances have slots."""
    place, _, name = seam.rpartition(".")
    owners = {
        "calls": calls_module,
        "caller_turn": turn_module,
        "exchange": exchange_module,
        "writing_rules": rules_module,
        "labeller": type(w.session.labeller),
        "labeller.keeper.scanner": type(w.session.labeller.keeper.scanner),
        "labeller.keeper.known": type(w.session.labeller.keeper.known),
        "guard": type(w.session.guard),
        "ledger": Ledger,
        "vault": Vault,
        "caller": ScriptedCaller,
        "consent": type(w.session.consent),
    }
    return owners[place], name


async def test_a_tool_that_ran_is_in_the_record_also_when_its_result_cannot_be_labelled(
    tmp_path, monkeypatch
):
    async with world(
        tmp_path, plans=[*PLANS[:1], *PLANS[1:]], calls=CALLS, tools=tools(), policy=POLICY
    ) as w:
        monkeypatch.setattr(type(w.session.labeller), "result", broken)
        with pytest.raises(PrivacyError):
            await w.session.ask(f"Look up {CANARY}.")
        monkeypatch.undo()
        assert w.results == ["done"]
        assert isinstance(await w.session.ask("And now?"), Answered)
    assert w.plan_requests()[1].view.entries[4].observation.failure == "interrupted"


async def test_a_full_vault_stops_the_step_before_a_byte_is_sent(tmp_path, monkeypatch):
    async with world(tmp_path, plans=PLANS, calls=CALLS, tools=tools(), policy=POLICY) as w:
        monkeypatch.setattr("umi_edge.labelling.vault._MAX_VALUES", 0)
        with pytest.raises(PrivacyError, match="vault holds 0 values"):
            await w.session.ask(f"Look up {CANARY}.")
    assert w.capture.bytes_out == b""


async def test_a_caller_whose_model_fails_is_reported_as_it_says(tmp_path):
    class Failing(ScriptedCaller):
        async def call(self, view, schemas):
            raise ModelError("the prompt does not fit")

        async def prefill(self, view):
            raise ModelError("the prompt does not fit")

    async with world(tmp_path, plans=PLANS, tools=tools(), policy=POLICY) as w:
        w.session.caller = Failing(())
        with pytest.raises(ModelError):
            await w.session.ask("Look.")


async def test_a_failure_to_read_ahead_is_not_lost_when_the_planner_fails_first(tmp_path, caplog):
    """asyncio would log it, with its text, when it is collected."""

    class Failing(ScriptedCaller):
        async def prefill(self, view):
            raise SecretError(CANARY)

    async with world(tmp_path, plans=["no decision"], tools=tools(), policy=POLICY) as w:
        w.session.caller = Failing(())
        with pytest.raises(UmiError):
            await w.session.ask("Look.")
    gc.collect()
    assert CANARY not in caplog.text


@pytest.mark.parametrize("when", ["at once", "after a message"])
async def test_a_disk_that_is_full_under_the_ledger_sends_nothing(tmp_path, monkeypatch, when):
    """A real limit on the size of files, so that the operating system says no."""
    resource = pytest.importorskip("resource")
    async with world(tmp_path, plans=PLANS, calls=CALLS, tools=tools(), policy=POLICY) as w:
        sent = 0
        if when == "after a message":
            sent = 1

        def fill(event):
            if type(event).__name__ == ("Sent" if sent else "Instructed"):
                size = w.ledger.path.stat().st_size if w.ledger.path.exists() else 0
                resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, resource.RLIM_INFINITY))

        w.session.observe = fill
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            with pytest.raises(PrivacyError, match="nothing was sent"):
                await w.session.ask(f"Look up {CANARY}.")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert len(w.capture.requests) == len(w.recorded) == sent
        w.session.observe = w.events.append
        assert isinstance(await w.session.ask("And with room again?"), Answered)


ERROR_PATHS = {
    "a tool's own error": lambda _: broken(),
    "a failure on purpose": lambda _: _raise(ToolFailure(FailureKind.UNAVAILABLE, CANARY)),
    "no JSON": lambda _: {CANARY: object()},
    "a strange object": lambda _: Strange(),
    "an error without text": lambda _: _raise(Mute()),
    "too large": lambda _: [CANARY] * 1_000_000,
    "a warning": lambda _: RESULT,
}


class Strange(dict):
    """Misbehaves when it is read."""

    def items(self):
        raise SecretError(CANARY)

    def __repr__(self):
        return CANARY


class Mute(Exception):  # noqa: N818
    """Whose text cannot be read."""

    def __str__(self):
        raise SecretError(CANARY)


def _raise(error):
    raise error


@pytest.mark.parametrize("run", ERROR_PATHS.values(), ids=ERROR_PATHS)
async def test_no_error_of_a_tool_is_told_anywhere_but_in_the_record(tmp_path, caplog, capfd, run):
    caplog.set_level(0)
    plans = [PLANS[0], plan("No.", "give up")]
    policy = POLICY.replace('"$.b": scan, ', "")
    async with world(
        tmp_path, plans=plans, calls=CALLS, policy=policy,
        tools=[tools()[0], tool_of("data.get", run, schema=SCHEMA)],
    ) as w:  # fmt: skip
        await w.session.ask(f"Look up {CANARY}.")
    gc.collect()
    assert CANARY.encode() not in w.capture.bytes_out
    assert CANARY not in caplog.text + "".join(capfd.readouterr()) + repr(w.events) + repr(w.session.record)


async def test_arguments_that_do_not_fit_are_refused_without_their_values(tmp_path, caplog):
    strict = {
        "type": "object",
        "properties": {"who": {"type": "string", "maxLength": 3}},
        "additionalProperties": False,
    }
    plans = [PLANS[0], PLANS[0], plan("No.", "give up")]
    wrong = [*CALLS, ("data.get", json.dumps({CANARY: "x"}))]
    calls = [call for call in wrong for _ in range(2)]  # the caller is told once, and writes the same again
    async with world(
        tmp_path, plans=plans, calls=calls, policy=POLICY,
        tools=[tools()[0], tool_of("data.get", lambda _: 1, schema=strict)],
    ) as w:  # fmt: skip
        await w.session.ask(f"Look up {CANARY}.")
    assert w.results == ["invalid-arguments"] * 2
    assert all(CANARY not in action.detail for action in w.session.record)


async def test_a_peer_that_echoes_cannot_make_an_error_hold_a_value(tmp_path):
    """All it can echo is what it was sent."""

    async def behaviour(request, context):
        import grpc

        await context.abort(grpc.StatusCode.ABORTED, request[-3000:].decode("latin-1"))

    async with (
        hostile_cloud(behaviour) as address,
        world(tmp_path, upstream=address, tools=tools(), policy=POLICY) as w,
    ):
        with pytest.raises(UmiError) as caught:
            await w.session.ask(f"Look up {CANARY}.")
    assert CANARY not in told_of(caught.value)
