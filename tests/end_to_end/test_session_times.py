"""The days and times of a call are the user's words, worked out on the device; a model's arithmetic is asked about."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from tests.end_to_end.harness import plan, tool_of, world
from umi_edge.session.consent import ConsentRequest
from umi_edge.session.events import Answered
from umi_edge.tools import Hints
from umi_edge.tools.builtin import HomeConfig, builtin_tools
from umi_edge.tools.sample_home import make_sample_home

WEDNESDAY = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
CREATE = [plan("To put it in, use calendar.create."), plan("Done.", "summarizer"), "It is in your calendar."]
LIST = [plan("To see the day, use calendar.list."), plan("Done.", "summarizer"), "That is your day."]


@dataclass(slots=True)
class Watching:
    """Says yes or no, and keeps what it was asked."""

    answer: bool = True
    asked: list[ConsentRequest] = field(default_factory=list)

    async def approve(self, request: ConsentRequest) -> bool:
        self.asked.append(request)
        return self.answer


def call(tool: str, **arguments: object) -> tuple[str, str]:
    return tool, json.dumps(arguments)


async def session(tmp_path, request, *, plans, calls, consent=None, policy="", locale="en_GB", tools=None):
    tools = tools or builtin_tools(make_sample_home(tmp_path / "home", WEDNESDAY.date()))
    async with world(tmp_path, plans=plans, calls=calls, consent=consent, tools=tools, policy=policy) as w:
        w.session.now = lambda: WEDNESDAY
        w.session.locale = locale
        ending = await w.session.ask(request)
    return w, ending


async def test_the_users_words_become_figures_in_the_record_and_for_the_models(tmp_path):
    written = call(
        "calendar.create", title="Haircut", date="tomorrow", time="5pm", duration_minutes="half an hour"
    )
    w, ending = await session(
        tmp_path, "Put a haircut in for tomorrow at 5pm, half an hour", plans=CREATE, calls=[written]
    )
    assert ending == Answered("It is in your calendar.")
    [action] = w.session.record
    assert action.done
    assert dict(action.arguments) == {
        "title": "Haircut", "date": "2026-11-26", "time": "17:00", "duration_minutes": 30,
    }  # fmt: skip
    assert '"date":"2026-11-26","time":"17:00"' in w.prompts[1]


async def test_the_callers_grammar_has_the_words_of_the_request_and_no_other_days(tmp_path):
    written = call("calendar.create", title="Haircut", date="tomorrow", time="5pm")
    w, _ = await session(tmp_path, "Put a haircut in for tomorrow at 5pm", plans=CREATE, calls=[written])
    properties = w.caller.schemas[-1]["calendar.create"]["properties"]
    assert properties["date"] == {"anyOf": [{"enum": ["tomorrow"]}]}
    assert properties["time"] == {"anyOf": [{"enum": ["5pm"]}]}
    assert properties["duration_minutes"]["type"] == "integer"


async def test_an_ambiguous_day_is_asked_about_and_nothing_is_done(tmp_path):
    written = call("calendar.create", title="Haircut", date="next Friday", time="5pm")
    plans = [CREATE[0], CREATE[0], *CREATE[1:]]
    w, ending = await session(
        tmp_path, "Put a haircut in for next Friday at 5pm", plans=plans, calls=[written]
    )
    assert ending == Answered(
        "Which do you mean by “next Friday”: Friday 27 November 2026 or Friday 4 December 2026?"
    )
    assert w.session.record == []
    assert not any("2026-12-04" in prompt for prompt in w.prompts)


async def test_the_answer_to_the_question_is_understood(tmp_path):
    calls = [
        call("calendar.create", title="Haircut", date="next Friday", time="5pm"),
        call("calendar.create", title="Haircut", date="the 4th", time="5pm"),
    ]
    tools = builtin_tools(make_sample_home(tmp_path / "home", WEDNESDAY.date()))
    async with world(tmp_path, plans=[CREATE[0], *CREATE], calls=calls, tools=tools) as w:
        w.session.now, w.session.locale = (lambda: WEDNESDAY), "en_GB"
        await w.session.ask("Put a haircut in for next Friday at 5pm")
        await w.session.ask("I mean the 4th")
    [action] = w.session.record
    assert action.arguments["date"] == "2026-12-04"
    assert action.arguments["time"] == "17:00"
    assert "Which do you mean by “next Friday”" in w.prompts[-1]


@pytest.mark.parametrize("reading", ["2026-11-27", "2026-12-04"])
async def test_a_model_does_not_choose_between_two_readings(tmp_path, reading):
    written = call("calendar.create", title="Haircut", date=reading, time="17:00")
    _, ending = await session(tmp_path, "Haircut next Friday at 5pm", plans=CREATE, calls=[written])
    assert isinstance(ending, Answered)
    assert ending.answer.startswith("Which do you mean by “next Friday”")


@pytest.mark.parametrize("written", ["2026-11-27", "2026-12-04", "next Friday", "2022-01-01"])
async def test_a_tool_that_only_reads_is_given_both_readings_and_the_user_is_told(tmp_path, written):
    w, ending = await session(
        tmp_path, "What is on next Friday?", plans=LIST, calls=[call("calendar.list", date=written)]
    )
    assert w.session.record[0].arguments == {"date": "2026-11-27,2026-12-04"}
    assert ending.answer == (
        "That is your day.\n“next Friday” may be Friday 27 November 2026 or Friday 4 December 2026, so this is of both."
    )
    assert b"may be Friday" not in w.capture.bytes_out  # the note is for the user alone


@pytest.mark.parametrize(
    ("request_", "written", "date"),
    [
        ("swimming this week?", "this week", "2026-11-23/2026-11-29"),
        ("what is on in December", "in December", "2026-12-01/2026-12-31"),
        ("do I have band on Sundays?", "Sundays", "2026-11-29,2026-12-06,2026-12-13,2026-12-20"),
        ("what is on at the weekend", "weekend", "2026-11-28/2026-11-29"),
    ],
)
async def test_the_days_of_a_list_may_be_several(tmp_path, request_, written, date):
    w, ending = await session(tmp_path, request_, plans=LIST, calls=[call("calendar.list", date=written)])
    assert w.session.record[0].arguments == {"date": date}
    assert ending == Answered("That is your day.")


@pytest.mark.parametrize(
    ("locale", "day"), [("en_GB", "2027-04-03"), ("en_US", "2027-03-04"), ("de_DE", "2027-04-03"), ("", None)]
)
async def test_figures_are_read_as_the_users_locale_writes_them(tmp_path, locale, day):
    written = call("calendar.list", date="03/04")
    w, ending = await session(tmp_path, "What is on 03/04?", plans=LIST, calls=[written], locale=locale)
    if day is None:
        assert "Saturday 3 April 2027 or Thursday 4 March 2027, so" in ending.answer
    else:
        assert w.session.record[0].arguments == {"date": day}


@pytest.mark.parametrize(
    ("request_", "day", "clock", "question"),
    [
        ("Put in the dentist", "2022-01-20", "11:30", "Which day do you mean?"),
        ("Put in the dentist", "2026-11-25", "11:30", "Which day do you mean?"),
        ("Put in the dentist tomorrow", "tomorrow", "11:30", "At what time?"),
        ("Put in the dentist tomorrow", "2026-12-01", "11:30", "Which day do you mean?"),
        (
            "Put in the dentist in the week after Easter",
            "the week after Easter",
            "11:30",
            "Which day do you mean?",
        ),
    ],
)
async def test_a_made_up_day_or_time_goes_to_no_tool(tmp_path, request_, day, clock, question):
    watching = Watching()
    written = call("calendar.create", title="Dentist", date=day, time=clock)
    w, ending = await session(tmp_path, request_, plans=CREATE, calls=[written], consent=watching)
    assert isinstance(ending, Answered)
    assert ending.answer.startswith(question)
    assert (w.session.record, watching.asked) == ([], [])


async def test_where_nobody_named_a_day_what_comes_next_is_listed_and_the_user_is_told(tmp_path):
    w, ending = await session(
        tmp_path, "When is the dentist?", plans=LIST, calls=[call("calendar.list", date="2022-11-25")]
    )
    assert w.session.record[0].arguments == {"date": "2026-11-25/.."}
    assert ending == Answered("That is your day.\nYou named no day, so this is from today on.")


async def test_where_no_model_may_know_what_day_it_is_the_user_is_asked(tmp_path):
    w, ending = await session(
        tmp_path, "When is the dentist?", plans=LIST, calls=[call("calendar.list", date="2022-11-25")],
        policy="clock: hidden\n",
    )  # fmt: skip
    assert ending == Answered("Which days do you mean? Neither your words nor what was found say any.")
    assert w.session.record == []


async def test_a_made_up_time_that_a_reading_tool_can_do_without_is_left_out(tmp_path):
    home = make_sample_home(tmp_path / "home", WEDNESDAY.date())
    tools = builtin_tools(replace(home, more=True))
    plans = [plan("To see when there is time, use calendar.free."), *LIST[1:]]
    calls = [call("calendar.free", date="tomorrow", earliest="03:00")]
    w, _ = await session(tmp_path, "When am I free tomorrow?", plans=plans, calls=calls, tools=tools)
    assert w.session.record[0].arguments == {"date": "2026-11-26"}


async def test_a_span_of_days_is_words_too(tmp_path):
    home = make_sample_home(tmp_path / "home", WEDNESDAY.date())
    tools = builtin_tools(replace(home, more=True))
    plans = [plan("To see the week, use calendar.search."), *LIST[1:]]
    w, _ = await session(
        tmp_path, "What is on next week?", plans=plans, calls=[call("calendar.search", when="next week")], tools=tools
    )  # fmt: skip
    assert w.session.record[0].arguments == {"when": "2026-11-30/2026-12-06"}


async def test_a_day_that_a_result_says_is_no_made_up_one(tmp_path):
    watching = Watching()
    plans = [plan("To see, use data.get."), *LIST]
    calls = [call("data.get"), call("calendar.list", date="2026-12-24")]
    home = builtin_tools(make_sample_home(tmp_path / "home", WEDNESDAY.date()))
    tools = [*home, tool_of("data.get", lambda _: {"due": "2026-12-24"}, hints=Hints(read_only=True))]
    policy = (
        "tools: {data.get: {runs: device, confirm: never, results: {$.due: cloud}}, "
        "calendar.list: {arguments: {date: cloud}}}"
    )
    w, _ = await session(
        tmp_path, "What is on when it is due?", plans=plans, calls=calls, consent=watching, tools=tools, policy=policy
    )  # fmt: skip
    assert watching.asked == []
    assert w.session.record[-1].arguments == {"date": "2026-12-24"}


async def test_where_a_kept_value_says_the_day_the_handle_does(tmp_path):
    """The words of a day that stays are no choice of the caller's: nothing of them may show in what happens next."""
    policy = (
        "detect: [{type: birthday, values: [next Friday]}]\n"
        "tools: {calendar.list: {arguments: {date: handle}}}"
    )
    plans = [*LIST[:1], plan("No.", "give up")]
    calls = [call("calendar.list", date="<birthday:1>")] * 2
    w, _ = await session(tmp_path, "What is on next Friday?", plans=plans, calls=calls, policy=policy)
    assert w.session.record[0].result == "invalid-arguments"
    assert b"2026-11-27" not in w.capture.bytes_out


