"""What is said after an everyday request: another fact or person, another day or time, another list, one more."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from umi_lab.synthesis.asked import Asked, asked
from umi_lab.synthesis.families.called_events import event_named, name_of, with_event
from umi_lab.synthesis.families.contacts import contact_fact_of
from umi_lab.synthesis.families.conversations import mail_to, moved_after
from umi_lab.synthesis.families.everyday_lists import appended, raise_of
from umi_lab.synthesis.families.everyday_parts import Part, adds_todo, cancels, enters, in_turn
from umi_lab.synthesis.families.everyday_words import SAYS, action, called, filled, line, said, told_now
from umi_lab.synthesis.home import Home, capitalised, clock_of, topic_of
from umi_lab.synthesis.pools import Draw
from umi_lab.synthesis.script import Done, Ended, Script, ScriptContext, Use
from umi_lab.synthesis.steps import carried_out, events_on, failed, person_of, require
from umi_lab.synthesis.task import Task

__all__ = [
    "cancels_then",
    "day_then",
    "enters_then",
    "fact_then",
    "line_then",
    "moves_then",
    "other_list",
    "tells_then",
    "todo_then",
    "whose_then",
]

_FACTS = {"email": "address", "phone": "phone number"}


def _task(text: str, part: Part, home: Home | None = None) -> Task:
    def script(context: ScriptContext) -> Script:
        return (yield from in_turn(context, part))

    return Task(instruction=text, script=script, home=home)


def fact_then(draw: Draw, home: Home) -> Task:
    """Ask for somebody's address, then for the number, or the other way round: the first look-up has both."""
    who = name_of(draw, home)
    fact, other = draw.rng.choice((("email", "phone"), ("phone", "email")))
    found: list[Mapping[str, Any]] = []

    def first(context: ScriptContext) -> Any:
        require(context, "contacts.search")
        name = context.seen(who)
        found.append((yield from person_of(context, name, _FACTS[fact])))
        return f"The {_FACTS[fact]} of {name} is {found[0][fact]}."

    def second(context: ScriptContext) -> Any:
        name = context.seen(who)
        person = found[0] if found else (yield from person_of(context, name, _FACTS[other]))
        return f"The {_FACTS[other]} of {name} is {person[other]}."

    text = filled(said(draw, f"short_name_{fact}"), n=who)
    then = _task(said(draw, "then_number" if other == "phone" else "then_address"), second)
    return replace(_task(text, first), then=(then,))


def whose_then(draw: Draw, home: Home) -> Task:
    """Ask for somebody's number or address, then for that of another one."""
    one, other = draw.rng.sample(home.people, 2)
    given, fact = draw.chance(0.6), draw.rng.choice(("email", "phone"))
    first, second = (one.given, other.given) if given else (one.name, other.name)
    text = filled(said(draw, f"short_name_{fact}"), n=first)
    then = contact_fact_of(draw, second, fact, said=filled(said(draw, "then_whose"), n=second))
    return replace(contact_fact_of(draw, first, fact, said=text), then=(then,))


def day_then(draw: Draw, home: Home) -> Task:
    """Ask for the events of a day, then of another one."""
    days = [home.today + timedelta(draw.rng.randint(0, 12)), draw.rng.choice(home.events).day]
    first = asked(draw, home, "range", {"d": days[0]}, template=said(draw, "range"))
    second = asked(draw, home, "range", {"d": days[1]}, template=said(draw, "then_day"))
    return replace(_task(first.text, _lists(first)), then=(_task(second.text, _lists(second)),))


def _lists(words: Asked) -> Part:
    def part(context: ScriptContext) -> Any:
        words.seen_by(context)
        require(context, "calendar.list")
        on = words.told["d"]
        events = yield from events_on(on, words.given["d"])
        listed = ", ".join(f"{event['title']} at {event['start'][11:16]}" for event in events)
        return f"{capitalised(on)} you have {listed}." if events else f"You have nothing {on}."

    return part


def _correction(draw: Draw, home: Home, day: date) -> Asked:
    """Another time, or another day than this."""
    on_day = draw.chance(0.45)
    days = {"d": day + timedelta(draw.rng.randint(1, 5))} if on_day else {}
    template = said(draw, "then_move_day" if on_day else "then_time")
    return asked(draw, home, "corrected", days, "" if on_day else clock_of(draw), template=template)


def enters_then(draw: Draw, home: Home) -> Task:
    """Put something into the calendar, then say that it is at another time or on another day."""
    title, day = called(draw, home), home.today + timedelta(draw.rng.randint(0, 20))
    template = filled(said(draw, "enter"), e=title)
    first = asked(draw, home, "enter", {"d": day}, clock_of(draw), template=template)
    made: list[str] = []
    then = moved_after(_correction(draw, home, day), title, made)
    return replace(_task(first.text, enters(title, first, made)), then=(then,))


