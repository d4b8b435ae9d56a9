"""Steps that errands share: events that are called by name and not dated, and to-dos without a day."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from umi_lab.synthesis.home import Event, Home, capitalised, clock_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Ended, Use
from umi_lab.synthesis.steps import carried_out, failed

__all__ = ["cancelled", "event_named", "name_of", "noted", "with_event"]


def name_of(draw: Draw, home: Home) -> str:
    """A person of the contacts, mostly by the first name."""
    person = draw.rng.choice(home.people)
    return person.given if draw.chance(0.7) else person.name


def with_event(draw: Draw, home: Home, title: str) -> tuple[Event, Home]:
    """The home with an event that is called so, and the event."""
    event = Event(
        title=capitalised(title),
        day=home.today + timedelta(draw.rng.randint(1, 25)),
        start=clock_of(draw),
        place="",
        guests=(),
    )
    return event, replace(home, events=(*home.events, event))


def event_named(title: str) -> Any:
    """A step: the next event that is called so. Raises `Ended` where there is none."""
    seen = yield Use("calendar.search", f"find the {title} in the calendar", {"query": title})
    if seen.failure:
        raise Ended(failed("calendar.search", seen))
    if not seen.value["events"]:
        raise Ended(Done("No such event is there.", f"I found no {title} in your calendar."))
    events = seen.value["events"]
    return next((one for one in events if one["title"].lower() == title.lower()), events[0])


def cancelled(title: str) -> Any:
    """A step: the next event that is called so is cancelled."""
    found = yield from event_named(title)
    yield from carried_out(
        "calendar.cancel", f"cancel the {title}, {found['id']}", {"id": found["id"]}, f"cancel the {title}"
    )


def noted(what: str, **when: str) -> Any:
    """A step: a to-do is added; `when`: its `date` and `time`, if it has any."""
    yield from carried_out(
        "calendar.add_todo",
        f"add the to-do to {what}",
        {"title": capitalised(what), **when},
        "add the to-do",
    )
