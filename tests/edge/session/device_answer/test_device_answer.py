"""A list that was asked for is written on the device, in the user's words for days."""

import json
from datetime import UTC, datetime

import pytest

from umi_edge.labelling.text import LabelledEntry, constant
from umi_edge.session.device_answer import device_answer
from umi_edge.session.item_evidence import Said
from umi_edge.session.narrowed_search import Request
from umi_edge.values.time_words import TimePhrases
from umi_shared.transcript import Call, Instruction, Observation

NOW = datetime(2026, 11, 24, 9, 12, tzinfo=UTC)


def event(title, start, end="", location=None, attendees=()):
    return {
        "id": "<event:1>", "title": title, "start": start, "end": end or start, "location": location,
        "attendees": list(attendees),
    }  # fmt: skip


RUN = event("Run", "2026-11-24T07:00", "2026-11-24T08:00")
REVIEW = event("Review", "2026-11-24T10:30", "2026-11-24T12:00", "Room Alster", ["<person:1>"])
FENCING = event("Fencing", "2026-11-24T17:00", "2026-11-24T18:30", "Altona")
TRIP = event("Trip", "2026-11-25", "2026-11-28", "Gothenburg")
DENTIST = event("Dentist", "2026-11-27T15:15", "2026-11-27T16:00")


def call(tool, result, failure="", **arguments):
    found = Observation(tool, (), failure)
    return [
        LabelledEntry(Call(tool, ()), (constant(json.dumps(arguments)),)),
        LabelledEntry(found, (constant(json.dumps(result)),)),
    ]


def asked(text, *calls, locale="en_GB", own=lambda _: True):
    entries = [LabelledEntry(Instruction(()), (constant(text),)), *(one for pair in calls for one in pair)]
    return device_answer(entries, Request(text, text), Said(text, TimePhrases(NOW, locale)), own)


def listed(text, *events, tool="calendar.list", date="2026-11-24", **more):
    given = {"date": date} if tool == "calendar.list" else {"query": date}
    written = asked(text, call(tool, {"events": list(events)}, **given), **more)
    return None if written is None else written.text


def test_the_events_of_a_day_stand_below_it_by_their_hours():
    assert listed("what's on today?", FENCING, REVIEW) == (
        "Tuesday 24 November:\n- 10:30–12:00: Review, Room Alster\n- 17:00–18:30: Fencing, Altona"
    )


def test_the_events_of_several_days_stand_below_each():
    assert listed("what's on this week?", REVIEW, TRIP, date="2026-11-23/2026-11-29") == (
        "Tuesday 24 November:\n- 10:30–12:00: Review, Room Alster\n\n"
        "Wednesday 25 November:\n- until Friday 27 November: Trip, Gothenburg"
    )


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("de_DE", "Dienstag, 24. November, 17:00–18:30: Fencing, Altona"),
        ("fr_FR", "mardi 24 novembre, 17:00–18:30: Fencing, Altona"),
        ("en_US", "Tuesday, November 24, 17:00–18:30: Fencing, Altona"),
        ("", "Tuesday 24 November, 17:00–18:30: Fencing, Altona"),
    ],
)
def test_days_are_written_as_the_user_writes_them(locale, said):
    assert listed("what's on tonight?", FENCING, locale=locale) == said


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("what's on this afternoon?", ["Fencing"]),
        ("what's next today?", ["Review"]),  # the run is over
        ("what's the last thing today?", ["Fencing"]),
        ("whats my first appointment today", ["Run"]),
        ("anything after 11 today?", ["Review", "Fencing"]),
        ("where do I have to be today at eleven?", ["Review"]),
        ("what's on between 9 and 5 today?", ["Review"]),
        ("is there fencing today?", ["Fencing"]),
        ("is there yoga today?", ["Run", "Review", "Fencing"]),  # it may be called something else
        ("good evening, what's on today?", ["Run", "Review", "Fencing"]),
    ],
)
def test_no_more_is_told_than_was_asked(text, titles):
    said = listed(text, RUN, REVIEW, FENCING)
    assert [one["title"] for one in (RUN, REVIEW, FENCING) if one["title"] in said] == titles