def moves_then(draw: Draw, home: Home) -> Task:
    """Move an event, then say that it goes somewhere else."""
    title = called(draw, home)
    event, home = with_event(draw, home, title)
    first = asked(draw, home, "move", {}, clock_of(draw), template=filled(said(draw, "move"), e=title))
    moved: list[str] = []

    def part(context: ScriptContext) -> Any:
        first.seen_by(context)
        require(context, "calendar.search", "calendar.update")
        shown = context.seen(title)
        found = yield from event_named(shown)
        purpose = f"move the {shown}, {found['id']}, to {first.told['t']}"
        arguments = {"id": found["id"], **first.arguments}
        yield from carried_out("calendar.update", purpose, arguments, f"move the {shown}")
        moved.append(found["id"])
        return f"The {shown} is {first.when} now."

    then = moved_after(_correction(draw, home, event.day), title, moved)
    return replace(_task(first.text, part, home), then=(then,))


def _two_lists(draw: Draw, home: Home) -> tuple[str, str, Home]:
    """A home with two lists, and what they are called."""
    topics = list(dict.fromkeys(topic_of(draw) for _ in range(4)))[:2]
    one, other = topics if len(topics) == 2 else ("shopping", "packing")
    lists = {f"{topic} list": f"- {topic_of(draw)}" for topic in (one, other)}
    return one, other, replace(home, notes={**home.notes, **lists})


def line_then(draw: Draw, home: Home) -> Task:
    """Add something to a list, then one thing more, or the same to another list."""
    one, other, home = _two_lists(draw, home)
    first, more = line(draw, home), line(draw, home)
    text = filled(said(draw, "line"), x=one, y=first)
    if draw.chance(0.5):
        then = _task(filled(said(draw, "then_more"), y=more), lambda context: appended(context, one, more))
    else:
        then = _task(
            filled(said(draw, "then_list"), x=other), lambda context: appended(context, other, first)
        )
    return replace(_task(text, lambda context: appended(context, one, first), home), then=(then,))


def other_list(draw: Draw, home: Home) -> Task:
    """Add something to a list, then say that it belongs on the other one, where there are two."""
    one, _, home = _two_lists(draw, home)
    what, ids = line(draw, home), list[str]()

    def second(context: ScriptContext) -> Any:
        require(context, "notes.append")
        added = context.seen(what)
        seen = yield Use(
            "notes.append", f"add {added} to the other list", {"title": "list", "text": capitalised(added)}
        )
        raise_of(seen.failure, "list", "add it to the other list")
        if seen.failure:
            raise Ended(failed("notes.append", seen))
        others = [note for note in seen.value.get("matches", ()) if note["id"] not in ids]
        if len(others) != 1 or not ids:
            raise Ended(Done("It is not clear which.", "Which list do you mean?"))
        arguments = {"title": others[0]["id"], "text": capitalised(added)}
        again = yield Use("notes.append", f"add {added} to {others[0]['id']}", arguments)
        raise_of(again.failure, "list", "add it to the other list")
        if again.failure:
            raise Ended(failed("notes.append", again))
        return f"Your note {others[0]['title']} has it now: {capitalised(added)}"

    text = filled(said(draw, "line"), x=one, y=what)
    then = _task(said(draw, "then_other"), second)
    return replace(_task(text, lambda context: appended(context, one, what, ids), home), then=(then,))


def cancels_then(draw: Draw, home: Home) -> Task:
    """Cancel an event, then another one."""
    one, other = called(draw, home), called(draw, home)
    for title in dict.fromkeys((one, other)):
        _, home = with_event(draw, home, title)
    then = _task(filled(said(draw, "then_cancel"), e=other), cancels(other))
    return replace(_task(filled(said(draw, "cancel"), e=one), cancels(one), home), then=(then,))


def tells_then(draw: Draw, home: Home) -> Task:
    """Tell somebody something, then have it told to another one."""
    one, other = draw.rng.sample(home.people, 2)
    given, message = draw.chance(0.6), told_now(draw)
    first, second = (one.given, other.given) if given else (one.name, other.name)
    text = filled(said(draw, "tell"), n=first, m=message.clause)
    then = mail_to(second, message, filled(said(draw, "then_recipient"), n=second))
    return replace(mail_to(first, message, text), then=(then,))


def todo_then(draw: Draw, home: Home) -> Task:
    """Have a to-do noted, then another one."""
    one, other = action(draw, home), action(draw, home)
    text = filled(draw.rng.choice(SAYS["todo"]), a=one)
    then = _task(filled(said(draw, "then_todo"), a=other), adds_todo(other))
    return replace(_task(text, adds_todo(one)), then=(then,))