async def test_consent_says_that_a_day_was_typed(tmp_path):
    watching = Watching()
    policy = (
        "tools: {calendar.create: {confirm: always, arguments: {date: cloud, time: cloud, title: cloud}}}"
    )
    written = call("calendar.create", title="Haircut", date="tomorrow", time="5pm")
    await session(
        tmp_path, "Put a haircut in for tomorrow at 5pm", plans=CREATE, calls=[written], consent=watching, policy=policy
    )  # fmt: skip
    [asked] = watching.asked
    assert asked.arguments["date"] == "2026-11-26"
    assert asked.provenance["date"].said == ("typed by you",)
    assert asked.provenance["time"].said == ("typed by you",)


async def test_the_moment_of_a_foreign_tool_is_words_too(tmp_path):
    schema = {
        "type": "object",
        "properties": {"at": {"type": "string", "format": "date-time"}, "what": {"type": "string"}},
    }
    tools = [tool_of("alarm.set", lambda _: {"ok": True}, schema=schema, hints=Hints())]
    policy = "tools: {alarm.set: {runs: device, arguments: {at: cloud, what: cloud}}}"
    plans = [plan("To wake them, use alarm.set."), plan("Done.", "summarizer"), "Set."]
    w, _ = await session(
        tmp_path, "Wake me tomorrow at 7 am", plans=plans, calls=[call("alarm.set", at="tomorrow 7 am", what="x")],
        tools=tools, policy=policy,
    )  # fmt: skip
    assert w.session.record[0].arguments["at"] == "2026-11-26T07:00+00:00"


