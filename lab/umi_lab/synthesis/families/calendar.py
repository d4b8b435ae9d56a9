"""The calendar: events made, listed, looked up, cancelled."""

from typing import Any

from umi_lab.synthesis.home import Event, Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, Use
from umi_lab.synthesis.steps import events_on, failed, person_of, require
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import named, phrase, spelt_day

__all__ = ["day_list", "event", "event_cancel", "event_time"]


def event(draw: Draw, home: Home, *, guest: bool) -> Task:
    """Put an event into the calendar, with a guest or without."""
    who, topic, clock = named(draw, home), topic_of(draw), clock_of(draw)
    day = home.today.fromordinal(home.today.toordinal() + draw.rng.randint(1, 60))
    spelt = spelt_day(draw, day)
    text = phrase(draw, "event_with" if guest else "event_solo", n=who, x=topic, d=spelt, t=clock)

    def script(context: ScriptContext) -> Script:
        needed = ("contacts.search", "calendar.create") if guest else ("calendar.create",)
        require(context, *needed)
        name, title = context.seen(who) if guest else "", context.seen(topic)
        arguments: dict[str, Any] = {"title": capitalised(title), "date": spelt, "time": clock}
        if guest:
            found = yield from person_of(context, name, "address")
            arguments["guests"] = [found["email"]]
        with_ = f" with {name}" if guest else ""
        seen = yield Use("calendar.create", f"add the {title} on {day} at {clock}", arguments)
        if seen.failure == "declined":
            return Done("The user declined.", "I did not create the event, because you declined.")
        if seen.failure:
            return failed("calendar.create", seen)
        return Done("The event is created.", f"The {title}{with_} is on {day} at {clock}.")

    return Task(instruction=text, script=script)


def day_list(draw: Draw, home: Home) -> Task:
    """Ask for the events of a day."""
    day = draw.rng.choice(home.events).day if draw.chance(0.85) else home.today.replace(day=1)
    spelt = spelt_day(draw, day)
    text = phrase(draw, "day_list", d=spelt)

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.list")
        events = yield from events_on(context, day, spelt)
        if not events:
            return Done("The day is empty.", f"You have nothing on {day}.")
        listed = ", ".join(f"{event['title']} at {event['start'][11:16]}" for event in events)
        return Done("The events are known.", f"On {day} you have {listed}.")

    return Task(instruction=text, script=script)


def _picked(draw: Draw, home: Home) -> tuple[Event, str]:
    """An event to ask about, and its title as the user says it; at times one that is not there."""
    event = draw.rng.choice(home.events)
    return event, topic_of(draw) if draw.chance(0.12) else event.title[:1].lower() + event.title[1:]


def _matching(events: list[dict[str, str]], topic: str) -> dict[str, str] | None:
    return next((event for event in events if event["title"].lower() == topic.lower()), None)


def event_cancel(draw: Draw, home: Home) -> Task:
    """Cancel an event."""
    event, topic = _picked(draw, home)
    day, spelt = event.day, spelt_day(draw, event.day)
    text = phrase(draw, "event_cancel", x=topic, d=spelt)

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.list", "calendar.cancel")
        title = context.seen(topic)
        events = yield from events_on(context, day, spelt)
        found = _matching(events, title)
        if found is None:
            return Done(
                "No such event is on that day.", f"I found no {title} on {day}, so I cancelled nothing."
            )
        seen = yield Use("calendar.cancel", f"cancel the {title}, {found['id']}", {"id": found["id"]})
        if seen.failure == "declined":
            return Done("The user declined.", f"I did not cancel the {title}, because you declined.")
        if seen.failure:
            return failed("calendar.cancel", seen)
        return Done("The event is cancelled.", f"The {title} on {day} is cancelled.")

    return Task(instruction=text, script=script)


def event_time(draw: Draw, home: Home) -> Task:
    """Ask when an event is."""
    event, topic = _picked(draw, home)
    day, spelt = event.day, spelt_day(draw, event.day)
    text = phrase(draw, "event_time", x=topic, d=spelt)

    def script(context: ScriptContext) -> Script:
        require(context, "calendar.list")
        title = context.seen(topic)
        events = yield from events_on(context, day, spelt)
        found = _matching(events, title)
        if found is None:
            return Done("No such event is on that day.", f"I found no {title} on {day}.")
        return Done("The events are known.", f"The {title} is at {found['start'][11:16]}.")

    return Task(instruction=text, script=script)
