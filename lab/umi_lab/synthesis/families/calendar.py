"""The calendar: events made, listed, looked up, cancelled."""

from typing import Any

from umi_lab.synthesis.asked import asked
from umi_lab.synthesis.home import Event, Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Script, ScriptContext, Use
from umi_lab.synthesis.steps import events_on, failed, person_of, require
from umi_lab.synthesis.task import Task
from umi_lab.synthesis.wording import named

__all__ = ["day_list", "event", "event_cancel", "event_time", "matching", "picked"]


def event(draw: Draw, home: Home, *, guest: bool) -> Task:
    """Put an event into the calendar, with a guest or without."""
    who, topic, clock = named(draw, home), topic_of(draw), clock_of(draw)
    day = home.today.fromordinal(home.today.toordinal() + draw.rng.randint(1, 60))
    slots = {"n": who, "x": topic} if guest else {"x": topic}
    said = asked(draw, home, "event_with" if guest else "event_solo", {"d": day}, clock, **slots)
    on, at = said.told["d"], said.told["t"]

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        needed = ("contacts.search", "calendar.create") if guest else ("calendar.create",)
        require(context, *needed)
        name, title = context.seen(who) if guest else "", context.seen(topic)
        arguments: dict[str, Any] = {
            "title": capitalised(title),
            "date": said.given["d"],
            "time": said.given["t"],
        }
        if guest:
            found = yield from person_of(context, name, "address")
            arguments["guests"] = [found["email"]]
        with_ = f" with {name}" if guest else ""
        seen = yield Use("calendar.create", f"add the {title} {on} at {at}", arguments)
        if seen.failure == "declined":
            return Done("The user declined.", "I did not create the event, because you declined.")
        if seen.failure:
            return failed("calendar.create", seen)
        return Done("The event is created.", f"The {title}{with_} is {on} at {at}.")

    return Task(instruction=said.text, script=script)


def day_list(draw: Draw, home: Home) -> Task:
    """Ask for the events of a day."""
    day = draw.rng.choice(home.events).day if draw.chance(0.85) else home.today.replace(day=1)
    said = asked(draw, home, "day_list", {"d": day})
    on = said.told["d"]

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.list")
        events = yield from events_on(on, said.given["d"])
        if not events:
            return Done("The day is empty.", f"You have nothing {on}.")
        listed = ", ".join(f"{event['title']} at {event['start'][11:16]}" for event in events)
        return Done("The events are known.", f"{capitalised(on)} you have {listed}.")

    return Task(instruction=said.text, script=script)


def picked(draw: Draw, home: Home) -> tuple[Event, str]:
    """An event to ask about, and its title as the user says it; at times one that is not there."""
    event = draw.rng.choice(home.events)
    return event, topic_of(draw) if draw.chance(0.12) else event.title[:1].lower() + event.title[1:]


def matching(events: list[dict[str, str]], topic: str) -> dict[str, str] | None:
    return next((event for event in events if event["title"].lower() == topic.lower()), None)


def event_cancel(draw: Draw, home: Home) -> Task:
    """Cancel an event."""
    event, topic = picked(draw, home)
    said = asked(draw, home, "event_cancel", {"d": event.day}, x=topic)
    on = said.told["d"]

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.list", "calendar.cancel")
        title = context.seen(topic)
        events = yield from events_on(on, said.given["d"])
        found = matching(events, title)
        if found is None:
            return Done("No such event is on that day.", f"I found no {title} {on}, so I cancelled nothing.")
        seen = yield Use("calendar.cancel", f"cancel the {title}, {found['id']}", {"id": found["id"]})
        if seen.failure == "declined":
            return Done("The user declined.", f"I did not cancel the {title}, because you declined.")
        if seen.failure:
            return failed("calendar.cancel", seen)
        return Done("The event is cancelled.", f"The {title} {on} is cancelled.")

    return Task(instruction=said.text, script=script)


def event_time(draw: Draw, home: Home) -> Task:
    """Ask when an event is."""
    event, topic = picked(draw, home)
    said = asked(draw, home, "event_time", {"d": event.day}, x=topic)
    on = said.told["d"]

    def script(context: ScriptContext) -> Script:
        said.seen_by(context)
        require(context, "calendar.list")
        title = context.seen(topic)
        events = yield from events_on(on, said.given["d"])
        found = matching(events, title)
        if found is None:
            return Done("No such event is on that day.", f"I found no {title} {on}.")
        return Done("The events are known.", f"The {title} is at {found['start'][11:16]}.")

    return Task(instruction=said.text, script=script)
