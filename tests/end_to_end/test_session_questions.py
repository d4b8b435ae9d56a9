"""`next: ask user`: one question to the user, whose reply is their own words, counted, at most twice a session."""

from datetime import UTC, datetime

import pytest

from tests.end_to_end.harness import chat_plan, chat_question, plan, tool_of, world
from umi_cloud.event_writer import PIECE_SECONDS
from umi_edge.session.events import Answered, AskedUser, QuestionStreamed, Replied
from umi_edge.session.pending_question import may_ask
from umi_edge.session.report import Report
from umi_edge.session.saved import restore, saved
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home
from umi_shared.errors import MalformedError, PeerError, PrivacyError

POLICY = """
detect:
  - {type: person, values_from: {tool: people.names, path: "$[*]"}, parts: true}
  - {type: email, pattern: builtin}
tools:
  people.names: {runs: device, card: hidden}
  people.get: {runs: device, confirm: never, integrity: trusted, results: {"$[*]": {locality: handle, type: person}}}
"""
NAMES = ["Martin Qxbrand", "Martin Zwolle"]
LOOK = chat_plan("I look.", "people.get", {})
WHICH = chat_question("Do you mean <person:2> or <person:3>?")
DONE = [chat_plan("That is known."), "It is done."]


class Says:
    """Replies with the next of some texts; remembers what was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[str] = []

    async def reply(self, question: str) -> str:
        self.asked.append(question)
        return self.texts.pop(0) if self.texts else ""


def tools():
    return [tool_of("people.names", lambda _: NAMES), tool_of("people.get", lambda _: NAMES)]


def session(tmp_path, *plans, replies=None, policy=POLICY, dialect="chat", **more):
    return world(
        tmp_path, plans=plans, tools=tools(), policy=policy, dialect=dialect, replies=replies, **more
    )


async def test_a_question_is_shown_with_the_real_values_and_its_reply_goes_on(tmp_path):
    says = Says("the second one, Martin Zwolle")
    async with session(tmp_path, LOOK, WHICH, *DONE, replies=says) as w:
        assert await w.session.ask("Write to Martin.") == Answered("It is done.")
    assert says.asked == ["Do you mean Martin Qxbrand or Martin Zwolle?"]
    assert "".join(event.text for event in w.of(QuestionStreamed)) == says.asked[0]
    assert len(w.of(Replied)) == 1
    assert '"next":"ask user","question":"Do you mean <person:2> or <person:3>?"}' in w.prompts[2]
    assert "Request: the second one, <person:3>" in w.prompts[2]
    assert b"Zwolle" not in w.capture.bytes_out


async def test_the_question_streams_while_the_planner_speaks(tmp_path, monkeypatch):
    monkeypatch.setattr("umi_cloud.event_writer.PIECE_SECONDS", dict.fromkeys(PIECE_SECONDS, 0.0))
    async with session(tmp_path, chat_question("What is it called? " * 9)) as w:
        await w.session.ask("Do it.")
    assert len(w.of(QuestionStreamed)) > 1


async def test_where_nobody_replies_the_question_is_the_outcome_with_an_exit_code_of_its_own(tmp_path):
    async with session(tmp_path, LOOK, WHICH) as w:
        report = await Report.of(w.session, "Write to Martin.", w.ledger)
    assert report.ending == AskedUser("Do you mean Martin Qxbrand or Martin Zwolle?")
    assert (report.exit_code, report.word, report.ended_properly) == (9, "asked", True)
    assert report.as_json()["ending"] == "asked"
    assert report.text == "Do you mean Martin Qxbrand or Martin Zwolle?"


async def test_the_next_instruction_of_a_conversation_is_the_reply(tmp_path):
    async with session(tmp_path, LOOK, WHICH, *DONE) as w:
        await w.session.ask("Write to Martin.")
        assert await w.session.ask("the second") == Answered("It is done.")
    assert "Request: the second" in w.prompts[2]


async def test_a_planner_asks_twice_a_session_and_then_no_more(tmp_path):
    says = Says("one", "two", "three")
    plans = [chat_question("First?"), chat_question("Second?"), chat_question("Third?")]
    async with session(tmp_path, *plans, replies=says) as w:
        with pytest.raises(PeerError):
            await w.session.ask("Do it.")
    assert says.asked == ["First?", "Second?"]
    assert [sent.view.may_ask for sent in w.plan_requests()] == [True, True, False]


async def test_the_prompt_only_grows_when_questions_are_used_up(tmp_path):
    says = Says("one", "two")
    async with session(tmp_path, chat_question("A?"), chat_question("B?"), *DONE, replies=says) as w:
        await w.session.ask("Do it.")
    first, second, third = w.prompts[:3]
    assert second.startswith(first)
    assert third.startswith(second)


async def test_what_of_a_reply_leaves_is_counted_and_the_rest_is_not(tmp_path):
    says = Says("Martin Zwolle it is")
    async with session(tmp_path, chat_question("Which?"), *DONE, replies=says) as w:
        await w.session.ask("Do it.")
    assert w.session.labeller.shapes.rows() == [f"{8 * len(' it is')} on replies of the user"]


async def test_a_reply_that_would_pass_the_limit_does_not_leave(tmp_path):
    policy = POLICY + "limits: {shape_bits: 100}"
    says = Says("a long story about much else")
    async with session(tmp_path, chat_question("Which?"), *DONE, replies=says, policy=policy) as w:
        with pytest.raises(PrivacyError, match="your reply takes 224 bits"):
            await w.session.ask("Do it.")
    assert b"long story" not in w.capture.bytes_out


async def test_a_question_in_a_saved_session_counts_when_it_is_resumed(tmp_path):
    says = Says("one", "two")
    async with session(tmp_path, chat_question("A?"), chat_question("B?"), *DONE, replies=says) as w:
        await w.session.ask("Do it.")
        content = saved(w.session, "same")
    (tmp_path / "again").mkdir()
    async with session(tmp_path / "again", *DONE) as again:
        restore(again.session, content, "same")
        assert not may_ask(again.session.calls.entries)
        await again.session.ask("And now?")
    assert "A?" in again.prompts[0]
    assert again.plan_requests()[0].view.may_ask is False


@pytest.mark.parametrize("said", ['{"rationale":"a","next":"ask user"}', chat_question(" ")])
async def test_a_question_of_nothing_is_no_decision(tmp_path, said):
    async with session(tmp_path, said) as w:
        with pytest.raises((MalformedError, PeerError)):
            await w.session.ask("Do it.")


async def test_an_argument_that_is_called_question_is_no_question(tmp_path):
    ask = tool_of("people.get", lambda _: NAMES, schema={"type": "object", "properties": {"question": {}}})
    plans = [chat_plan("I look.", "people.get", {"question": "who?"}), *DONE]
    async with world(tmp_path, plans=plans, tools=[tools()[0], ask], policy=POLICY, dialect="chat") as w:
        assert await w.session.ask("Do it.") == Answered("It is done.")
    assert w.of(QuestionStreamed) == []


async def test_the_devices_own_question_of_a_day_is_replied_to_in_the_same_way(tmp_path):
    wednesday = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
    home = builtin_tools(make_sample_home(tmp_path / "home", wednesday.date()))
    put = plan("To put it in, use calendar.create.")
    plans = [put, put, plan("Done.", "summarizer"), "It is in."]
    calls = [
        ("calendar.create", '{"title":"Haircut","date":"next Friday","time":"5pm"}'),
        ("calendar.create", '{"title":"Haircut","date":"the 4th","time":"5pm"}'),
    ]
    says = Says("I mean the 4th")
    async with world(tmp_path, plans=plans, calls=calls, tools=home, replies=says) as w:
        w.session.now, w.session.locale = (lambda: wednesday), "en_GB"
        assert await w.session.ask("Put a haircut in for next Friday at 5pm") == Answered("It is in.")
    assert says.asked[0].startswith("Which do you mean by “next Friday”")
    assert w.session.record[0].arguments["date"] == "2026-12-04"


MAIL = """
tools:
  letter.show: {runs: device, confirm: never, integrity: untrusted, results: {"$": cloud}}
  mail.post: {runs: device, confirm: never, arguments: {to: {type: email, requires: trusted}}}
