"""A letter that tells somebody their own address is written again, in the words of the user."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from umi_edge.session.stray_text import held_to_words, stray_text
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_shared.handles import parts_of
from umi_shared.transcript import Instruction, Next, Observation, Plan, View

SEND = next(one for one in builtin_tools(HomeConfig.under(Path("home"))) if one.name == "mail.send")
FOUND = {"matches": [{"name": "<person:3>", "email": "<email:1>", "phone": "<phone:1>", "role": "<text:1>"}]}
OTHER = {"matches": [{"name": "<person:4>", "email": "<email:2>", "phone": "<phone:2>", "role": "<text:2>"}]}
ASKED = "reply to <person:1> that <person:2> signs tomorrow and book a room"


def view(request: str = ASKED, plan: str = "To send the mail to <email:1>, use mail.send.") -> View:
    return View(
        catalogue=(),
        entries=(
            Instruction(parts_of(request)),
            Observation("contacts.search", parts_of(json.dumps(OTHER))),
            Observation("contacts.search", parts_of(json.dumps(FOUND))),
            Observation("notes.read", (), "not-found"),
            Plan(parts_of(plan), Next.CALLER, "mail.send"),
        ),
    )


def stray(body, seen=None, given=(), to="<email:1>"):
    return stray_text(
        SEND, {"to": to, "subject": "One to one", "body": body}, given, view() if seen is None else seen
    )


@pytest.mark.parametrize("body", [
    "The address of <person:2> is <email:1>.", "He signs. The number is <phone:1>.", "<text:1>", "<email:1>",
])  # fmt: skip
@pytest.mark.parametrize("to", ["<email:1>", ["<email:9>", "<email:1>"]])
def test_what_is_known_of_the_recipient_is_no_letter_to_them(body, to):
    assert stray(body, to=to) == "body"


@pytest.mark.parametrize("body", [
    "<person:2> signs tomorrow.", "Hello <person:3>, he signs.", "The number of <person:2> is <phone:2>.", "<text:2>",
    "As <text:1> you know.",
])  # fmt: skip
def test_what_is_known_of_others_may_be_one_and_so_may_a_greeting(body):
    assert stray(body) == ""


def test_what_the_user_or_the_plan_names_is_meant():
    assert stray("My number for you is <phone:1>.", view("tell <person:1> that i have <phone:1>")) == ""
    assert stray("Is it <phone:1>?", view(plan="Ask <email:1> whether <phone:1> is right.")) == ""
    assert stray("Is it <email:1>?", given={"body"}) == ""


def test_it_is_held_to_a_clause_of_the_newest_request():
    schema = {"properties": {"to": {"type": "string"}, "body": {"type": "string"}}, "required": ["to"]}
    held = held_to_words(schema, "body", view())
    assert held == {
        "properties": {"to": {"type": "string"}, "body": {"enum": ["<person:2> signs tomorrow"]}},
        "required": ["to"],
    }
    assert held_to_words(schema, "body", replace(view(), entries=())) is None
    assert held_to_words(schema, "body", view("hello")) is None
