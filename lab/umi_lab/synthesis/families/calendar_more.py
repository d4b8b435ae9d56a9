"""The calendar's further tools: spans of days, who is seen next, free time, events moved, repeated and of whole days;
and reminders.
"""

from datetime import date, timedelta
from typing import Any

from umi_lab.synthesis.asked import Asked, asked, asked_range, asked_span, asked_together
from umi_lab.synthesis.day_words import span_words
from umi_lab.synthesis.families.calendar import matching, picked
from umi_lab.synthesis.home import Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.messages import message_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, Use
from umi_lab.synthesis.steps import carried_out, events_on, failed, require
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import named, phrase

__all__ = [
    "event_all_day",
    "event_move",
    "event_weekly",
    "free_as",
    "free_time",
    "next_with",
    "next_with_as",
    "range_as",
    "range_list",
    "reminder_add",
    "reminder_list",
    "todos_as",
]


def _when(event: dict[str, Any]) -> str:
    """When an event is, as its result has it."""
    start = event["start"]
    return f"on {start[:10]} at {start[11:16]}" if len(start) > 10 else f"on {start}"


def range_list(draw: Draw, home: Home) -> Task:
    """Ask for the events of several days."""
    if draw.chance(0.4):
        said = asked_span(draw, home, "day_list", span_words(draw, home.words)[0])
    else:
        first = home.today + timedelta(draw.rng.randint(0, 8))
        said = asked_range(draw, home, "range_list", first, first + timedelta(draw.rng.randint(1, 8)))
    return range_as(said)


def range_as(said: Asked, *, is_free: bool = False) -> Task:
    """Ask for the events of several days, in these words; `is_free`: whether there are any."""

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.search")
        when = said.told["when"]
        seen = yield Use("calendar.search", f"list the events of {when}", {"when": said.given["when"]})
        if seen.failure:
            return failed("calendar.search", seen)
        events = seen.value["events"]
        if not events:
            nothing = f"You have nothing in the calendar for {when}."
            return Done("These days are empty.", f"{nothing} You are free." if is_free else nothing)
        listed = ", ".join(f"{event['title']} {_when(event)}" for event in events)
        return Done("The events are known.", f"For {when} you have {listed}.")

    return Task(instruction=said.text, script=script)


def next_with(draw: Draw, home: Home) -> Task:
    """Ask when one sees somebody next."""
    invited = [one for one in home.people if any(one.email in event.guests for event in home.events)]
    who = draw.rng.choice(invited).name if invited and draw.chance(0.8) else named(draw, home)
    return next_with_as(who, phrase(draw, "next_with", n=who))


def next_with_as(who: str, text: str) -> Task:
    """Ask when one sees somebody next, in the words of `text`."""

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.search")
        name = context.seen(who)
        seen = yield Use("calendar.search", f"find the next event with {name}", {"person": name})
        if seen.failure:
            return failed("calendar.search", seen)
        events = seen.value["events"]
        if not events:
            return Done("No event is with them.", f"I found nothing with {name} in your calendar.")
        title, when = events[0]["title"], _when(events[0])
        return Done("The next event is known.", f"You next see {name} {when}: {title}.")

    return Task(instruction=text, script=script)


def free_time(draw: Draw, home: Home) -> Task:
    """Ask when there is time on a day."""
    day = draw.rng.choice(home.events).day if draw.chance(0.8) else home.today + timedelta(1)
    return free_as(asked(draw, home, "free_time", {"d": day}))


def free_as(said: Asked) -> Task:
    """Ask when there is time on a day, in these words."""

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.free")
        on = said.told["d"]
        seen = yield Use("calendar.free", f"find the free time {on}", {"date": said.given["d"]})
        if seen.failure:
            return failed("calendar.free", seen)
        gaps = [f"from {gap['start'][11:16]} to {gap['end'][11:16]}" for gap in seen.value["free"]]
        if not gaps:
            return Done("There is no free time.", f"You have no free time {on}.")
        return Done("The free time is known.", f"{capitalised(on)} you are free {' and '.join(gaps)}.")

    return Task(instruction=said.text, script=script)