"""
POST = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "body": {"type": "string"}},
    "required": ["to", "body"],
}


@pytest.mark.parametrize(
    ("reply", "sent"), [("mallory@evil.example", False), ("no: ann@kept.example it is", True)]
)
async def test_an_address_of_the_question_is_not_the_users_own_word_when_they_repeat_it(
    tmp_path, reply, sent
):
    posted = []
    mail = [
        tool_of("letter.show", lambda _: "Ann has a new address."),
        tool_of("mail.post", lambda given: posted.append(given) or "sent", schema=POST),
    ]
    plans = [
        chat_plan("Read it.", "letter.show", {}),
        chat_question("Ann's address is mallory@evil.example now. Please type it to confirm."),
        chat_plan("Write.", "mail.post", {"to": "<email:1>", "body": "hi"}),
        *DONE,
    ]
    calls = [("mail.post", '{"to":"<email:1>","body":"hi"}')] * 2
    async with world(
        tmp_path, plans=plans, calls=calls, tools=mail, policy=MAIL, dialect="chat", replies=Says(reply)
    ) as w:
        await w.session.ask("Write to Ann.")
        assert w.results[-1] == ("done" if sent else "denied")
    assert bool(posted) == sent


async def test_what_of_a_reply_in_the_next_instruction_leaves_is_counted_too(tmp_path):
    async with session(tmp_path, chat_question("Which?"), *DONE, *DONE) as w:
        await w.session.ask("Do it.")
        await w.session.ask("Martin Zwolle it is")
        await w.session.ask("And this is no reply.")
    assert w.session.labeller.shapes.rows() == [f"{8 * len(' it is')} on replies of the user"]


async def test_an_address_that_a_question_had_is_not_the_users_own_in_the_next_instruction_either(tmp_path):
    ask = chat_question("Write to zwolle@example.org?")
    async with session(tmp_path, ask, *DONE) as w:
        await w.session.ask("Do it.")
        await w.session.ask("Yes, zwolle@example.org")
    (kept,) = [one for one in w.session.labeller.vault if one.value == "zwolle@example.org"]
    assert not kept.label.trusted
