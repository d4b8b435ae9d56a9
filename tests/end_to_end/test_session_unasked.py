"""What nobody asked for is not changed: the device asks, and carries the plan out where the user says yes."""

import json

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from tests.end_to_end.test_session_questions import Says
from umi_edge.egress.guard import EgressGuard
from umi_edge.session.events import Answered
from umi_edge.session.saved import restore, saved

SEND = plan("To send the mail, use mail.send.")
DONE = [plan("Done.", "summarizer"), "It is done."]
LETTER = ("mail.send", json.dumps({"to": "a@b.example", "subject": "Hello", "body": "Hello."}))
QUESTION = "what is the number of Alice Moreau?"
ASKED = "You did not seem to ask for a mail. Do you want one sent?"
OPEN = "tools: {mail.send: {runs: device, confirm: never}}"


def session(folder, *, plans, calls=(LETTER,), **more):
    return world(folder, plans=plans, calls=calls, policy=OPEN, **more)


async def test_a_mail_for_a_question_is_not_sent_and_the_user_is_asked(tmp_path):
    async with session(tmp_path, plans=[SEND]) as w:
        assert await w.session.ask(QUESTION) == Answered(ASKED)
        assert (w.session.record, w.caller.views) == ([], [])


@pytest.mark.parametrize("reply", ["yes", "Yes, please!", "ok send it", "ja bitte", "oui", "sí, por favor"])
async def test_a_yes_carries_the_plan_out_without_another(tmp_path, reply):
    says = Says(reply)
    async with session(tmp_path, plans=[SEND, *DONE], replies=says) as w:
        assert await w.session.ask(QUESTION) == Answered("It is done.")
    assert (says.asked, w.results) == ([ASKED], ["done"])


async def test_the_next_request_is_the_reply_where_nobody_was_there(tmp_path):
    async with session(tmp_path, plans=[SEND, *DONE]) as w:
        await w.session.ask(QUESTION)
        assert await w.session.ask("yes") == Answered("It is done.")
        assert w.results == ["done"]


async def test_a_yes_with_more_is_planned_anew_and_not_asked_about_again(tmp_path):
    says = Says("yes, to the new address")
    async with session(tmp_path, plans=[SEND, SEND, *DONE], replies=says) as w:
        await w.session.ask(QUESTION)
    assert (says.asked, w.results) == ([ASKED], ["done"])


async def test_a_no_is_planned_anew_and_the_same_plan_is_asked_about_until_questions_end(tmp_path):
    says = Says("no, just the number", "no")
    async with session(tmp_path, plans=[SEND, SEND, SEND], replies=says) as w:
        assert await w.session.ask(QUESTION) == Answered(ASKED)
        assert w.session.record == []
    assert says.asked == [ASKED, ASKED]


async def test_a_reply_that_asks_for_something_else_is_no_yes(tmp_path):
    says = Says("I only want her number", "no")
    async with session(tmp_path, plans=[SEND, SEND, SEND], replies=says) as w:
        assert await w.session.ask(QUESTION) == Answered(ASKED)
        assert w.session.record == []


async def test_a_reply_that_the_planner_does_not_see_is_no_yes(tmp_path):
    """Else whether the plan is carried out would tell the cloud that a name is one of the words for yes."""
    policy = f'detect: [{{type: person, pattern: "Jo"}}]\n{OPEN}'
    give_up = plan("Nothing tells.", "give up")
    async with world(tmp_path, plans=[SEND, give_up], calls=[LETTER], policy=policy, replies=Says("Jo")) as w:
        await w.session.ask(QUESTION)
        assert w.session.record == []


async def test_a_yes_to_something_else_sends_nothing_later(tmp_path):
    give_up = plan("Nothing tells.", "give up")
    async with session(tmp_path, plans=[SEND, give_up, give_up]) as w:
        await w.session.ask(QUESTION)
        await w.session.ask("no, just the number")
        await w.session.ask("yes")
        assert w.session.record == []


async def test_a_follow_up_of_a_mail_is_a_mail(tmp_path):
    async with session(tmp_path, plans=[SEND, *DONE, SEND, *DONE], calls=[LETTER, LETTER]) as w:
        await w.session.ask("mail Alice Moreau that I am late")
        await w.session.ask("and Bob too")
        assert w.results == ["done", "done"]


async def test_a_saved_conversation_plans_anew_after_a_yes(tmp_path):
    async with session(tmp_path, plans=[SEND]) as w:
        await w.session.ask(QUESTION)
        content = saved(w.session, "these tools")
    (tmp_path / "later").mkdir()
    async with session(tmp_path / "later", plans=[SEND, *DONE]) as w:
        restore(w.session, content, "these tools")
        assert await w.session.ask("yes") == Answered("It is done.")
        assert w.results == ["done"]


async def test_a_tool_of_others_is_left_to_consent(tmp_path):
    sent = []
    tools = [tool_of("mail.send", lambda given: sent.append(given) or {"status": "sent"}, source="python")]
    async with session(tmp_path, plans=[SEND, *DONE], tools=tools) as w:
        await w.session.ask(QUESTION)
    assert len(sent) == 1


async def test_a_tool_that_no_plan_named_is_held_to_the_words_too(tmp_path):
    async with session(tmp_path, plans=[plan("Tell them.")]) as w:
        assert await w.session.ask(QUESTION) == Answered(ASKED)
        assert w.session.record == []


async def test_the_question_tells_the_cloud_nothing_of_what_stays(tmp_path):
    """Two users who differ in nothing but whom they ask about send the same messages, without a name."""
    policy = f'detect: [{{type: person, pattern: "[A-Z][a-z]+qx"}}]\n{OPEN}'
    left = []
    for name in ("Kestrelqx", "Marigoldqx"):
        (folder := tmp_path / name).mkdir()
        says = Says("yes")
        async with world(
            folder, plans=[SEND, *DONE], calls=[LETTER], policy=policy, replies=says, guard=EgressGuard
        ) as w:
            await w.session.ask(f"what is the number of {name}?")
        assert says.asked == [ASKED]
        assert name.encode() not in w.capture.bytes_out
        left.append([sent.message for sent in w.capture.requests])
    assert left[0] == left[1]
