"""A change of a thing that no result shows: the device looks for it first, by the user's words."""

import json
import re
from dataclasses import replace

import pytest

from tests.end_to_end.harness import NOW, plan, world
from umi_edge.policy import default_policy
from umi_edge.policy.document import RelationsWord
from umi_edge.session.events import Answered
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.sample_home import make_sample_home
from umi_shared.transcript import text_of

CANCEL = plan("To cancel it, use calendar.cancel.")
DONE = [plan("Done.", "summarizer"), "It is done."]
LIST = plan("To list the events, use calendar.list.")
WEEK = ("calendar.list", '{"date":"this week"}')
SATURDAY = ("calendar.list", '{"date":"this Saturday"}')
THE_ONE = ("calendar.cancel", '{"id":"<event:1>"}')
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//EN
BEGIN:VEVENT
UID:CANARY-UID-{number}
SUMMARY:{title}
LOCATION:CANARY Hall
DTSTART:2026060{number}T0{number}0000Z
DTEND:2026060{number}T0{number}3000Z
END:VEVENT
END:VCALENDAR
"""


def home(folder, *titles) -> HomeConfig:
    made = make_sample_home(folder / "home", NOW.date())
    for file in made.calendar.glob("*.ics"):
        file.unlink()
    for number, title in enumerate(titles, 6):
        event = EVENT.format(number=number, title=title).replace("\n", "\r\n")
        (made.calendar / f"canary-{number}.ics").write_text(event)
    for number, title in enumerate(("Change tyres", "Order paper bags"), 1):
        todo = TODO.format(number=number, title=title).replace("\n", "\r\n")
        (made.calendar / f"canary-todo-{number}.ics").write_text(todo)
    return replace(made, more=True, now=lambda: NOW)


TODO = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//EN
BEGIN:VTODO
UID:CANARY-TODO-{number}
SUMMARY:{title}
DUE;VALUE=DATE:2026060{number}
END:VTODO
END:VCALENDAR
"""


def session(folder, *titles, plans, calls, policy=None):
    tools = builtin_tools(home(folder, *titles))
    return world(folder, plans=plans, calls=calls, tools=tools, policy=policy or default_policy())


def the_newest(view):
    """The call that cancels what was found last."""
    *_, last = re.findall(
        "<event:[0-9]+>", "".join(str(part) for one in view.entries for part in text_of(one))
    )
    return "calendar.cancel", json.dumps({"id": last})


def made(w) -> list[tuple[str, str]]:
    return [(one.tool, one.result) for one in w.session.record]


async def test_the_event_is_found_by_the_words_of_the_request_and_no_value_leaves(tmp_path):
    async with session(tmp_path, "Kayak race", "Regatta", plans=[CANCEL, *DONE], calls=[THE_ONE]) as w:
        assert await w.session.ask("please cancel the kayak race") == Answered("It is done.")
        assert made(w) == [("calendar.search", "done"), ("calendar.cancel", "done")]
        assert w.session.record[0].arguments == {"query": "kayak race"}
        assert w.session.record[1].arguments == {"id": "CANARY-UID-6"}
        assert w.caller.schemas[-1]["calendar.cancel"]["properties"]["id"] == {"enum": ["<event:1>"]}
    assert b"CANARY" not in w.capture.bytes_out


async def test_the_user_is_asked_which_of_several_that_fit_as_well_is_meant(tmp_path):
    async with session(tmp_path, "Kayak race", "Kayak course", plans=[CANCEL, *DONE], calls=[THE_ONE]) as w:
        ending = await w.session.ask("please cancel the kayak")
        assert ending.answer.startswith("Which one do you mean: Kayak ")
        assert made(w) == [("calendar.search", "done")]


async def test_nothing_is_changed_where_nothing_is_found_and_the_planner_goes_on(tmp_path):
    plans = [CANCEL, plan("No such event is there.", "summarizer"), "I found none."]
    async with session(tmp_path, "Regatta", plans=plans, calls=[]) as w:
        assert await w.session.ask("please cancel the kayak race") == Answered("I found none.")
        assert made(w) == [("calendar.search", "done")]


