"""What is made has the day, the time and the length that the user's words say of it, and of no other errand."""

from dataclasses import replace

import pytest

from tests.end_to_end.harness import plan, world
from tests.end_to_end.test_session_times import CREATE, WEDNESDAY, Watching, call
from umi_edge.session.events import Answered
from umi_edge.tools.builtin import builtin_tools
from umi_edge.tools.sample_home import make_sample_home

EVENT = {"title": "Review", "date": "Friday", "time": "14:00"}
LIST = [plan("To put it on the list, use calendar.add_todo."), *CREATE[1:]]


async def asked(tmp_path, *requests, written, plans=CREATE, policy=""):
    home = replace(make_sample_home(tmp_path / "home", WEDNESDAY.date()), more=True)
    async with world(
        tmp_path,
        plans=plans,
        calls=written if isinstance(written, list) else [written],
        consent=Watching(),
        tools=builtin_tools(home),
        policy=policy,
    ) as w:
        w.session.now, w.session.locale = (lambda: WEDNESDAY), "en_GB"
        for request in requests:
            ending = await w.session.ask(request)
    return w, ending


@pytest.mark.parametrize(
    ("request_", "minutes"),
    [
        ("Review on Friday at 14:00, half an hour please", 30),
        ("put in the review on Friday at 14:00 for 45 minutes", 45),
        ("Review on Friday from 14:00 to 15:30", 90),
        ("Review am Friday um 14:00, eine Stunde", 60),
        ("review on Friday at 14:00", None),
        ("review on Friday at 14:00, remind me half an hour before", None),
        ("review on Friday at 14:00, half an hour or 45 minutes", None),
        ("Tell Anna the trip takes two hours, and put the review in for Friday at 14:00", None),
    ],
)
async def test_an_event_takes_the_one_length_that_was_said_though_the_call_lost_it(
    tmp_path, request_, minutes
):
    w, _ = await asked(tmp_path, request_, written=call("calendar.create", **EVENT))
    [action] = w.session.record
    assert action.done
    assert action.arguments.get("duration_minutes") == minutes


async def test_a_length_that_the_call_has_stays(tmp_path):
    written = call("calendar.create", **EVENT, duration_minutes=20)
    w, _ = await asked(tmp_path, "Review on Friday at 14:00, half an hour, talk 20 minutes", written=written)
    assert w.session.record[0].arguments["duration_minutes"] == 20


async def test_what_was_said_before_the_device_asked_counts(tmp_path):
    made_up = call("calendar.create", title="Review", date="Friday", time="11:11")
    w, _ = await asked(
        tmp_path,
        "review on Friday, half an hour",
        "at 14:00",
        written=[made_up, call("calendar.create", **EVENT)],
        plans=[CREATE[0], *CREATE],
    )
    assert w.session.record[-1].arguments["duration_minutes"] == 30


async def test_what_was_said_of_an_earlier_errand_does_not_count(tmp_path):
    first = call("calendar.create", title="Gym", date="Friday", time="10:00")
    w, _ = await asked(
        tmp_path,
        "gym on Friday at 10:00, two hours",
        "review on Friday at 14:00",
        written=[first, call("calendar.create", **EVENT)],
        plans=[*CREATE, *CREATE],
    )
    assert [one.arguments.get("duration_minutes") for one in w.session.record] == [120, None]


@pytest.mark.parametrize(
    "request_",
    [
        "review on Friday, all day",
        "Review am Freitag, ganztägig",
        "review vendredi toute la journée",
        "review el viernes, todo el día",
    ],
)
@pytest.mark.parametrize("tool", ["calendar.create", "calendar.repeat"])
async def test_an_event_is_all_day_where_the_words_say_so(tmp_path, request_, tool):
    day = next(one for one in ("Friday", "Freitag", "vendredi", "viernes") if one in request_)
    written = call(tool, title="Review", date=day, time="09:00", duration_minutes=60)
    w, _ = await asked(
        tmp_path, request_, written=written, plans=[plan(f"To do it, use {tool}."), *CREATE[1:]]
    )
    [action] = w.session.record
    assert action.done
    assert dict(action.arguments) == {"title": "Review", "date": "2026-11-27", "time": "all day"}
    made = [one.read_text() for one in (tmp_path / "home").rglob("*.ics")]
    assert [
        text for text in made if "DTSTART;VALUE=DATE:20261127" in text and "DTEND;VALUE=DATE:20261128" in text
    ]