def event_move(draw: Draw, home: Home) -> Task:
    """Move an event to another day and time."""
    event, topic = picked(draw, home)
    day = home.today + timedelta(draw.rng.choice([n for n in range(1, 30) if _day(home, n) != event.day]))
    said = asked(draw, home, "event_move", {"d": event.day, "d2": day}, clock_of(draw), x=topic)

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.list", "calendar.update")
        title, told = context.seen(topic), said.told
        events = yield from events_on(told["d"], said.given["d"])
        found = matching(events, title)
        if found is None:
            return Done(
                "No such event is on that day.", f"I found no {title} {told['d']}, so I moved nothing."
            )
        yield from carried_out(
            "calendar.update",
            f"move the {title}, {found['id']}, to {_to(told['d2'])} at {told['t']}",
            {"id": found["id"], "date": said.given["d2"], "time": said.given["t"]},
            f"move the {title}",
        )
        return Done("The event is moved.", f"The {title} is {told['d2']} at {told['t']} now.")

    return Task(instruction=said.text, script=script)


def _day(home: Home, ahead: int) -> date:
    return home.today + timedelta(ahead)


def _to(told: str) -> str:
    return told.removeprefix("on ")


def event_all_day(draw: Draw, home: Home) -> Task:
    """Enter something that takes a whole day."""
    topic, day = topic_of(draw), _day(home, draw.rng.randint(1, 40))
    said = asked(draw, home, "event_all_day", {"d": day}, x=topic)

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.repeat")
        title, on = context.seen(topic), said.told["d"]
        yield from carried_out(
            "calendar.repeat",
            f"add the {title} for the whole day {on}",
            {"title": capitalised(title), "date": said.given["d"]},
            "create the event",
        )
        return Done("The event is created.", f"The {title} takes the whole day {on}.")

    return Task(instruction=said.text, script=script)


def event_weekly(draw: Draw, home: Home) -> Task:
    """Enter something for every week; at times without saying on which day it is, which must be asked."""
    topic, clock, day = topic_of(draw), clock_of(draw), _day(home, draw.rng.randint(1, 6))
    unsaid = draw.chance(0.2)
    if unsaid:
        said = asked(draw, home, "event_weekly", {}, clock, x=topic)
    else:
        said = asked_together(draw, home, "event_weekly", day, clock, x=topic)

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.repeat")
        title, at = context.seen(topic), said.told["t"]
        if unsaid:
            return Done("The request says no day.", f"On which day does the {title} begin?")
        on = said.told["d"]
        yield from carried_out(
            "calendar.repeat",
            f"add the {title} for every week from {_to(on)} at {at}",
            {
                "title": capitalised(title),
                "date": said.given["d"],
                "often": "weekly",
                "time": said.given["t"],
            },
            "create the event",
        )
        return Done("The event is created.", f"The {title} is every week at {at}, for the first time {on}.")

    return Task(instruction=said.text, script=script)


def reminder_add(draw: Draw, home: Home) -> Task:
    """Be reminded of something on a day."""
    message, day = message_of(draw), _day(home, draw.rng.randint(0, 25))
    said = asked(draw, home, "reminder_add", {"d": day}, m=message.clause)

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.add_todo")
        what, on = context.seen(message.clause), said.told["d"]
        yield from carried_out(
            "calendar.add_todo",
            f"add a reminder {on} that {what}",
            {"title": capitalised(what), "date": said.given["d"]},
            "add the reminder",
        )
        return Done("The reminder is added.", f"It is on your list {on}: {capitalised(what)}.")

    return Task(instruction=said.text, script=script)


def reminder_list(draw: Draw, home: Home) -> Task:
    """Ask what is to be done."""
    del home
    return todos_as(phrase(draw, "reminder_list"))


def todos_as(text: str) -> Task:
    """Ask what is to be done, in the words of `text`."""

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.todos")
        seen = yield Use("calendar.todos", "list the open to-dos")
        if seen.failure:
            return failed("calendar.todos", seen)
        todos = seen.value["todos"]
        if not todos:
            return Done("No to-do is open.", "You have nothing left to do.")
        listed = ", ".join(
            str(todo["title"]) + (f", due {todo['due'][:10]}" if todo["due"] else "") for todo in todos
        )
        return Done("The to-dos are known.", f"You have to do this: {listed}.")

    return Task(instruction=text, script=script)