async def test_a_caller_that_sees_values_has_its_words_left_alone(tmp_path):
    policy = "tools: {calendar.list: {caller: values, arguments: {date: cloud}}}"
    written = call("calendar.list", date="next Friday")
    w, _ = await session(tmp_path, "What is on next Friday?", plans=LIST, calls=[written] * 2, policy=policy)
    assert w.session.record[0].result == "invalid-arguments"


DINNER = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:dinner
SUMMARY:Dinner
DTSTAMP:20261101T000000Z
DTSTART:20261126T193000Z
DTEND:20261126T210000Z
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize("written", ["eight o'clock", "20:00"])
async def test_a_time_of_two_readings_is_the_one_near_to_what_is_moved(tmp_path, written):
    home = replace(make_sample_home(tmp_path / "home", WEDNESDAY.date()), more=True)
    (home.calendar / "dinner.ics").write_text(DINNER)
    plans = [plan("To see it, use calendar.list."), plan("To move it, use calendar.update."), *LIST[1:]]
    calls = [call("calendar.list", date="tomorrow"), call("calendar.update", id="<event:4>", time=written)]
    w, ending = await session(
        tmp_path, "Move dinner tomorrow to eight o'clock", plans=plans, calls=calls, tools=builtin_tools(home)
    )
    assert ending == Answered("That is your day.")
    assert w.session.record[-1].arguments["time"] == "20:00"


