"""Whole sessions over real gRPC: what is done, what is refused, and how each ends."""

import base64
import json

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.labelling.tool_cards import Withheld
from umi_edge.session.consent import ConsentRequest, DeclineAll
from umi_edge.session.events import Answered, Asked, GaveUp, Observed, Planned, Refused, Stopped
from umi_edge.tools import FailureKind, ToolFailure

MAIL_PLANS = [
    plan("To find the address of <person:1>, use contacts.search."),
    plan("To mail <email:1>, use mail.send."),
    plan("All is done.", "summarizer"),
    "I told <person:1> at <email:1> that you are late.",
]
MAIL_CALLS = [
    ("contacts.search", '{"name":"<person:1>"}'),
    ("mail.send", '{"to":"<email:1>","subject":"Late","body":"I am ten minutes late."}'),
]


async def test_mailing_someone_uses_their_address_and_tells_the_cloud_nothing_of_it(tmp_path):
    async with world(tmp_path, plans=MAIL_PLANS, calls=MAIL_CALLS) as w:
        ending = await w.session.ask("Email Alice Moreau that I am ten minutes late.")
    assert ending == Answered("I told Alice Moreau at alice.moreau@example.org that you are late.")
    assert w.results == ["done", "done"]
    assert w.session.record[1].arguments["to"] == "alice.moreau@example.org"
    (letter,) = (tmp_path / "home" / "outbox" / "new").iterdir()
    assert b"alice.moreau@example.org" in letter.read_bytes()
    for private in (b"Alice", b"Moreau", b"alice.moreau@", b"39 98 41 07"):
        assert private not in w.capture.bytes_out


async def test_what_left_is_what_the_ledger_says_byte_for_byte(tmp_path):
    async with world(tmp_path, plans=MAIL_PLANS, calls=MAIL_CALLS) as w:
        await w.session.ask("Email Alice Moreau that I am ten minutes late.")
        recorded = [base64.b64decode(entry["message"]) for entry in w.recorded]
    assert recorded == [sent.message for sent in w.capture.requests]
    assert w.session.totals.messages_out == len(recorded) == 4
    assert w.session.totals.bytes_out == sum(map(len, recorded))


async def test_a_tool_that_is_gone_leads_the_planner_to_another_one(tmp_path):
    def gone(_):
        raise ToolFailure(FailureKind.UNAVAILABLE, "the server secret.example is down")

    tools = [tool_of("notes.search", gone), tool_of("files.search", lambda _: {"hits": 1})]
    plans = [
        plan("To look there, use notes.search."),
        plan("To look elsewhere, use files.search."),
        plan("Found.", "summarizer"),
        "One file has it.",
    ]
    calls = [("notes.search", "{}"), ("files.search", "{}")]
    async with world(tmp_path, plans=plans, calls=calls, tools=tools) as w:
        assert await w.session.ask("Find the gate code.") == Answered("One file has it.")
    assert w.results == ["unavailable", "done"]
    assert w.session.record[0].detail == "the server secret.example is down"
    assert b"secret.example" not in w.capture.bytes_out
    assert "unavailable" in w.prompts[1]


async def test_a_call_that_the_policy_denies_is_not_made_and_the_planner_learns_only_that(tmp_path):
    plans = [
        plan("To mail them, use mail.send."),
        plan("That is not allowed.", "give up"),
    ]
    calls = [("mail.send", '{"to":"mallory@example.net","subject":"Hi","body":"Hi"}')]
    async with world(tmp_path, plans=plans, calls=calls) as w:
        ending = await w.session.ask("Write to whom the mail says.")
    assert ending == GaveUp("That is not allowed.")
    assert w.results == ["denied"]
    (refused,) = w.of(Refused)
    assert "requires a trusted value" in refused.reasons[0]
    assert not list((tmp_path / "home" / "outbox").glob("new/*"))
    observation = w.plan_requests()[1].view.entries[-1].observation
    assert (observation.failure, len(observation.content.segments)) == ("denied", 0)


async def test_a_call_that_the_user_declines_is_not_made(tmp_path):
    plans = [*MAIL_PLANS[:2], plan("They said no.", "give up")]
    async with world(tmp_path, plans=plans, calls=MAIL_CALLS, consent=DeclineAll()) as w:
        ending = await w.session.ask("Email Alice Moreau that I am ten minutes late.")
    assert ending == GaveUp("They said no.")
    assert w.results == ["done", "declined"]
    assert [event.approved for event in w.of(Asked)] == [False]
    assert not list((tmp_path / "home" / "outbox").glob("new/*"))


async def test_consent_is_asked_with_the_values_that_the_tool_then_gets(tmp_path):
    asked: list[ConsentRequest] = []

    class Watching:
        async def approve(self, request):
            asked.append(request)
            return True

    async with world(tmp_path, plans=MAIL_PLANS, calls=MAIL_CALLS, consent=Watching()) as w:
        await w.session.ask("Email Alice Moreau that I am ten minutes late.")
    assert asked[0].tool == "mail.send"
    assert asked[0].arguments == w.session.record[1].arguments
    assert asked[0].arguments["body"] == "I am ten minutes late."
    assert "alice.moreau" not in repr(asked[0])


