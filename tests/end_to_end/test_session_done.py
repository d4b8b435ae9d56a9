"""What was done is told by the device, out of the record: no message leaves for it, and no model has a say."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.end_to_end.harness import TODAY, plan, world
from umi_edge.policy import default_policy
from umi_edge.session.consent import UnsafeApproveAll
from umi_edge.session.events import Answered
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home

FRIDAY = "2026-06-05"
LOOK = plan("To find the address of <person:1>, use contacts.search.")
SEND = plan("To send the mail to <email:1>, use mail.send.")
DONE = plan("The mail is on its way.", "summarizer")
FIND = ("contacts.search", '{"name":"<person:1>"}')
TEXT = "The Zwolle vault is at seven."
LETTER = ("mail.send", json.dumps({"to": "<email:1>", "subject": "Vault", "body": TEXT}))


@asynccontextmanager
async def session(folder, plans, calls, **more):
    tools = builtin_tools(replace(make_sample_home(folder / "home", TODAY), more=True))
    async with world(folder, plans=plans, calls=calls, tools=tools, consent=UnsafeApproveAll(), **more) as w:
        w.session.writes_lists = True
        yield w


async def test_whoever_was_mailed_is_named_with_the_text_that_left(tmp_path):
    async with session(tmp_path, [LOOK, SEND, DONE], [FIND, LETTER]) as w:
        ending = await w.session.ask("tell Karim Haddad the vault is at seven")
    [letter] = [one.arguments for one in w.session.record if one.tool == "mail.send"]
    assert ending == Answered(f"Mailed Karim Haddad ({letter['to']}): “{TEXT}”")
    assert len(w.capture.requests) == 3
    assert letter["to"].encode() not in w.capture.bytes_out


async def test_a_text_with_a_private_name_in_it_is_shown_as_it_left(tmp_path):
    body = "We row with <person:1> on Friday,\n<person:1> too."
    letter = ("mail.send", json.dumps({"to": "<email:1>", "subject": "Vault", "body": body}))
    async with session(tmp_path, [LOOK, SEND, DONE], [FIND, letter]) as w:
        ending = await w.session.ask("tell Karim Haddad that we row with Karim Haddad on friday")
    assert isinstance(ending, Answered)
    assert ending.answer.endswith(": “We row with Karim Haddad on Friday, Karim Haddad too.”")


async def test_later_turns_show_the_models_that_it_was_done_and_no_value(tmp_path):
    plans = [LOOK, SEND, DONE, plan("Enough.", "summarizer"), "Right."]
    async with session(tmp_path, plans, [FIND, LETTER]) as w:
        await w.session.ask("tell Karim Haddad the vault is at seven")
        assert await w.session.ask("why so late?") == Answered("Right.")
        [letter] = [one.arguments for one in w.session.record if one.tool == "mail.send"]
    assert "I did it: mail.send." in w.prompts[-1]
    assert letter["to"].encode() not in w.capture.bytes_out


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        (
            "calendar.create",
            {"title": "Roof", "date": FRIDAY, "time": "09:30", "duration_minutes": 45, "location": "Attic"},
            "In your calendar: Friday 5 June, 09:30–10:15: Roof, Attic",
        ),
        (
            "calendar.repeat",
            {"title": "Bins", "date": FRIDAY, "often": "weekly"},
            "In your calendar: Friday 5 June: Bins, every week",
        ),
        ("calendar.add_todo", {"title": "Pay", "date": FRIDAY}, "On your list: Pay, due Friday 5 June"),
        ("calendar.add_todo", {"title": "Pay"}, "On your list: Pay"),
        ("notes.create", {"title": "Roof", "text": "Tiles are red."}, "New note “Roof”: Tiles are red."),
        ("contacts.add", {"name": "Ro Fer", "phone": "020 555"}, "New card: Ro Fer, 020 555"),
    ],
)  # fmt: skip
async def test_what_was_made_is_told_as_the_tool_was_given_it(tmp_path, tool, arguments, told):
    said = " ".join(map(str, arguments.values()))
    plans = [plan(f"To do it, use {tool}."), plan("It is done.", "summarizer")]
    async with session(tmp_path, plans, [(tool, json.dumps(arguments))]) as w:
        assert await w.session.ask(f"do it: {said}") == Answered(told)


async def test_a_card_keeps_its_number_behind_a_new_one_and_the_answer_says_so(tmp_path):
    number = "+44 117 496 0188"
    calls = [FIND, ("contacts.change", '{"id":"<contact:1>","phone":"<phone:1>"}')]
    plans = [LOOK, plan("To change the card, use contacts.change."), DONE]
    async with session(tmp_path, plans, calls, policy=default_policy()) as w:
        ending = await w.session.ask(f"Karim Haddad has a new number, {number}, note it in his card")
        [card] = [one for one in (tmp_path / "home" / "contacts").iterdir() if number in one.read_text()]
    before, after = (one.split(":", 1)[1] for one in card.read_text().splitlines() if one.startswith("TEL"))
    assert ending == Answered(f"Changed the card of Karim Haddad, {number}, {after} stays on it")
    assert before == number
    assert after.encode() not in w.capture.bytes_out


ENTER, MADE = (
    plan("To add it, use calendar.create."),
    ("calendar.create", f'{{"title":"Roof","date":"{FRIDAY}","time":"09:30"}}'),
)
ENDED = plan("It is done.", "summarizer")


async def test_an_event_that_is_moved_or_cancelled_is_named_by_what_was_found(tmp_path):
    look, found = plan("To see the day, use calendar.list."), ("calendar.list", f'{{"date":"{FRIDAY}"}}')
    move, cancel = plan("To move it, use calendar.update."), plan("To cancel it, use calendar.cancel.")
    calls = [
        MADE,
        found,
        ("calendar.update", '{"id":"<event:1>","time":"11:00"}'),
        found,
        ("calendar.cancel", '{"id":"<event:1>"}'),
    ]
    plans = [ENTER, ENDED, look, move, ENDED, look, cancel, ENDED]
    async with session(tmp_path, plans, calls, policy=default_policy()) as w:
        await w.session.ask(f"put Roof in on {FRIDAY} at 09:30")
        moved = await w.session.ask(f"move the roof on {FRIDAY} to 11:00")
        gone = await w.session.ask(f"cancel the roof on {FRIDAY}")
    assert moved == Answered("Changed in your calendar: Roof, now Friday 5 June, 11:00")
    assert gone == Answered("Cancelled: Roof, Friday 5 June, 11:00")


async def test_an_event_that_this_conversation_made_is_named_as_it_was_made(tmp_path):
    calls = [MADE, ("calendar.update", '{"id":"<event:1>","time":"11:00"}')]
    plans = [ENTER, ENDED, plan("To move it, use calendar.update."), ENDED]
    async with session(tmp_path, plans, calls, policy=default_policy()) as w:
        await w.session.ask(f"put Roof in on {FRIDAY} at 09:30")
        moved = await w.session.ask("move it to 11:00")
    assert moved == Answered("Changed in your calendar: Roof, now Friday 5 June, 11:00")


async def test_what_was_looked_up_beside_it_is_answered_by_the_summarizer(tmp_path):
    plans = [
        plan("To find the note, use notes.search."),
        plan("To add the to-do, use calendar.add_todo."),
        plan("It is done.", "summarizer"),
        "Both.",
    ]
    calls = [("notes.search", '{"query":"boiler"}'), ("calendar.add_todo", '{"title":"Pay"}')]
    async with session(tmp_path, plans, calls) as w:
        assert await w.session.ask("what does the boiler note say, and add to my list: Pay") == Answered(
            "Both."
        )


async def test_homes_that_differ_in_what_stays_are_the_same_on_the_wire(tmp_path):
    sent = []
    for number, name in enumerate(("Karim Haddad", "Yuki Tanaka")):
        folder = tmp_path / str(number)
        folder.mkdir()
        plans = [LOOK, SEND, DONE, plan("Enough.", "summarizer"), "Right."]
        async with session(folder, plans, [FIND, LETTER]) as w:
            told = (await w.session.ask(f"tell {name} the vault is at seven")).answer
            await w.session.ask("why so late?")
        assert name in told
        sent.append([bytes(one) for one in w.prompts] if isinstance(w.prompts[0], bytes) else w.prompts)
    assert sent[0] == sent[1]


@pytest.mark.parametrize(
    "said", ["I meant 11:00", "it's at 11:00 atcually", "sorry, 11:00", "move it to 11:00"]
)
async def test_a_correction_of_what_this_conversation_made_looks_nothing_up(tmp_path, said):
    calls = [MADE, ("calendar.update", '{"id":"<event:1>","time":"11:00"}')]
    plans = [ENTER, ENDED, plan("To move it, use calendar.update."), ENDED]
    async with session(tmp_path, plans, calls, policy=default_policy()) as w:
        await w.session.ask(f"put Roof in on {FRIDAY} at 09:30")
        await w.session.ask(said)
    assert [one.tool for one in w.session.record] == ["calendar.create", "calendar.update"]


async def test_another_thing_that_is_named_behind_it_is_looked_up(tmp_path):
    calls = [MADE, ("calendar.update", '{"id":"<event:1>","time":"11:00"}')]
    plans = [ENTER, ENDED, plan("To move it, use calendar.update."), ENDED, "No."]
    async with session(tmp_path, plans, calls, policy=default_policy()) as w:
        await w.session.ask(f"put Roof in on {FRIDAY} at 09:30")
        await w.session.ask("move the dentist to 11:00")
    assert [one.tool for one in w.session.record][:2] == ["calendar.create", "calendar.search"]
