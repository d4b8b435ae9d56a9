"""A text that a small caller cut off, or had no words for, is the user's own by the time that anybody is asked."""

import json

import pytest

from tests.end_to_end.harness import chat_plan, plan, tool_of, world
from umi_edge.session.consent import ConsentRequest
from umi_edge.session.events import CallWritten

POLICY = """
defaults: {instruction: scan}
tools:
  people.get:
    runs: device
    confirm: never
    integrity: trusted
    results: {"$.mail": {locality: handle, type: email}, "$.role": {locality: handle, type: text}}
  mail.post:
    runs: %s
    confirm: always
    arguments: {to: {locality: handle, type: email, accepts: handle}, body: {%s locality: handle, type: text}}
    results: {"$": cloud}
"""
POST = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "body": {"type": "string"}},
    "required": ["to", "body"],
    "additionalProperties": False,
}
CUT = ("mail.post", '{"to":"<email:2>","body":"I wrote."}')
ASKED = "tell jo i wrote ann@example.org about the roof and put it in my diary"
LOOK, TELL = "To find the address of jo, use people.get.", "To send the mail to <email:2>, use mail.post."


class Asking:
    """Says yes, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ConsentRequest] = []

    async def approve(self, request: ConsentRequest) -> bool:
        self.asked.append(request)
        return True


async def play(folder, *calls, request=ASKED, runs="device", accepts="", person=None, drafts=(), caller=""):
    posted, asking = [], Asking()
    found = person or {"mail": "jo@example.org", "role": "roofer"}
    tools = [
        tool_of("people.get", lambda _: found),
        tool_of(
            "mail.post",
            lambda arguments: posted.append(dict(arguments)) or "sent",
            schema=POST,
            source="builtin",
        ),
    ]
    plans = [plan(LOOK), plan(TELL), plan("Done.", "summarizer"), "It is done."]
    policy = POLICY % (runs, accepts) + (f"    caller: {caller}\n" if caller else "")
    async with world(
        folder, plans=drafts or plans, calls=[("people.get", "{}"), *calls], tools=tools, policy=policy,
        consent=asking, dialect="chat" if drafts else "umi",
    ) as w:  # fmt: skip
        await w.session.ask(request)
    return w, posted, asking.asked


async def test_the_tool_the_consent_and_the_record_have_the_whole_clause(tmp_path):
    w, posted, asked = await play(tmp_path, CUT)
    whole = {"to": "jo@example.org", "body": "I wrote ann@example.org about the roof."}
    assert posted == [whole] == [one.arguments for one in asked] == [w.session.record[-1].arguments]


async def test_the_cloud_reads_nothing_new(tmp_path):
    w, _, _ = await play(tmp_path, CUT)
    assert "ann@example.org" not in "".join(w.prompts)
    assert all("about the roof" in prompt for prompt in w.prompts)


async def test_the_messages_are_the_same_for_other_private_values(tmp_path):
    """I3: what is put behind, and that it is, depends on no value that stays."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, _, _ = await play(tmp_path / "a", CUT)
    other, posted, _ = await play(
        tmp_path / "b",
        CUT,
        request=ASKED.replace("ann", "bob"),
        person={"mail": "x@example.org", "role": "wrote"},
    )
    assert posted[0]["body"] == "I wrote bob@example.org about the roof."
    assert [one.message for one in one.capture.requests] == [one.message for one in other.capture.requests]


async def test_a_third_party_is_given_no_handle_that_its_rule_does_not_accept(tmp_path):
    """I5: the text stays as the caller wrote it, which the tool may read."""
    _, posted, _ = await play(tmp_path, CUT, runs="third-party")
    assert posted == [{"to": "jo@example.org", "body": "I wrote."}]
    (tmp_path / "b").mkdir()
    _, posted, _ = await play(tmp_path / "b", CUT, runs="third-party", accepts="accepts: handle,")
    assert posted == [{"to": "jo@example.org", "body": "I wrote ann@example.org about the roof."}]


async def test_a_caller_that_sees_values_is_left_alone(tmp_path):
    cut = ("mail.post", '{"to":"jo@example.org","body":"I wrote."}')
    _, posted, _ = await play(tmp_path, cut, caller="values")
    assert posted == [{"to": "jo@example.org", "body": "I wrote."}]


async def test_a_draft_of_the_plan_stays(tmp_path):
    draft = {"to": "<email:2>", "body": "I wrote."}
    drafts = [chat_plan("Find jo.", "people.get", {}), chat_plan("Tell jo.", "mail.post", draft),
              chat_plan("All is done."), "It is done."]  # fmt: skip
    _, posted, _ = await play(tmp_path, drafts=drafts)
    assert posted == [{"to": "jo@example.org", "body": "I wrote."}]


STRAY = "reply to jo that ann@example.org signs tomorrow"


@pytest.mark.parametrize("body", ["The address of jo is <email:2>.", "<text:1>"])
async def test_a_letter_of_what_is_known_of_its_recipient_is_written_again_in_the_users_words(tmp_path, body):
    stray = ("mail.post", json.dumps({"to": "<email:2>", "body": body}))
    again = ("mail.post", '{"body":"<email:1> signs tomorrow"}')
    w, posted, asked = await play(tmp_path, stray, again, request=STRAY)
    assert posted == [{"to": "jo@example.org", "body": "ann@example.org signs tomorrow"}]
    assert len(asked) == 1
    assert len(w.of(CallWritten)) == 2
    assert w.caller.schemas[-1]["mail.post"]["properties"] == {"body": {"enum": ["<email:1> signs tomorrow"]}}


async def test_a_caller_that_writes_it_again_all_the_same_is_asked_no_third_time(tmp_path):
    body = "The address of jo is <email:2>."
    stray, again = ("mail.post", json.dumps({"to": "<email:2>", "body": body})), json.dumps({"body": body})
    _, posted, asked = await play(tmp_path, stray, ("mail.post", again), request=STRAY)
    assert posted == [{"to": "jo@example.org", "body": "The address of jo is jo@example.org."}]
    assert len(asked) == 1


async def test_it_is_asked_about_as_it_is_where_the_user_said_nothing_to_tell(tmp_path):
    stray = ("mail.post", '{"to":"<email:1>","body":"The address is <email:1>."}')
    _, posted, asked = await play(tmp_path, stray, request="mail")
    assert posted == [{"to": "jo@example.org", "body": "The address is jo@example.org."}]
    assert len(asked) == 1