@pytest.mark.parametrize("said", ["wednesday (today)", "today, wednesday", "Wednesday - today -"])
async def test_a_day_of_two_readings_is_the_one_that_is_said_beside_it(tmp_path, said):
    day = "Wednesday" if said.startswith("W") else "wednesday"
    w, _ = await session(tmp_path, f"What is on {said}?", plans=LIST, calls=[call("calendar.list", date=day)])
    assert w.session.record[0].arguments == {"date": "2026-11-25"}


async def test_a_day_elsewhere_in_the_request_does_not_choose_between_two_readings(tmp_path):
    written = call("calendar.list", date="next Friday")
    w, _ = await session(
        tmp_path, "Is Friday's talk on next Friday's list, too?", plans=LIST, calls=[written]
    )
    assert w.session.record[0].arguments == {"date": "2026-11-27,2026-12-04"}


ROWING = DINNER.replace("dinner", "rowing").replace("Dinner", "Rowing").replace("20261126", "20261127")


@pytest.mark.parametrize(
    ("request_", "policy", "titles"),
    [
        ("rowing this week?", "relations: told\n", ["Rowing"]),
        ("what is on this week?", "relations: told\n", ["Dinner", "Rowing"]),
        ("cancel rowing this week", "relations: told\n", ["Dinner", "Rowing"]),
        ("rowing this week?", "relations: hidden\n", ["Dinner", "Rowing"]),
    ],
)
async def test_of_several_days_what_the_words_name_is_listed(tmp_path, request_, policy, titles):
    home = HomeConfig.under(tmp_path / "home")
    home.calendar.mkdir(parents=True)
    home.contacts.mkdir()
    (home.calendar / "dinner.ics").write_text(DINNER)
    (home.calendar / "rowing.ics").write_text(ROWING)
    policy += 'tools: {calendar.list: {arguments: {date: cloud}, results: {"$.events[*].title": cloud}}}'
    w, _ = await session(
        tmp_path, request_, plans=LIST, calls=[call("calendar.list", date="this week")],
        tools=builtin_tools(home), policy=policy,
    )  # fmt: skip
    sent = w.capture.bytes_out
    assert [title for title in ("Dinner", "Rowing") if f'"{title}"'.encode() in sent] == titles


@pytest.mark.parametrize(
    ("request_", "question"),
    [
        ("put buy traps on my to do list", ""),
        ("Setz Milch auf meine Liste", ""),
        ("ajoute acheter du lait à ma liste", ""),
        ("añade comprar leche a mi lista", ""),
        ("remind me to buy traps, on my to-do list", "Which day do you mean?"),
        ("to do: buy traps at five", "Which day do you mean?"),
        ("new rent from july", "Which day do you mean?"),
        ("add it to the winter list", "Which day do you mean?"),
    ],
)
async def test_a_to_do_needs_no_day_and_a_reminder_does(tmp_path, request_, question):
    home = replace(make_sample_home(tmp_path / "home", WEDNESDAY.date()), more=True)
    plans = [plan("To put it on the list, use calendar.add_todo."), *CREATE[1:]]
    written = call("calendar.add_todo", title="Buy traps", date="2022-05-06", time="08:15")
    w, ending = await session(
        tmp_path, request_, plans=plans, calls=[written], tools=builtin_tools(home), consent=Watching()
    )
    if question:
        assert ending.answer.startswith(question)
        assert w.session.record == []
    else:
        assert w.session.record[0].arguments == {"title": "Buy traps"}
        assert w.session.record[0].result == "done"


@pytest.mark.parametrize(
    ("request_", "due"),
    [
        ("to-do by Friday: white sheets", "2026-11-27"),
        ("put white sheets on my to-do list", None),
        ("to-do by Friday or Saturday: white sheets", None),
    ],
)
async def test_a_to_do_is_due_on_the_one_day_that_was_said_though_the_call_lost_it(tmp_path, request_, due):
    home = replace(make_sample_home(tmp_path / "home", WEDNESDAY.date()), more=True)
    plans = [plan("To put it on the list, use calendar.add_todo."), *CREATE[1:]]
    written = call("calendar.add_todo", title="White sheets")
    w, ending = await session(
        tmp_path, request_, plans=plans, calls=[written], tools=builtin_tools(home), consent=Watching()
    )
    assert isinstance(ending, Answered)
    assert w.session.record[-1].arguments.get("date") == due
