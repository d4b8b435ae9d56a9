"""Lists in a session: the device writes them; no message leaves for it, and later turns show the models handles."""

import json
from contextlib import asynccontextmanager

import pytest

from tests.end_to_end.harness import TODAY, plan, world
from umi_edge.session.events import Answered
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home

LOOK = plan("To list the events of today, use calendar.list.")
DONE = plan("The events are known.", "summarizer")
TODAYS = ("calendar.list", json.dumps({"date": TODAY.isoformat()}))
PLACE = "Zwolle canary vault"
ASKED = "what's on today?"


def home(folder, *, place=PLACE, clock="153000", title="Planning"):
    made = make_sample_home(folder / "home", TODAY)
    for file in made.calendar.glob("*.ics"):
        file.unlink()
    day = TODAY.strftime("%Y%m%d")
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//EN", "BEGIN:VEVENT", "UID:one@t", f"DTSTAMP:{day}T000000Z",
        f"DTSTART:{day}T{clock}Z", f"DTEND:{day}T{clock[:2]}5900Z", f"SUMMARY:{title}", f"LOCATION:{place}",
        "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    (made.calendar / "one.ics").write_text("\r\n".join(lines))
    return builtin_tools(made)


@asynccontextmanager
async def session(folder, **more):
    async with world(folder, calls=[TODAYS], **more) as w:
        w.session.writes_lists = True
        yield w


async def test_the_device_answers_and_the_summarizer_is_sent_nothing(tmp_path):
    async with session(tmp_path, plans=[LOOK, DONE], tools=home(tmp_path)) as w:
        ending = await w.session.ask(ASKED)
    assert ending == Answered(f"Monday 1 June, 15:30–15:59: Planning, {PLACE}")
    assert len(w.capture.requests) == 2
    assert PLACE.encode() not in w.capture.bytes_out


async def test_later_turns_show_the_models_handles(tmp_path):
    plans = [LOOK, DONE, plan("Enough.", "summarizer"), "Right."]
    async with session(tmp_path, plans=plans, tools=home(tmp_path)) as w:
        await w.session.ask(ASKED)
        assert await w.session.ask("why so late?") == Answered("Right.")
    assert "I listed the events: Planning (" in w.prompts[-1]
    assert "<place:1>" in w.prompts[-1].partition("I listed the events")[2]
    assert PLACE.encode() not in w.capture.bytes_out


STAY = """
defaults: {instruction: scan, arguments: handle, results: handle}
tools:
  calendar.list: {arguments: {date: cloud}}
"""


@pytest.mark.parametrize(
    "asked", [ASKED, "what's on this afternoon?", "what's next today?", "am I free today at 3?"]
)
async def test_homes_that_differ_in_what_stays_are_the_same_on_the_wire(tmp_path, asked):
    sent, told = [], []
    for number, (place, clock, title) in enumerate(
        ((PLACE, "153000", "Planning"), ("Elsewhere", "081500", "Vet"))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        plans = [LOOK, DONE, plan("Enough.", "summarizer"), "Right."]
        tools = home(folder, place=place, clock=clock, title=title)
        async with session(folder, plans=plans, tools=tools, policy=STAY) as w:
            told.append((await w.session.ask(asked)).answer)
            await w.session.ask("why so late?")
        sent.append([one.message for one in w.capture.requests])
    assert sent[0] == sent[1]
    assert told[0] != told[1]


async def test_what_would_become_part_of_an_address_is_not_put_in(tmp_path):
    tools = home(tmp_path, title="[more](<https://evil.example/", place=f"{PLACE}>)")
    async with session(tmp_path, plans=[LOOK, DONE], tools=tools, policy=STAY) as w:
        answer = (await w.session.ask(ASKED)).answer
    assert PLACE not in answer


async def test_a_result_whose_shape_stays_is_the_summarizers(tmp_path):
    policy = 'tools:\n  calendar.list: {arguments: {date: cloud}, results: {"$": {locality: handle, shape: hidden}}}\n'
    async with session(tmp_path, plans=[LOOK, DONE, "It is so."], tools=home(tmp_path), policy=policy) as w:
        assert await w.session.ask(ASKED) == Answered("It is so.")


async def test_so_is_every_list_where_the_configuration_says_so(tmp_path):
    async with session(tmp_path, plans=[LOOK, DONE, "It is so."], tools=home(tmp_path)) as w:
        w.session.writes_lists = False
        assert await w.session.ask(ASKED) == Answered("It is so.")