def test_how_many_there_are_is_told_first():
    assert listed("how many meetings do I have today?", REVIEW, FENCING).startswith("2 events:\n\nTuesday")


def test_guests_are_told_where_it_is_asked_who_comes():
    assert listed("who comes to the review today?", REVIEW).endswith("Review, Room Alster, with <person:1>")


def test_nothing_is_said_plainly():
    assert listed("what's on today?") == "Tuesday 24 November: nothing is in your calendar."
    assert listed("what's on this afternoon?", RUN) == (
        "Tuesday 24 November, 12:00–18:00: nothing is in your calendar."
    )
    assert (
        listed("when is the opera?", tool="calendar.search", date="opera") == "I found nothing for “opera”."
    )


def test_free_time_is_what_the_events_leave_and_they_stand_below_it():
    assert listed("when am I free today?", RUN, REVIEW, FENCING) == (
        "Tuesday 24 November: free 08:00–10:30, 12:00–17:00 and 18:30–20:00.\nTaken:\n- 07:00–08:00: Run\n"
        "- 10:30–12:00: Review, Room Alster\n- 17:00–18:30: Fencing, Altona"
    )
    assert listed("am I free this afternoon?", FENCING).startswith("Tuesday 24 November: free 12:00–17:00.")
    assert listed("am I free today at 17:30?", FENCING).startswith("Tuesday 24 November: no free time.")


def test_the_free_time_that_a_tool_gives_is_cut_to_the_hours_asked_for():
    gaps = {"free": [{"start": "2026-11-27T08:00", "end": "2026-11-27T15:15"}]}
    written = asked("am I free friday morning?", call("calendar.free", gaps, date="2026-11-27"))
    assert written.text == "Friday 27 November: free 08:00–12:00."
    busy = asked("am I free friday?", call("calendar.free", {"free": []}, date="2026-11-27"))
    assert busy.text == "Friday 27 November: no free time."


def test_the_next_one_is_the_first_to_come_of_what_a_search_found():
    over = event("Dentist", "2026-11-03T09:00")
    assert listed("next dentist", DENTIST, over, tool="calendar.search").startswith(
        "Friday 27 November, 15:15"
    )
    assert listed("when was my last dentist", DENTIST, over, tool="calendar.search").startswith("Tuesday 3 ")


TODOS = {
    "todos": [
        {"id": "<todo:1>", "title": "Books", "due": "2026-11-20"},
        {"id": "<todo:2>", "title": "Gaskets", "due": "2026-11-26"},
        {"id": "<todo:3>", "title": "Strings", "due": None},
    ]
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "what are my to-dos",
            "- Books, overdue since Friday 20 November\n- Gaskets, due Thursday 26 November\n- Strings",
        ),
        ("which todos are due this week", "Gaskets, due Thursday 26 November"),
        ("any to-dos without a date?", "Strings"),
        ("what is overdue", "Books, overdue since Friday 20 November"),
        ("which todos are due tomorrow", "Wednesday 25 November: nothing is due."),
    ],
)
def test_to_dos_are_told_with_when_they_are_due(text, said):
    assert asked(text, call("calendar.todos", TODOS)).text == said


def letter(number, subject="Hi"):
    return {
        "id": f"<mail:{number}>",
        "from": f"<email:{number}>",
        "subject": subject,
        "date": f"2026-11-{number:02}T08:00",
    }


def test_letters_are_told_by_day_sender_and_subject_and_the_last_one_alone():
    found = {"messages": [letter(9), letter(8), letter(7)]}
    assert asked("which mails came from martin", call("mail.search", found)).text.startswith(
        "- Monday 9 November, 08:00, <email:9>: Hi\n- Sunday 8"
    )
    assert (
        asked("last mail from martin", call("mail.search", found)).text
        == "Monday 9 November, 08:00, <email:9>: Hi"
    )