async def test_the_step_limit_ends_a_planner_that_goes_round_in_circles(tmp_path):
    tools = [tool_of("notes.search", lambda _: [])]
    async with world(
        tmp_path,
        plans=lambda _: plan("To look again, use notes.search."),
        calls=[("notes.search", "{}")] * 9,
        tools=tools,
        policy="limits: {steps: 3}\ntools: {notes.search: {runs: device}}",
    ) as w:
        ending = await w.session.ask("Look.")
    assert isinstance(ending, Stopped)
    assert "limits.steps" in ending.reason
    assert w.results == ["done"] * 3


@pytest.mark.parametrize("arguments", ['{"name":"<person:9>"}', '{"name":"to <iban:1>"}'])
async def test_a_handle_that_was_never_issued_makes_no_call(tmp_path, arguments):
    plans = [plan("To look, use contacts.search."), plan("No.", "give up")]
    async with world(tmp_path, plans=plans, calls=[("contacts.search", arguments)]) as w:
        ending = await w.session.ask("Look for someone.")
    assert ending == GaveUp("No.")
    assert w.results == ["unknown-handle"]
    assert w.plan_requests()[1].view.entries[-1].observation.failure == "unknown-handle"


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "no JSON",
        "[]",
        "7",
        '"text"',
        '{"a":' * 5000,
        "[" * 100_000,
        '{"a":"\\ud800"}',
        '{"a":1' + "0" * 5000 + "}",
    ],
)
async def test_a_caller_that_writes_no_call_is_a_failure_that_the_planner_hears_of(tmp_path, arguments):
    plans = [plan("To look, use contacts.search."), plan("No.", "give up")]
    async with world(tmp_path, plans=plans, calls=[("contacts.search", arguments)]) as w:
        ending = await w.session.ask("Look for someone.")
    assert ending == GaveUp("No.")
    assert w.results == ["invalid-call"]


@pytest.mark.parametrize("name", ["nobody.knows", "notes.private", "contacts.search\n", ""])
async def test_a_caller_cannot_call_what_the_cloud_was_not_told_of(tmp_path, name):
    ran = []
    tools = [tool_of("contacts.search", lambda _: 1), tool_of("notes.private", ran.append)]
    policy = (
        "detect: [{type: email, pattern: builtin}]\n"
        "tools:\n  notes.private: {card: hidden, runs: device, confirm: never}"
    )
    plans = [plan("To look, use contacts.search."), plan("No.", "give up")]
    async with world(tmp_path, plans=plans, calls=[(name, "{}")], tools=tools, policy=policy) as w:
        assert w.session.told.withheld == (Withheld("notes.private", "its policy says `card: hidden`"),)
        assert await w.session.ask("Look.") == GaveUp("No.")
    assert w.results == ["invalid-call"]
    assert ran == []
    assert b"notes.private" not in w.capture.bytes_out


async def test_an_answer_keeps_what_only_looks_like_a_handle(tmp_path):
    plans = [plan("Nothing to do.", "summarizer"), "See <email:1> and <\\email:2>."]
    async with world(tmp_path, plans=plans) as w:
        ending = await w.session.ask("Say something.")
    assert ending == Answered("See <email:1> and <email:2>.")


async def test_a_second_instruction_sees_what_came_before_and_repeats_no_call(tmp_path):
    plans = [*MAIL_PLANS, plan("I know already.", "summarizer"), "It was <email:1>."]
    async with world(tmp_path, plans=plans, calls=MAIL_CALLS) as w:
        await w.session.ask("Email Alice Moreau that I am ten minutes late.")
        ending = await w.session.ask("Whom at alice.moreau@example.org was that?")
    assert ending == Answered("It was alice.moreau@example.org.")
    assert w.results == ["done", "done"]
    assert "<email:1>" in w.prompts[-2].rpartition("user")[2]
    assert b"alice.moreau@" not in w.capture.bytes_out


async def test_the_events_of_a_session_come_in_the_order_of_its_steps(tmp_path):
    async with world(tmp_path, plans=MAIL_PLANS, calls=MAIL_CALLS) as w:
        await w.session.ask("Email Alice Moreau that I am ten minutes late.")
    names = [type(event).__name__ for event in w.events if not type(event).__name__.endswith("Streamed")]
    step = ["PlanStarted", "Sent", "Planned", "CallWritten"]
    assert names == [
        "ClockTold", "Instructed", *step, "Observed", *step, "Asked", "Observed",
        "PlanStarted", "Sent", "Planned", "AnswerStarted", "Sent", "Ended",
    ]  # fmt: skip
    assert [event.step for event in w.of(Planned)] == [1, 2, 3]
    assert json.dumps([event.tool for event in w.of(Observed)]) == '["contacts.search", "mail.send"]'