async def test_what_was_shown_is_not_looked_up_again(tmp_path):
    plans = [plan("To find it, use calendar.search."), CANCEL, *DONE]
    calls = [("calendar.search", '{"query":"regatta"}'), THE_ONE]
    async with session(tmp_path, "Kayak race", "Regatta", plans=plans, calls=calls) as w:
        await w.session.ask("please cancel the regatta")
        assert made(w) == [("calendar.search", "done"), ("calendar.cancel", "done")]


async def test_where_what_was_shown_has_none_of_the_words_the_device_looks_for_them(tmp_path):
    plans, calls = [LIST, *DONE, CANCEL, *DONE], [SATURDAY, the_newest]
    async with session(tmp_path, "Kayak race", "Regatta", plans=plans, calls=calls) as w:
        await w.session.ask("what is on this Saturday?")
        await w.session.ask("please cancel the rgeatta")
        assert made(w) == [(one, "done") for one in ("calendar.list", "calendar.search", "calendar.cancel")]
        assert w.session.record[2].arguments == {"id": "CANARY-UID-7"}
        assert w.session.labeller.shapes.charged["choices", "calendar.cancel"] >= 1
    assert b"CANARY" not in w.capture.bytes_out


async def test_the_only_thing_that_was_shown_is_not_taken_for_what_is_not_there(tmp_path):
    plans = [LIST, *DONE, CANCEL, plan("No such event is there.", "summarizer"), "I found none."]
    async with session(tmp_path, "Kayak race", plans=plans, calls=[SATURDAY]) as w:
        await w.session.ask("what is on this Saturday?")
        assert await w.session.ask("please cancel the yoga") == Answered("I found none.")
        assert made(w) == [("calendar.list", "done"), ("calendar.search", "done")]


async def test_another_word_of_what_was_shown_is_not_enough(tmp_path):
    plans, calls = [LIST, *DONE, CANCEL, *DONE], [SATURDAY, the_newest]
    async with session(tmp_path, "Kayak race", "Hall party", plans=plans, calls=calls) as w:
        await w.session.ask("what is on this Saturday?")  # the race, in CANARY Hall
        await w.session.ask("please cancel the hall party")
        assert w.session.record[-1].arguments == {"id": "CANARY-UID-7"}


async def test_the_event_of_a_list_is_taken_whose_title_was_said_mistyped_too(tmp_path):
    plans, calls = [LIST, CANCEL, *DONE], [WEEK, THE_ONE]
    async with session(tmp_path, "Kayak race", "Regatta", plans=plans, calls=calls) as w:
        await w.session.ask("cancle the regata this week pls, cant make it")
        assert made(w) == [("calendar.list", "done"), ("calendar.cancel", "done")]
        assert w.session.record[1].arguments == {"id": "CANARY-UID-7"}
    assert b"CANARY" not in w.capture.bytes_out


async def test_the_user_is_asked_where_the_words_name_nothing_of_a_list_and_nothing_is_found(tmp_path):
    plans, calls = [LIST, CANCEL, *DONE], [WEEK, THE_ONE]
    async with session(tmp_path, "Kayak race", "Regatta", plans=plans, calls=calls) as w:
        ending = await w.session.ask("cancel the yoga this week")
        assert ending.answer.startswith("Which one do you mean")
        assert "calendar.cancel" not in [one.tool for one in w.session.record]


async def test_a_policy_that_tells_no_relations_has_nothing_held_against_the_words(tmp_path):
    rules = replace(default_policy(), relations=RelationsWord.HIDDEN)
    plans, calls = [LIST, CANCEL, *DONE], [WEEK, ("calendar.cancel", '{"id":"<event:1>"}')]
    async with session(tmp_path, "Kayak race", "Regatta", plans=plans, calls=calls, policy=rules) as w:
        await w.session.ask("cancel the regatta this week")
        assert [one.tool for one in w.session.record] == ["calendar.list", "calendar.cancel"]
        assert w.session.record[1].arguments == {"id": "CANARY-UID-6"}
        assert ("choices", "calendar.cancel") not in w.session.labeller.shapes.charged