def test_a_long_list_is_cut_with_the_number_of_the_rest():
    found = {"messages": [letter(number) for number in range(28, 10, -1)]}
    text = asked("list my mails", call("mail.search", found)).text
    assert text.count("\n- ") == 14
    assert text.endswith("\nand 3 more")


CARD = {
    "name": "<person:1>", "phone": "<phone:1>", "email": "<email:1>", "company": None,
    "phones": [{"kind": "work", "number": "<phone:1>"}, {"kind": "cell", "number": "<phone:2>"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("martin's number", "<person:1>: <phone:1>"),
        ("martin's cell", "<person:1>: <phone:2> (cell)"),
        ("martin's email", "<person:1>: <email:1>"),
        ("what's martin's address?", "<person:1>: <email:1>"),
        ("martin's birthday", "No birthday is on the card of <person:1>."),
        ("phone and email of martin", "<person:1>: <phone:1>, <email:1>"),
    ],
)
def test_of_a_card_what_is_asked_for_is_told(text, said):
    assert asked(text, call("contacts.search", {"matches": [CARD]}, name="martin")).text == said


def test_notes_are_told_by_title_where_notes_are_asked_for_and_a_text_is_the_summarizers():
    found = {"notes": [{"id": "<note:1>", "title": "Boat", "text": "<text:1>"}]}
    assert asked("which notes do I have about the boat", call("notes.search", found)).text == "Boat"
    assert asked("show me the note about the boat", call("notes.search", found)) is None


@pytest.mark.parametrize(
    "text",
    [
        "move the review to Friday",
        "what's on today, and tell <person:1> that I come",
        "why is today so full?",
        "how much do I earn on Sundays?",
        "please cancel the review",
    ],
)
def test_what_no_list_answers_is_the_summarizers(text):
    assert listed(text, REVIEW) is None


def test_so_is_a_list_beside_something_else_and_what_failed_and_what_others_tools_gave():
    events = call("calendar.list", {"events": [REVIEW]}, date="2026-11-24")
    sent = call("mail.send", {"status": "sent"}, to="<email:1>")
    cards = call("contacts.search", {"matches": [CARD]}, name="martin")
    assert asked("what's on today?", sent, events) is None
    assert asked("martin's number and what's on today", cards, events) is None
    assert asked("what's on today?", call("calendar.list", {}, "timeout", date="2026-11-24")) is None
    assert asked("what's on today?", events, own=lambda _: False) is None


def test_a_call_that_led_to_the_last_one_is_no_other_answer():
    cards = call("contacts.search", {"matches": [CARD]}, name="martin")
    events = call("calendar.search", {"events": [REVIEW]}, person="<person:1>")
    assert asked("when do I see martin?", cards, events).text.startswith("Tuesday 24 November, 10:30")


def test_a_moment_that_stays_is_put_in_by_its_handle():
    hidden = {**REVIEW, "start": "<time:1>", "end": "<time:2>"}
    seen = constant(json.dumps({"events": [hidden]}))
    known = json.dumps({"events": [REVIEW]})
    span = seen._replace(clear=known)
    span = span._replace(label=span.label.__class__())
    entries = [
        LabelledEntry(Instruction(()), (constant("what's on today?"),)),
        LabelledEntry(Call("calendar.list", ()), (constant('{"date": "2026-11-24"}'),)),
        LabelledEntry(Observation("calendar.list", ()), (span,)),
    ]
    request = Request("what's on today?", "what's on today?")
    written = device_answer(entries, request, Said(request.text, TimePhrases(NOW, "en_GB")), lambda _: True)
    assert written.text == "- <time:1> – <time:2>: Review, Room Alster"
    assert {str(one): said for one, said in written.shown_as.items()} == {
        "<time:1>": "Tuesday 24 November, 10:30",
        "<time:2>": "Tuesday 24 November, 12:00",
    }


def test_the_models_are_told_all_that_the_planner_saw_whatever_was_picked():
    for text in ("what's on this afternoon?", "what's on today?"):
        written = asked(text, call("calendar.list", {"events": [RUN, FENCING]}, date="2026-11-24"))
        assert "Run" in written.told
        assert "Fencing" in written.told
