"""What a policy's `show` tells the cloud, what that spends, and where it stops a session."""

import base64

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.egress.guard import EgressGuard
from umi_edge.labelling.declassification import DeclassifiedError
from umi_edge.session.report import Report

POLICY = """
tools:
  people.get:
    runs: device
    integrity: trusted
    results:
      "$[*].email": {locality: handle, type: email, show: domain}
      "$[*].card": {locality: handle, type: card, show: last4}
      "$[*].debt": {locality: handle, type: amount, show: sign}
      "$[*].diary": {locality: hidden, shape: hidden, show: count}
      "$[*].health": {locality: handle, shape: hidden, type: record, show: count}
      "$[*].name": {locality: planner, type: person, show: hash}
  people.send:
    runs: device
    arguments: {to: {type: email, requires: trusted}}
    results: {"$.sent": cloud}
limits: {declassified_bits: %d}
"""
PEOPLE = [
    {
        "email": "ann@example.org",
        "card": "4111 1111 1111 1234",
        "debt": -20,
        "diary": ["x", "y"],
        "health": ["flu", "cold"],
        "name": "Ann Zweig",
    },
    {
        "email": "bob@example.net",
        "card": "n/a",
        "debt": 0,
        "diary": [],
        "health": None,
        "name": "Bob Quill",
    },
]
ENDING = [plan("Done.", "summarizer"), "Done."]


def people(rows=PEOPLE):
    sent = []
    return [
        tool_of("people.get", lambda _: rows, description="Get them."),
        tool_of(
            "people.send",
            lambda arguments: sent.append(arguments) or {"sent": True},
            schema={"type": "object", "properties": {"to": {"type": "string"}}},
        ),
    ]


def look(**more):
    return {
        "plans": [plan("To look, use people.get."), *ENDING],
        "calls": [("people.get", "{}")],
        "tools": people(),
        "policy": POLICY % 400,
        **more,
    }


async def test_a_fact_stands_beside_its_handle_and_the_value_stays(tmp_path):
    async with world(tmp_path, **look(guard=EgressGuard)) as w:
        await w.session.ask("Look.")
    told = w.prompts[-1]
    assert '"email":"<email:1> (domain example.org)"' in told
    assert '"card":"<card:1> (last4 1234)"' in told
    assert '"card":"<card:2> (no last4)"' in told
    assert '"debt":"<amount:1> (sign negative)"' in told
    assert '"debt":"<amount:2> (sign zero)"' in told
    assert '"health":"<record:1> (count 2)"' in told
    assert '"health":"<record:2> (no count)"' in told
    assert '"diary":"[hidden]"' in told
    for private in (b"ann@", b"4111", b"flu", b"-20"):
        assert private not in w.capture.bytes_out


async def test_a_fact_is_shown_to_those_only_who_do_not_see_the_value(tmp_path):
    async with world(tmp_path, **look()) as w:
        await w.session.ask("Look.")
    planner, summarizer = w.prompts[-2:]
    assert '"name":"Ann Zweig"' in planner
    assert '"name":"<person:1> (hash ' in summarizer
    assert "Zweig" not in summarizer


async def test_the_ledger_names_the_rule_that_showed_a_fact(tmp_path):
    async with world(tmp_path, **look()) as w:
        await w.session.ask("Look.")
        rules = {one["rule"]: one["clear_bytes"] for one in w.recorded[-1]["clearances"]}
    shown = {rule: count for rule, count in rules.items() if rule.endswith(" show")}
    assert len(shown) == 5
    assert shown[next(rule for rule in shown if "email" in rule)] == 2 * len(" (domain example.org)")


async def test_a_handle_with_a_fact_is_copied_as_a_handle(tmp_path):
    plans = [plan("To look, use people.get."), plan("To send, use people.send."), *ENDING]
    calls = [("people.get", "{}"), ("people.send", '{"to":"<email:2>"}')]
    async with world(tmp_path, **look(plans=plans, calls=calls)) as w:
        await w.session.ask("Write to those at example.net.")
    assert w.session.record[-1].arguments == {"to": "bob@example.net"}
    assert w.results == ["done", "done"]
    assert w.caller.schemas[1]["people.send"]["properties"]["to"] == {"enum": ["<email:1>", "<email:2>"]}


async def test_bits_are_counted_once_a_value_and_reported(tmp_path):
    plans = [plan("To look, use people.get."), plan("To look again, use people.get."), *ENDING]
    twice = look(plans=plans, calls=[("people.get", "{}")] * 2, policy=POLICY % 400)
    async with world(tmp_path, **twice) as w:
        ending = await w.session.ask("Look twice.")
        spent = w.session.labeller.keeper.declassified
    # domain 64 each, last4 21 each, sign 2 each, hash 32 each; health has a fresh handle at every occurrence.
    assert spent.spent_bits == 2 * (64 + 21 + 2 + 32) + 4 * 16
    assert Report(session=w.session, ending=ending).as_json()["declassified_bits"] == spent.spent_bits


async def test_the_limit_stops_the_session_before_a_byte_of_it_is_sent(tmp_path):
    async with world(tmp_path, **look(policy=POLICY % 100)) as w:
        with pytest.raises(DeclassifiedError) as stopped:
            await w.session.ask("Look.")
        messages = [base64.b64decode(entry["message"]) for entry in w.recorded]
    assert len(messages) == 1, "the plan that led there, and nothing after it"
    assert b"example.org" not in w.capture.bytes_out
    assert "of this session's 100 are spent" in str(stopped.value)
    assert "on domain of 1 email" in str(stopped.value)
    for private in ("ann", "example.org", "1234", "Zweig"):
        assert private not in str(stopped.value)
    assert w.results == ["done"], "the record has what was done"


async def test_after_the_stop_a_session_goes_on_without_what_it_would_not_show(tmp_path):
    async with world(tmp_path, **look(policy=POLICY % 100)) as w:
        with pytest.raises(DeclassifiedError):
            await w.session.ask("Look.")
        await w.session.ask("Then just say something.")
    assert b"example.org" not in w.capture.bytes_out
    assert w.plan_requests()[1].view.entries[4].observation.failure == "interrupted"


async def test_values_of_one_fact_cannot_be_told_apart(tmp_path):
    one = [{"email": "ann@example.org", "debt": -20, "health": [1, 2]}]
    other = [{"email": "zoe@example.org", "debt": -7000, "health": ["a", None]}]
    requests = []
    for number, rows in enumerate((one, other)):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with world(folder, **look(tools=people(rows))) as w:
            await w.session.ask("Look.")
            requests.append(w.capture.requests)
    assert [sent.body for sent in requests[0]] == [sent.body for sent in requests[1]]
