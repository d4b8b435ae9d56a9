"""Tools that return what no tool should: each is a failure that the planner hears of, and nothing of it leaves."""

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard
from umi_edge.session.events import Answered, GaveUp

POLICY = "tools: {data.get: {runs: device, results: {$: cloud}}}"
PLANS = [plan("To see, use data.get."), plan("No.", "give up")]


def nested(levels: int) -> object:
    value: object = "SECRET-CANARY"
    for _ in range(levels):
        value = [value]
    return value


def raises(error: BaseException):
    raise error


RESULTS = {
    "100 MiB": (lambda _: "SECRET-CANARY" + "x" * (100 << 20), "too-large"),
    "binary": (lambda _: b"SECRET-CANARY\x00\xff", "not-json"),
    "10,000 levels": (lambda _: nested(10_000), "too-deep"),
    "an object of Python's": (lambda _: object(), "not-json"),
    "not a number": (lambda _: {"SECRET-CANARY": float("nan")}, "not-json"),
    "half a character": (lambda _: "SECRET-CANARY\ud800", "not-json"),
    "numbers as keys": (lambda _: {1: "SECRET-CANARY"}, "not-json"),
    "many leaves": (lambda _: ["SECRET-CANARY"] * 30_000, "too-large"),
    "an exception": (lambda _: raises(ValueError("SECRET-CANARY")), "error"),
    "an exit": (lambda _: raises(SystemExit("SECRET-CANARY")), "error"),
}


@pytest.mark.parametrize(("run", "kind"), RESULTS.values(), ids=RESULTS)
async def test_a_result_that_is_none_is_a_failure_of_its_kind(tmp_path, run, kind):
    async with world(
        tmp_path, plans=PLANS, calls=[("data.get", "{}")], tools=[tool_of("data.get", run)], policy=POLICY
    ) as w:
        assert await w.session.ask("Look.") == GaveUp("No.")
    assert w.results == [kind]
    assert w.plan_requests()[1].view.entries[-1].observation.failure == kind
    assert b"SECRET-CANARY" not in w.capture.bytes_out


@pytest.mark.timeout(60)
async def test_twelve_thousand_private_leaves_are_labelled_and_guarded_within_seconds(tmp_path):
    """Automata that are built anew for each value would take minutes here."""
    leaves = [{"who": f"Person-{n:05} {n * 7919:08}", "said": f"see a{n}@example.org"} for n in range(6000)]
    policy = (
        "tools: {data.get: {runs: device, results: {'$[*].who': handle, '$[*].said': scan}}}\n"
        "detect: [{type: email, pattern: builtin}]"
    )
    async with world(
        tmp_path, plans=PLANS, calls=[("data.get", "{}")], tools=[tool_of("data.get", lambda _: leaves)],
        policy=policy, guard=EgressGuard,
    ) as w:  # fmt: skip
        assert await w.session.ask("Look.") == GaveUp("No.")
    assert w.results == ["done"]
    assert b"@example.org" not in w.capture.bytes_out


async def test_a_name_that_one_tools_rules_spell_and_another_tool_has_unnamed_stops_nothing(tmp_path):
    """It is a handle where no rule of that tool spells it, and the policy's own word where one does."""
    policy = 'tools: {a.get: {runs: device, results: {"$.filename": handle}}, b.get: {runs: device}}'
    tools = [tool_of(name, lambda _: {"filename": "Alice"}) for name in ("a.get", "b.get")]
    plans = [plan("To look, use b.get."), plan("To look, use a.get."), plan("Done.", "summarizer"), "Done."]
    calls = [("b.get", "{}"), ("a.get", "{}")]
    async with world(tmp_path, plans=plans, calls=calls, tools=tools, policy=policy, guard=EgressGuard) as w:
        assert isinstance(await w.session.ask("Look."), Answered)
    assert '{"<key:1>":"<text:1>"}' in w.prompts[-1]
    assert '{"filename":"<text:1>"}' in w.prompts[-1]
    assert b"Alice" not in w.capture.bytes_out
