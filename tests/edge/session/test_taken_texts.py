"""Texts that a caller took from the user's words end where the user's clause ends, and all others stay as they are."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.end_to_end.harness import tool_of
from umi_edge.session.taken_texts import TakenTexts, TextKind, text_kinds
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.values.time_words import TimePhrases
from umi_shared.handles import parts_of
from umi_shared.transcript import Instruction, Next, Plan, View

TOOLS = {one.name: one for one in builtin_tools(replace(HomeConfig.under(Path("home")), more=True))}
NOW = TimePhrases(datetime(2026, 11, 25, 14, 30, tzinfo=UTC), "en_GB")
FRIDAY = {"date": "2026-11-27", "time": "12:00"}


def view(*requests: str, plan: str = "") -> View:
    said = [Instruction(parts_of(one)) for one in requests]
    return View(catalogue=(), entries=(*said, Plan(parts_of(plan), Next.CALLER, "")))


def mended(tool, arguments, *requests, plan="", given=(), admits=lambda *_: True):
    return TakenTexts.of(view(*requests, plan=plan), NOW).mended(TOOLS[tool], arguments, given, admits)


def letter(body, *requests, subject="Late", **said):
    return mended("mail.send", {"to": "<email:1>", "subject": subject, "body": body}, *requests, **said)[
        "body"
    ]


def title(text, *requests, **said):
    return mended("calendar.create", {"title": text, **FRIDAY}, *requests, **said)["title"]


def test_a_body_is_the_whole_clause_with_its_own_beginning_and_end():
    assert letter("I'm late.", "tell jo i'm late so start without me") == "I'm late so start without me."
    assert letter("I'm late", "tell jo i'm late so start without me!") == "I'm late so start without me"


def test_a_days_words_end_a_title_where_the_call_has_the_day():
    assert title("Lunch", "add lunch with <person:1> on friday at noon") == "Lunch with <person:1>"
    assert title("Lunch", "add lunch with <person:1>, 27.11. 12:00") == "Lunch with <person:1>"
    assert title("Rehearsal", "book rehearsal from seven on friday with jo") == "Rehearsal"


def test_a_days_words_stay_in_a_letter():
    assert (
        letter("I'll take Jo.", "tell ann i'll take jo to fencing on friday")
        == "I'll take Jo to fencing on friday."
    )


def test_a_title_that_has_the_day_in_it_stays():
    assert title("Lunch on friday", "add lunch on friday with jo") == "Lunch on friday"


def test_a_correction_leaves_the_words_of_the_request_before_it():
    assert (
        title("Lunch", "add lunch with <person:1> on saturday", "no sorry, friday") == "Lunch with <person:1>"
    )


def test_a_subject_that_is_the_body_stays_so_and_another_one_stays_as_it_is():
    asked = "tell stefan that rev c must be recalled"
    call = {"to": "<email:1>", "subject": "Rev c", "body": "Rev c."}
    whole = {"to": "<email:1>", "subject": "Rev c must be recalled", "body": "Rev c must be recalled."}
    assert mended("mail.send", call, asked) == whole
    assert mended("mail.send", {**call, "body": "Rev c must be."}, asked)["subject"] == "Rev c"


def test_what_the_plan_gives_stays():
    asked = "tell jo i'm late so start without me"
    assert letter("I'm late.", asked, given={"body"}) == "I'm late."
    assert letter("I'm late.", asked, plan='Send her "I\'m late" by mail.') == "I'm late."


def test_a_text_that_is_not_of_the_users_words_stays():
    assert letter("I am delayed.", "tell jo i'm late so start without me") == "I am delayed."
    assert letter("<text:1>", "send <text:1> to jo") == "<text:1>"


def test_one_word_is_the_beginning_of_a_text_only_where_one_begins():
    assert letter("Late.", "tell jo i'm late so start without me") == "Late."
    assert letter("Milk.", "add milk and eggs to the list") == "Milk and eggs."


def test_a_handle_is_added_where_the_argument_admits_it_alone():
    asked, refused = "tell jo i'll bring <person:2> and the cake", []

    def admits(argument, handles):
        refused.append((argument, *map(str, handles)))
        return False

    assert letter("I'll bring", asked, admits=admits) == "I'll bring"
    assert refused == [("body", "<person:2>")]
    assert letter("I'll bring", asked) == "I'll bring <person:2> and the cake"
    assert letter("I'll bring <person:2>.", asked, admits=admits) == "I'll bring <person:2> and the cake."


def test_no_text_grows_beyond_what_the_tool_takes():
    short = {"type": "object", "properties": {"body": {"type": "string", "maxLength": 12}}}
    tool = tool_of("send", lambda _: None, schema=short)
    taken = TakenTexts.of(view("tell jo i'm late so start without me"), NOW)
    assert taken.mended(tool, {"body": "I'm late."}, (), lambda *_: True) == {"body": "I'm late."}


def test_a_title_does_not_grow_into_a_sentence():
    long = "add that Ella " + "sleeps over and over and " * 5 + "over"
    assert title("Ella", long) == "Ella"


@pytest.mark.parametrize(
    ("tool", "kinds"),
    [
        ("mail.send", {"subject": TextKind.HEADING, "body": TextKind.PROSE}),
        ("calendar.create", {"title": TextKind.HEADING}),
        ("calendar.add_todo", {"title": TextKind.HEADING}),
        ("notes.append", {"text": TextKind.PROSE}),
        ("notes.edit", {"new": TextKind.PROSE}),
        ("contacts.add", {}),
        ("calendar.cancel", {}),
    ],
)
def test_texts_are_what_a_tool_writes_down_and_not_what_it_looks_up(tool, kinds):
    assert text_kinds(TOOLS[tool]) == kinds


def test_a_strangers_title_may_name_what_is_there_and_a_body_is_no_choice():
    properties = {
        "title": {"type": "string"}, "body": {"type": "string", "enum": ["a"]}, "text": {"type": "string"},
        "note": {"type": "string", "format": "date"}, "message": {"type": ["string", "null"]}, "content": True,
    }  # fmt: skip
    schema = {"type": "object", "properties": properties}
    ours = tool_of("page.update", lambda _: None, schema=schema, source="builtin")
    assert text_kinds(ours) == {"text": TextKind.PROSE}
    assert text_kinds(tool_of("page.update", lambda _: None, schema=schema)) == {}, (
        "nobody knows what it does"
    )


def test_its_repr_holds_no_words():
    assert "jo" not in repr(TakenTexts.of(view("tell jo i'm late", plan='Say "jo".'), NOW))