async def test_a_time_that_was_said_is_kept_beside_all_day(tmp_path):
    request = "I am home all day on Friday, put the review in for 14:00"
    w, _ = await asked(tmp_path, request, written=call("calendar.create", **EVENT))
    assert w.session.record[0].arguments["time"] == "14:00"


async def test_a_model_makes_no_event_all_day(tmp_path):
    written = call("calendar.create", title="Review", date="Friday", time="all day")
    w, ending = await asked(tmp_path, "review on Friday", written=written)
    assert ending.answer.startswith("At what time?")
    assert w.session.record == []


TWO = "Say to Tom that I row with him in the four on 3 December, and write on my to-do list to pay the fee"


@pytest.mark.parametrize(
    ("request_", "written", "due"),
    [
        (f"{TWO} until the 15th", {"date": "3 December"}, {"date": "2026-12-15"}),
        (f"{TWO} until the 15th", {"date": "3 December", "time": "16:00"}, {"date": "2026-12-15"}),
        (TWO, {"date": "3 December"}, {}),
        (TWO, {}, {}),
        ("to-do: pay the fee by Friday", {"date": "Friday", "time": "16:00"}, {"date": "2026-11-27"}),
    ],
)
async def test_a_to_do_is_due_when_its_own_words_say(tmp_path, request_, written, due):
    w, _ = await asked(
        tmp_path, request_, written=call("calendar.add_todo", title="Pay the fee", **written), plans=LIST
    )
    assert dict(w.session.record[-1].arguments) == {"title": "Pay the fee", **due}


async def test_an_event_is_on_the_day_of_its_own_words(tmp_path):
    request = "Tell Tom that I am away on Thursday, and put the review in for Friday at 14:00"
    w, _ = await asked(tmp_path, request, written=call("calendar.create", **{**EVENT, "date": "Thursday"}))
    assert w.session.record[0].arguments["date"] == "2026-11-27"


PERSON = "detect: [{{type: person, values: [{}]}}]\n"


@pytest.mark.parametrize(
    ("request_", "arguments", "ends"),
    [
        ("put in the review with Canary", {"date": "<person:1>", "time": "14:00"}, "Which day do you mean?"),
        ("review with Canary on Friday", {"date": "Friday", "time": "<person:1>"}, "At what time?"),
        ("review with Canary on Friday at 14:00", {"date": "<person:1>", "time": "<person:1>"}, "It is in"),
    ],
)
async def test_nobodys_handle_is_a_day_or_a_time(tmp_path, request_, arguments, ends):
    written = call("calendar.create", title="Review", **arguments)
    w, ending = await asked(tmp_path, request_, written=written, policy=PERSON.format("Canary"))
    assert isinstance(ending, Answered)
    assert ending.answer.startswith(ends)
    assert [one.result for one in w.session.record] == (["done"] if ends == "It is in" else [])
    assert b"Canary" not in w.capture.bytes_out


@pytest.mark.parametrize("kept", ["half an hour", "half a canary"])
async def test_words_that_stay_say_no_length(tmp_path, kept):
    """Nothing that a detector keeps decides what happens next."""
    w, _ = await asked(
        tmp_path,
        f"review on Friday at 14:00, {kept}",
        written=call("calendar.create", **EVENT),
        policy=f"detect: [{{type: note, values: [{kept}]}}]\n",
    )
    assert dict(w.session.record[0].arguments) == {"title": "Review", "date": "2026-11-27", "time": "14:00"}
    assert kept.encode() not in w.capture.bytes_out


@pytest.mark.parametrize("kept", ["ganztägig", "canarytägig"])
async def test_words_that_stay_make_nothing_all_day(tmp_path, kept):
    w, ending = await asked(
        tmp_path,
        f"put in the review on Friday, {kept}",
        written=call("calendar.create", **{**EVENT, "time": "09:00"}),
        policy=f"detect: [{{type: note, values: [{kept}]}}]\n",
    )
    assert ending.answer.startswith("At what time?")
    assert w.session.record == []
    assert kept.encode() not in w.capture.bytes_out