MOVE = plan("To move it, use calendar.update.")


@pytest.mark.parametrize("taken", ["<event:1>", "<event:2>"])
async def test_an_event_is_moved_by_the_length_that_was_said_whatever_a_model_writes(tmp_path, taken):
    plans, calls = [LIST, MOVE, *DONE], [WEEK, ("calendar.update", f'{{"id":"{taken}","time":"07:00"}}')]
    async with session(tmp_path, "Kayak race", "Regatta", plans=plans, calls=calls) as w:
        await w.session.ask("please postpone the regatta of this week by half an hour")
        [_, moved] = w.session.record
        assert (moved.arguments, moved.result) == ({"id": "CANARY-UID-7", "time": "07:30"}, "done")
    assert b"CANARY" not in w.capture.bytes_out


async def test_by_that_length_also_where_nothing_is_held_against_the_words(tmp_path):
    rules = replace(default_policy(), relations=RelationsWord.HIDDEN)
    plans, calls = [LIST, MOVE, *DONE], [WEEK, ("calendar.update", '{"id":"<event:2>","time":"07:00"}')]
    async with session(tmp_path, "Kayak race", "Regatta", plans=plans, calls=calls, policy=rules) as w:
        await w.session.ask("please postpone the regatta of this week by half an hour")
        assert w.session.record[1].arguments == {"id": "CANARY-UID-7", "time": "07:30"}


async def test_a_day_that_a_model_made_up_is_left_out_of_a_change(tmp_path):
    written = '{"id":"<event:1>","date":"2022-03-01","time":"six in the evening"}'
    async with session(tmp_path, "Regatta", plans=[MOVE, *DONE], calls=[("calendar.update", written)]) as w:
        await w.session.ask("move the regatta to six in the evening")
        assert w.session.record[-1].arguments == {"id": "CANARY-UID-6", "time": "18:00"}


async def test_where_nothing_but_a_made_up_day_is_to_be_changed_the_user_is_asked(tmp_path):
    written = '{"id":"<event:1>","date":"2022-03-01"}'
    async with session(tmp_path, "Regatta", plans=[MOVE, *DONE], calls=[("calendar.update", written)]) as w:
        ending = await w.session.ask("move the regatta")
        assert ending.answer.startswith("Which day do you mean?")
        assert made(w) == [("calendar.search", "done")]


async def test_a_to_do_is_found_by_the_words_of_the_request(tmp_path):
    plans = [plan("To tick it off, use calendar.finish_todo."), *DONE]
    calls = [("calendar.finish_todo", '{"id":"<todo:1>"}')]
    async with session(tmp_path, plans=plans, calls=calls) as w:
        await w.session.ask("paper bgas are orderd, tick taht off")
        assert made(w) == [("calendar.todos", "done"), ("calendar.finish_todo", "done")]
        assert w.session.record[1].arguments == {"id": "CANARY-TODO-2"}
    assert b"CANARY" not in w.capture.bytes_out


@pytest.mark.parametrize(
    ("words", "found"), [("add soap to the note boiler", "done"), ("add soap", "not-found")]
)
async def test_a_note_is_the_one_whose_title_the_user_said(tmp_path, words, found):
    plans = [plan("To add it, use notes.append."), *DONE]
    calls = [("notes.append", '{"title":"soap boilerer","text":"soap"}')]
    async with session(tmp_path, plans=plans, calls=calls) as w:
        await w.session.ask(words)
        tried = [one for one in made(w) if one[0] == "notes.append"]
        assert tried[0] == ("notes.append", "not-found")
        assert tried[-1] == ("notes.append", found)
